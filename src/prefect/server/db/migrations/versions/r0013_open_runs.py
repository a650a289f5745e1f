"""Indexes of unfinished runs whose condition costs little for each row that is written."""

from alembic import op

from prefect.server.db.migrations import index

revision = "0013"
down_revision = "0012"

LEASED = "lease_until IS NOT NULL"
OPEN = "state_type <> 'COMPLETED' AND state_type <> 'FAILED' AND state_type <> 'CANCELLED' AND state_type <> 'CRASHED'"
LISTED = "state_type NOT IN ('COMPLETED', 'FAILED', 'CANCELLED', 'CRASHED')"


def upgrade() -> None:
    _replace_indexes(OPEN)


def downgrade() -> None:
    _replace_indexes(LISTED)


def _replace_indexes(is_open: str) -> None:
    for name, table, columns, where in (
        ("flow_run_open", "flow_run", "owner", is_open),
        ("flow_run_leased", "flow_run", "lease_until", f"{LEASED} AND {is_open}"),
        ("task_run_open", "task_run", "owner", is_open),
    ):
        op.drop_index(name, table)
        index(name, table, columns, where)
