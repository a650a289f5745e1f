"""The names of states that runs have had, in a table of their own."""

import sqlalchemy as sa
from alembic import op

from prefect.server.db.migrations import Time, required

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "observed_state", *required(sa.Text, "id state_type state_name"), *required(Time, "first_seen last_seen")
    )
    states = _POSTGRES_STATES if op.get_context().dialect.name == "postgresql" else _SQLITE_STATES
    every = " UNION ALL ".join(states.format(table=table) for table in ("flow_run", "task_run"))
    op.execute(
        "INSERT INTO observed_state (id, state_type, state_name, first_seen, last_seen)"
        " SELECT state_type || ':' || state_name, state_type, state_name, min(seen), max(seen)"
        f" FROM ({every}) AS states WHERE state_type IS NOT NULL AND seen IS NOT NULL GROUP BY state_type, state_name"
    )


def downgrade() -> None:
    op.drop_table("observed_state")


# A state without a name of its own has that of its type. Times within `states` are microseconds from 1970.

_SQLITE_STATES = """
    SELECT json_extract(value, '$.type') AS state_type,
        coalesce(
            json_extract(value, '$.name'),
            substr(json_extract(value, '$.type'), 1, 1) || lower(substr(json_extract(value, '$.type'), 2))
        ) AS state_name,
        json_extract(value, '$.timestamp') AS seen
    FROM {table}, json_each({table}.states)"""

_POSTGRES_STATES = """
    SELECT state ->> 'type' AS state_type,
        coalesce(state ->> 'name', initcap(state ->> 'type')) AS state_name,
        timestamptz 'epoch' + (state ->> 'timestamp')::bigint * interval '1 microsecond' AS seen
    FROM {table}, json_array_elements({table}.states) AS state"""
