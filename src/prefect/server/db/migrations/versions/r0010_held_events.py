"""Events whose evaluation waits for the event that they follow."""

import sqlalchemy as sa
from alembic import op

from prefect.server.db.migrations import Time, Uuid, required

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_table(
        "held_event",
        sa.Column("id", Uuid, nullable=False, primary_key=True),
        *required(Uuid, "follows"),
        *required(Time, "occurred until"),
    )


def downgrade() -> None:
    op.drop_table("held_event")
