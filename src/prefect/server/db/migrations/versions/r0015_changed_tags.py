"""The tags that a bulk job has really added to each run, or removed from it, by which it is undone."""

from alembic import op

from prefect.server.db.migrations import Json, optional

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    for column in optional(Json, "tags"):
        op.add_column("bulk_result", column)


def downgrade() -> None:
    op.drop_column("bulk_result", "tags")
