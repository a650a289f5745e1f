"""The time at which a schedule is planned again is named for that."""

from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    op.alter_column("deployment_schedule", "look_at", new_column_name="replan_at")


def downgrade() -> None:
    op.alter_column("deployment_schedule", "replan_at", new_column_name="look_at")
