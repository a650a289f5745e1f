"""Jobs that act on many flow runs, and what came of each run."""

import sqlalchemy as sa
from alembic import op

from prefect.server.db.migrations import Int, Json, Time, Uuid, index, optional, required

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.create_table(
        "bulk_job",
        sa.Column("id", Uuid, nullable=False, primary_key=True),
        *required(Time, "created updated"),
        *required(sa.Text, "action status query"),
        *optional(sa.Text, "message"),
        *optional(Json, "ids options"),
        *required(Int, "total done left_"),
        *optional(Uuid, "after"),
    )
    index("bulk_job_by_created", "bulk_job", "created")
    op.create_table(
        "bulk_result",
        sa.Column("job_id", Uuid, nullable=False, primary_key=True),
        sa.Column("run_id", Uuid, nullable=False, primary_key=True),
        *required(sa.Text, "name outcome"),
        *optional(sa.Text, "reason"),
    )


def downgrade() -> None:
    op.drop_table("bulk_result")
    op.drop_table("bulk_job")
