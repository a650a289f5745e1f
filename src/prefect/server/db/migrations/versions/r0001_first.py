"""The first schema: flows, runs with their states, logs, artifacts, owners."""

import sqlalchemy as sa
from alembic import op

from prefect.server.db.migrations import Duration, Flag, Int, Json, Time, Uuid, index, optional, required

revision = "0001"
down_revision = None

OPEN = "state_type NOT IN ('COMPLETED', 'FAILED', 'CANCELLED', 'CRASHED')"


def _derived() -> list[sa.Column]:
    return [
        *optional(sa.Text, "state_type state_name"),
        *optional(Time, "state_timestamp expected_start_time next_scheduled_start_time start_time end_time"),
        *optional(Duration, "total_run_time"),
        *optional(Int, "run_count"),
    ]


def upgrade() -> None:
    _flows_and_runs()
    _logs_and_artifacts()
    op.create_table("process", *required(Uuid, "id"), *required(Int, "pid"), sa.Column("start", sa.Text),
                    *required(sa.Text, "host"), *required(Time, "created"))  # fmt: skip
    op.create_table("set_aside", *required(Uuid, "id"), *optional(Uuid, "run_id"), *required(Time, "created"),
                    *required(sa.Text, "reason record"))  # fmt: skip
    index("set_aside_by_run", "set_aside", "run_id", "run_id IS NOT NULL")
    op.create_table("meta", sa.Column("key", sa.Text, primary_key=True), *required(sa.Text, "value"))


def _flows_and_runs() -> None:
    op.create_table("flow", *required(Uuid, "id"), *required(Time, "created updated"), *required(sa.Text, "name"),
                    *optional(Json, "tags labels"))  # fmt: skip
    index("flow_by_name", "flow", "name", unique=True)
    op.create_table(
        "flow_run",
        *required(Uuid, "id"),
        *required(Time, "created updated"),
        *required(sa.Text, "name"),
        *required(Uuid, "flow_id"),
        *optional(Uuid, "parent_task_run_id owner"),
        *_derived(),
        *optional(sa.Text, "flow_version deployment_version work_queue_name idempotency_key infrastructure_pid"),
        *optional(Uuid, "deployment_id work_queue_id infrastructure_document_id"),
        *optional(Flag, "auto_scheduled"),
        *optional(Json, "tags labels parameters context empirical_policy job_variables created_by states result"),
    )
    index("flow_run_by_flow", "flow_run", "flow_id expected_start_time")
    index("flow_run_by_expected_start", "flow_run", "expected_start_time")
    index("flow_run_by_parent", "flow_run", "parent_task_run_id", "parent_task_run_id IS NOT NULL")
    index("flow_run_open", "flow_run", "owner", OPEN)
    op.create_table(
        "task_run",
        *required(Uuid, "id"),
        *required(Time, "created updated"),
        *required(sa.Text, "name"),
        *optional(Uuid, "flow_run_id owner"),
        *_derived(),
        *required(sa.Text, "task_key dynamic_key"),
        *optional(sa.Text, "task_version cache_key"),
        *optional(Time, "cache_expiration"),
        *optional(Int, "flow_run_run_count"),
        *optional(Json, "tags labels task_inputs empirical_policy states result"),
    )
    index("task_run_by_flow_run", "task_run", "flow_run_id")
    index("task_run_open", "task_run", "owner", OPEN)


def _logs_and_artifacts() -> None:
    op.create_table("log", *required(Uuid, "id"), *required(Time, "timestamp"), *required(sa.Text, "name message"),
                    *required(Int, "level"), *optional(Uuid, "flow_run_id task_run_id"))  # fmt: skip
    index("log_by_flow_run", "log", "flow_run_id timestamp")
    index("log_by_task_run", "log", "task_run_id timestamp", "task_run_id IS NOT NULL")
    op.create_table("artifact", *required(Uuid, "id"), *required(Time, "created updated"),
                    *optional(sa.Text, "key type description"), *optional(Json, "data metadata_"),
                    *optional(Uuid, "flow_run_id task_run_id"))  # fmt: skip
    index("artifact_by_key", "artifact", "key created", "key IS NOT NULL")
    index("artifact_by_flow_run", "artifact", "flow_run_id")


def downgrade() -> None:
    for table in ("meta", "set_aside", "process", "artifact", "log", "task_run", "flow_run", "flow"):
        op.drop_table(table)
