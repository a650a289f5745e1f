"""Tables of the server besides runs: events, deployments, work pools, blocks, limits and so on."""

import sqlalchemy as sa
from alembic import op

from prefect.server.db.migrations import Bytes, Flag, Int, Json, Real, Time, Uuid, index, optional, required

revision = "0002"
down_revision = "0001"

OPEN = "state_type NOT IN ('COMPLETED', 'FAILED', 'CANCELLED', 'CRASHED')"


def upgrade() -> None:
    _runs()
    _events()
    _deployments()
    _work()
    _blocks()
    _values()


def _runs() -> None:
    op.add_column("flow_run", sa.Column("lease_until", Time))
    index("flow_run_by_deployment", "flow_run", "deployment_id expected_start_time", "deployment_id IS NOT NULL")
    op.create_index("flow_run_by_start", "flow_run", [sa.text("coalesce(start_time, expected_start_time)")])
    index("flow_run_scheduled", "flow_run", "next_scheduled_start_time", "next_scheduled_start_time IS NOT NULL")
    index(
        "flow_run_by_idempotency", "flow_run", "flow_id idempotency_key", "idempotency_key IS NOT NULL", unique=True
    )  # fmt: skip
    index("flow_run_leased", "flow_run", "lease_until", f"lease_until IS NOT NULL AND {OPEN}")
    index("flow_run_held", "flow_run", "state_timestamp", "state_type IN ('PAUSED', 'CANCELLING')")
    index(
        "flow_run_by_queue",
        "flow_run",
        "work_queue_id",
        "work_queue_id IS NOT NULL AND state_type IN ('PENDING', 'RUNNING', 'CANCELLING')",
    )
    index(
        "task_run_scheduled", "task_run", "task_key next_scheduled_start_time", "next_scheduled_start_time IS NOT NULL"
    )  # fmt: skip
    op.create_table(
        "cached_state",
        sa.Column("cache_key", sa.Text, nullable=False, primary_key=True),
        *optional(Time, "expiration"),
        *required(Json, "state"),
    )


def _events() -> None:
    op.create_table(
        "event",
        sa.Column("occurred", Time, nullable=False, primary_key=True),
        *required(Uuid, "id"),
        *required(Int, "delay"),
        *required(sa.Text, "event resource"),
        *optional(Uuid, "resource_id flow_run_id follows"),
        *required(Bytes, "body"),
        sqlite_with_rowid=False,
    )
    index("event_by_flow_run", "event", "flow_run_id", "flow_run_id IS NOT NULL")
    op.create_table(
        "automation",
        *required(Uuid, "id"),
        *required(Time, "created updated"),
        *required(sa.Text, "name description"),
        *required(Flag, "enabled"),
        *optional(Json, "tags actions actions_on_trigger actions_on_resolve related"),
        *required(Json, "trigger"),
        *optional(sa.Text, "owner_resource"),
    )
    op.create_table(
        "saved_search",
        *required(Uuid, "id"),
        *required(Time, "created updated"),
        *required(sa.Text, "name"),
        *optional(Json, "filters"),
    )
    index("saved_search_by_name", "saved_search", "name", unique=True)
    op.create_table(
        "csrf_token",
        *required(Uuid, "id"),
        *required(Time, "created updated expiration"),
        *required(sa.Text, "client token"),
    )
    index("csrf_token_by_client", "csrf_token", "client", unique=True)
    op.create_table(
        "leader",
        sa.Column("name", sa.Text, nullable=False, primary_key=True),
        *required(sa.Text, "owner"),
        *required(Time, "until"),
    )


def _deployments() -> None:
    op.create_table(
        "deployment",
        *required(Uuid, "id flow_id"),
        *required(Time, "created updated"),
        *required(sa.Text, "name"),
        *required(Flag, "paused enforce_parameter_schema"),
        *optional(sa.Text, "version description path entrypoint status work_queue_name"),
        *optional(Uuid, "version_id work_queue_id storage_document_id infrastructure_document_id concurrency_limit_id"),
        *optional(Int, "concurrency_limit"),
        *optional(Time, "last_polled"),
        *optional(Json, "tags labels parameters job_variables pull_steps parameter_openapi_schema"),
        *optional(Json, "concurrency_options created_by updated_by version_info"),
    )
    index("deployment_by_flow", "deployment", "flow_id name", unique=True)
    index("deployment_by_queue", "deployment", "work_queue_id", "work_queue_id IS NOT NULL")
    op.create_table(
        "deployment_schedule",
        *required(Uuid, "id deployment_id"),
        *required(Time, "created updated"),
        *required(Flag, "active"),
        *optional(Int, "max_scheduled_runs"),
        *optional(sa.Text, "slug"),
        *optional(Time, "look_at"),
        *required(Json, "schedule"),
        *optional(Json, "parameters"),
    )
    index("deployment_schedule_by_deployment", "deployment_schedule", "deployment_id")


def _work() -> None:
    op.create_table(
        "work_pool",
        *required(Uuid, "id"),
        *required(Time, "created updated"),
        *required(sa.Text, "name type"),
        *optional(sa.Text, "description status"),
        *required(Flag, "is_paused"),
        *optional(Int, "concurrency_limit"),
        *optional(Uuid, "default_queue_id last_status_event"),
        *optional(Json, "base_job_template storage_configuration"),
    )
    index("work_pool_by_name", "work_pool", "name", unique=True)
    op.create_table(
        "work_queue",
        *required(Uuid, "id work_pool_id"),
        *required(Time, "created updated"),
        *required(sa.Text, "name"),
        *optional(sa.Text, "description status"),
        *required(Flag, "is_paused"),
        *optional(Int, "concurrency_limit"),
        *required(Int, "priority"),
        *optional(Time, "last_polled"),
        *optional(Json, "filter"),
    )
    index("work_queue_by_pool", "work_queue", "work_pool_id name", unique=True)
    op.create_table(
        "worker",
        *required(Uuid, "id work_pool_id"),
        *required(Time, "created updated"),
        *required(sa.Text, "name"),
        *optional(Time, "last_heartbeat_time"),
        *optional(Int, "heartbeat_interval_seconds"),
        *optional(sa.Text, "status"),
        *optional(Json, "metadata"),
    )
    index("worker_by_pool", "worker", "work_pool_id name", unique=True)
    op.create_table(
        "cleanup",
        *required(Uuid, "id work_pool_id"),
        *required(Time, "created updated"),
        *required(sa.Text, "kind"),
        *optional(Uuid, "work_queue_id reservation_token"),
        *optional(Time, "lease_expires_at finished"),
        *required(Int, "delivery_count"),
        *optional(Json, "target data"),
    )
    index("cleanup_by_pool", "cleanup", "work_pool_id")


def _blocks() -> None:
    op.create_table(
        "block_type",
        *required(Uuid, "id"),
        *required(Time, "created updated"),
        *required(sa.Text, "name slug"),
        *optional(sa.Text, "logo_url documentation_url description code_example"),
        *required(Flag, "is_protected"),
    )
    index("block_type_by_slug", "block_type", "slug", unique=True)
    op.create_table(
        "block_schema",
        *required(Uuid, "id block_type_id"),
        *required(Time, "created updated"),
        *required(sa.Text, "checksum version"),
        *optional(Json, "fields capabilities"),
    )
    index("block_schema_by_checksum", "block_schema", "checksum version", unique=True)
    index("block_schema_by_type", "block_schema", "block_type_id")
    op.create_table(
        "block_document",
        *required(Uuid, "id block_type_id block_schema_id"),
        *required(Time, "created updated"),
        *required(sa.Text, "name data"),
        *required(Flag, "is_anonymous"),
        *optional(Json, "references_"),
    )
    index("block_document_by_name", "block_document", "block_type_id name", unique=True)


def _values() -> None:
    op.create_table(
        "variable",
        *required(Uuid, "id"),
        *required(Time, "created updated"),
        *required(sa.Text, "name"),
        *optional(Json, "value tags"),
    )
    index("variable_by_name", "variable", "name", unique=True)
    op.create_table(
        "concurrency_limit",
        *required(Uuid, "id"),
        *required(Time, "created updated"),
        *required(sa.Text, "name"),
        *required(Flag, "active"),
        *required(Int, "limit_ active_slots denied_slots"),
        *required(Real, "slot_decay_per_second avg_slot_occupancy_seconds"),
    )
    index("concurrency_limit_by_name", "concurrency_limit", "name", unique=True)
    op.create_table(
        "lease",
        *required(Uuid, "id"),
        *required(Time, "created"),
        *optional(Time, "expires"),
        *required(Int, "slots"),
        *required(Json, "limits"),
        *optional(Json, "holder"),
    )
    index("lease_by_end", "lease", "expires", "expires IS NOT NULL")
    op.create_table(
        "flow_run_input",
        *required(Uuid, "id flow_run_id"),
        *required(Time, "created updated"),
        *required(sa.Text, "key value"),
        *optional(sa.Text, "sender"),
    )
    index("flow_run_input_by_run", "flow_run_input", "flow_run_id key", unique=True)


def downgrade() -> None:
    for table in (
        *("cached_state", "event", "automation", "saved_search", "csrf_token", "leader"),
        *("deployment", "deployment_schedule"),
        *("work_pool", "work_queue", "worker", "cleanup"),
        *("block_type", "block_schema", "block_document"),
        *("variable", "concurrency_limit", "lease", "flow_run_input"),
    ):
        op.drop_table(table)
    for name in (
        *("flow_run_by_deployment", "flow_run_scheduled", "flow_run_by_idempotency"),
        *("flow_run_by_start", "flow_run_leased", "flow_run_held"),
        "flow_run_by_queue",
    ):
        op.drop_index(name, "flow_run")
    op.drop_index("task_run_scheduled", "task_run")
    op.drop_column("flow_run", "lease_until")
