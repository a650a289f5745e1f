"""Runs in Cancelling take no slot, and PostgreSQL's indexes sort nulls as SQLite's do: before all values."""

from alembic import op
from sqlalchemy import text

from prefect.server.db.migrations import index

revision = "0006"
down_revision = "0005"

TAKES_SLOT = "work_queue_id IS NOT NULL AND state_type IN ('PENDING', 'RUNNING')"
TOOK_SLOT = "work_queue_id IS NOT NULL AND state_type IN ('PENDING', 'RUNNING', 'CANCELLING')"

SORTED = (
    ("flow_run_by_flow", "flow_id, {}", "expected_start_time", ""),
    ("flow_run_by_expected_start", "{}", "expected_start_time", ""),
    ("flow_run_by_start", "{}", "coalesce(start_time, expected_start_time)", ""),
    ("flow_run_by_deployment", "deployment_id, {}", "expected_start_time", " WHERE deployment_id IS NOT NULL"),
)
"""Indexes by a time that may be null: name, columns, the time, condition."""


def upgrade() -> None:
    _replace_queue_index(TAKES_SLOT)
    _replace_sorted_indexes(" NULLS FIRST")


def downgrade() -> None:
    _replace_queue_index(TOOK_SLOT)
    _replace_sorted_indexes("")


def _replace_queue_index(condition: str) -> None:
    op.drop_index("flow_run_by_queue", "flow_run")
    index("flow_run_by_queue", "flow_run", "work_queue_id", condition)


def _replace_sorted_indexes(nulls: str) -> None:
    if op.get_context().dialect.name != "postgresql":  # SQLite sorts so by itself
        return
    for name, columns, time, condition in SORTED:
        op.drop_index(name, "flow_run")
        op.execute(text(f"CREATE INDEX {name} ON flow_run ({columns.format(time + nulls)}){condition}"))
