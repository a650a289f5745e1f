"""Automations fire: events that wait for evaluation, buckets of triggers, firings, and actions that are to be done."""

import sqlalchemy as sa
from alembic import op

from prefect.server.db.migrations import Flag, Int, Json, Time, Uuid, index, optional, required

revision = "0007"
down_revision = "0006"

TABLES = ("event_queue", "bucket", "firing", "action_job")


def upgrade() -> None:
    index("automation_enabled", "automation", "id updated", "enabled")
    op.create_table("event_queue", *required(Uuid, "id"), *required(sa.Text, "keys"))
    op.create_table(
        "bucket",
        *required(Uuid, "id automation_id trigger_id"),
        *required(Time, "start due"),
        *optional(Time, "until event_occurred"),
        *required(Int, "count"),
        *required(Flag, "fired"),
        *optional(Uuid, "event_id"),
        *optional(Json, "labels children"),
    )
    index("bucket_by_due", "bucket", "due")
    index("bucket_by_automation", "bucket", "automation_id")
    op.create_table("firing", *required(Uuid, "id automation_id trigger_id"), *required(Time, "created triggered"))
    index("firing_by_age", "firing", "created")
    op.create_table(
        "action_job",
        *required(Uuid, "id automation_id"),
        *required(Time, "created due"),
        *required(Int, "attempts"),
        *optional(sa.Text, "owner"),
        *required(Json, "body"),
    )
    index("action_job_by_due", "action_job", "due")
    index("action_job_claimed", "action_job", "owner", "owner IS NOT NULL")


def downgrade() -> None:
    op.drop_index("automation_enabled", "automation")
    for table in TABLES:
        op.drop_table(table)
