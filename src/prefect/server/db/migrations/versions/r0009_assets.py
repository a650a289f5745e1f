"""Assets, and of what each is made, as the events of their materializations say."""

import sqlalchemy as sa
from alembic import op

from prefect.server.db.migrations import Json, Time, Uuid, index, optional, required

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_table(
        "asset",
        sa.Column("key", sa.Text, nullable=False, primary_key=True),
        *required(Time, "created updated"),
        *optional(sa.Text, "name description url materialized_by"),
        *optional(Json, "owners"),
        *optional(sa.Text, "outcome"),
        *optional(Time, "occurred materialized"),
        *optional(Uuid, "event_id flow_run_id task_run_id"),
        *optional(Json, "metadata"),
    )
    index("asset_by_update", "asset", "updated")
    op.create_table(
        "asset_source",
        sa.Column("asset_key", sa.Text, nullable=False, primary_key=True),
        sa.Column("source_key", sa.Text, nullable=False, primary_key=True),
        *required(Time, "seen"),
    )
    index("asset_source_by_source", "asset_source", "source_key")


def downgrade() -> None:
    op.drop_table("asset_source")
    op.drop_table("asset")
