"""Facts that workers report: machine, process, versions, and the last run that they could not start."""

from alembic import op

from prefect.server.db.migrations import Json, optional

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    for column in optional(Json, "metadata"):
        op.add_column("worker", column)


def downgrade() -> None:
    op.drop_column("worker", "metadata")
