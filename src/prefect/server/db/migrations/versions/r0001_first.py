"""The first schema: flows, runs with their states, logs, artifacts, owners."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from prefect.server.db.migrations import Duration, Flag, Json, Time, Uuid

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

OPEN = sa.text("state_type NOT IN ('COMPLETED', 'FAILED', 'CANCELLED', 'CRASHED')")


def _required(kind: Any, names: str) -> list[sa.Column]:
    return [sa.Column(name, kind, nullable=False, primary_key=name == "id") for name in names.split()]


def _optional(kind: Any, names: str) -> list[sa.Column]:
    return [sa.Column(name, kind) for name in names.split()]


def _derived() -> list[sa.Column]:
    return [
        *_optional(sa.Text, "state_type state_name"),
        *_optional(Time, "state_timestamp expected_start_time next_scheduled_start_time start_time end_time"),
        *_optional(Duration, "total_run_time"),
        *_optional(sa.Integer, "run_count"),
    ]


def _index(name: str, table: str, columns: list[str], where: object = None, unique: bool = False) -> None:
    where = sa.text(where) if isinstance(where, str) else where
    op.create_index(name, table, columns, unique=unique, sqlite_where=where, postgresql_where=where)


def upgrade() -> None:
    _flows_and_runs()
    _logs_and_artifacts()
    op.create_table("process", *_required(Uuid, "id"), *_required(sa.Integer, "pid"), sa.Column("start", sa.Text),
                    *_required(sa.Text, "host"), *_required(Time, "created"))  # fmt: skip
    op.create_table("set_aside", *_required(Uuid, "id"), *_optional(Uuid, "run_id"), *_required(Time, "created"),
                    *_required(sa.Text, "reason record"))  # fmt: skip
    _index("set_aside_by_run", "set_aside", ["run_id"], "run_id IS NOT NULL")
    op.create_table("meta", sa.Column("key", sa.Text, primary_key=True), *_required(sa.Text, "value"))


def _flows_and_runs() -> None:
    op.create_table("flow", *_required(Uuid, "id"), *_required(Time, "created updated"), *_required(sa.Text, "name"),
                    *_optional(Json, "tags labels"))  # fmt: skip
    _index("flow_by_name", "flow", ["name"], unique=True)
    op.create_table(
        "flow_run",
        *_required(Uuid, "id"),
        *_required(Time, "created updated"),
        *_required(sa.Text, "name"),
        *_required(Uuid, "flow_id"),
        *_optional(Uuid, "parent_task_run_id owner"),
        *_derived(),
        *_optional(sa.Text, "flow_version deployment_version work_queue_name idempotency_key infrastructure_pid"),
        *_optional(Uuid, "deployment_id work_queue_id infrastructure_document_id"),
        *_optional(Flag, "auto_scheduled"),
        *_optional(Json, "tags labels parameters context empirical_policy job_variables created_by states result"),
    )
    _index("flow_run_by_flow", "flow_run", ["flow_id", "expected_start_time"])
    _index("flow_run_by_expected_start", "flow_run", ["expected_start_time"])
    _index("flow_run_by_parent", "flow_run", ["parent_task_run_id"], "parent_task_run_id IS NOT NULL")
    _index("flow_run_open", "flow_run", ["owner"], OPEN)
    op.create_table(
        "task_run",
        *_required(Uuid, "id"),
        *_required(Time, "created updated"),
        *_required(sa.Text, "name"),
        *_optional(Uuid, "flow_run_id owner"),
        *_derived(),
        *_required(sa.Text, "task_key dynamic_key"),
        *_optional(sa.Text, "task_version cache_key"),
        *_optional(Time, "cache_expiration"),
        *_optional(sa.Integer, "flow_run_run_count"),
        *_optional(Json, "tags labels task_inputs empirical_policy states result"),
    )
    _index("task_run_by_flow_run", "task_run", ["flow_run_id"])
    _index("task_run_open", "task_run", ["owner"], OPEN)


def _logs_and_artifacts() -> None:
    op.create_table("log", *_required(Uuid, "id"), *_required(Time, "timestamp"), *_required(sa.Text, "name message"),
                    *_required(sa.Integer, "level"), *_optional(Uuid, "flow_run_id task_run_id"))  # fmt: skip
    _index("log_by_flow_run", "log", ["flow_run_id", "timestamp"])
    _index("log_by_task_run", "log", ["task_run_id", "timestamp"], "task_run_id IS NOT NULL")
    op.create_table("artifact", *_required(Uuid, "id"), *_required(Time, "created updated"),
                    *_optional(sa.Text, "key type description"), *_optional(Json, "data metadata_"),
                    *_optional(Uuid, "flow_run_id task_run_id"))  # fmt: skip
    _index("artifact_by_key", "artifact", ["key", "created"], "key IS NOT NULL")
    _index("artifact_by_flow_run", "artifact", ["flow_run_id"])


def downgrade() -> None:
    for table in ("meta", "set_aside", "process", "artifact", "log", "task_run", "flow_run", "flow"):
        op.drop_table(table)
