"""The worker that wrote a log, and the index by which its log is read in order."""

from alembic import op

from prefect.server.db.migrations import Uuid, index, optional

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    for column in optional(Uuid, "worker_id"):
        op.add_column("log", column)
    index("log_by_worker", "log", "worker_id timestamp", "worker_id IS NOT NULL")


def downgrade() -> None:
    op.drop_index("log_by_worker", "log")
    op.drop_column("log", "worker_id")
