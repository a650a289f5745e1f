"""The tables as they are now: each column's kind, each index and the query it serves.

How a kind is stored is the dialect's business; how an older file becomes this is the migrations'. A test holds the
migrations to what is declared here.

A run is one row. Its states are in it, as a JSON array in order of their timestamps, for three reasons: a task run
costs one row and one index entry where it would cost four and eight; adding a state requires all of them to derive
the run's columns; and they are never read without the run. The newest state's type, name and time, which
filters use, are columns derived from them. `result` is the last column, so that a scan need not read past it.

There are no foreign keys: records of several processes arrive in any order, and each key would cost a look-up a row.
"""

from __future__ import annotations

from prefect.server.db.schema.asset_tables import ASSET as ASSET
from prefect.server.db.schema.asset_tables import ASSET_SOURCE as ASSET_SOURCE
from prefect.server.db.schema.automation_tables import ACTION_JOB as ACTION_JOB
from prefect.server.db.schema.automation_tables import AUTOMATION as AUTOMATION
from prefect.server.db.schema.automation_tables import BUCKET as BUCKET
from prefect.server.db.schema.automation_tables import EVENT_QUEUE as EVENT_QUEUE
from prefect.server.db.schema.automation_tables import FIRING as FIRING
from prefect.server.db.schema.automation_tables import HELD_EVENT as HELD_EVENT
from prefect.server.db.schema.bulk_tables import BULK_JOB as BULK_JOB
from prefect.server.db.schema.bulk_tables import BULK_RESULT as BULK_RESULT
from prefect.server.db.schema.declaration import RECORD_COLUMNS as _RECORD_COLUMNS
from prefect.server.db.schema.declaration import Column as Column
from prefect.server.db.schema.declaration import Index as Index
from prefect.server.db.schema.declaration import Kind as Kind
from prefect.server.db.schema.declaration import Table as Table
from prefect.server.db.schema.declaration import columns as _columns


def is_open(table: str = "") -> str:
    """Return the condition that a run has not finished, as the partial indexes have it; a query must use these words.

    Args:
        table: The name that qualifies the column, as queries need it.
    """
    # Not as a list: for each row that is written, SQLite would fill a table with its values, in 2.3 us an index.
    column = f"{table}.state_type" if table else "state_type"
    return " AND ".join(f"{column} <> '{type_}'" for type_ in ("COMPLETED", "FAILED", "CANCELLED", "CRASHED"))


OCCUPYING = "state_type IN ('PENDING', 'RUNNING')"
"""Runs that take a slot of their work queue and its pool; a query must use these words, as with `is_open`."""

HELD = "state_type IN ('PAUSED', 'CANCELLING')"
"""Flow runs that are paused or being cancelled; the condition of their partial index."""

ACTION_FAILED = "event = 'prefect.automation.action.failed'"
"""Events of actions of automations that failed; the condition of their partial index."""

_SCHEDULED = "next_scheduled_start_time IS NOT NULL"

STARTED = "coalesce(start_time, expected_start_time)"
"""When a run started, or is expected to: a query must contain this text to use the index."""

_BY_START = (
    f"{STARTED} NULLS FIRST",
    *("state_type", "state_name", "start_time", "expected_start_time", "next_scheduled_start_time"),
    *("total_run_time", "state_timestamp"),
)
"""Runs by their start, with what the page of runs counts of them: without reading rows, a third of the time or less."""

_DERIVED = (
    *_columns("text", "state_type state_name"),
    *_columns("time", "state_timestamp expected_start_time next_scheduled_start_time start_time end_time"),
    *_columns("duration", "total_run_time"),
    *_columns("int", "run_count"),
)
"""The columns that `rules.advance` derives from a run's states."""

FLOW = Table(
    "flow",
    (*_RECORD_COLUMNS, *_columns("text", "name!"), *_columns("array", "tags"), *_columns("object", "labels")),
    indexes=(Index("flow_by_name", ("name",), unique=True),),  # a flow by its name; no two of one name
)

FLOW_RUN = Table(
    "flow_run",
    (
        *_RECORD_COLUMNS,
        *_columns("text", "name!"),
        *_columns("uuid", "flow_id! parent_task_run_id owner"),
        *_DERIVED,
        *_columns("text", "flow_version deployment_version work_queue_name idempotency_key infrastructure_pid"),
        *_columns("uuid", "deployment_id work_queue_id infrastructure_document_id"),
        *_columns("bool", "auto_scheduled"),
        *_columns("time", "lease_until"),
        *_columns("array", "tags"),
        *_columns("object", "labels parameters context empirical_policy"),
        *_columns("json", "job_variables created_by"),
        *_columns("array", "states"),
        *_columns("json", "result"),
    ),
    indexes=(
        Index("flow_run_by_flow", ("flow_id", "expected_start_time NULLS FIRST")),  # the runs of a flow, newest first
        Index("flow_run_by_expected_start", ("expected_start_time NULLS FIRST",)),  # `flow-run ls`, dashboards
        Index("flow_run_by_start", _BY_START),  # the page of flow runs, newest first, and its counts
        # The subflow behind a task run, and the subflows of a flow run.
        Index("flow_run_by_parent", ("parent_task_run_id",), where="parent_task_run_id IS NOT NULL"),
        Index("flow_run_open", ("owner",), where=is_open()),  # runs whose owner may have ended; running runs
        # The runs of a deployment, newest first; the scheduler's query for scheduled runs.
        Index(
            "flow_run_by_deployment",
            ("deployment_id", "expected_start_time NULLS FIRST"),
            where="deployment_id IS NOT NULL",
        ),
        # What is due, for workers and for the loop that marks late runs.
        Index("flow_run_scheduled", ("next_scheduled_start_time",), where=_SCHEDULED),
        # A run that is requested twice is created once.
        Index(
            "flow_run_by_idempotency",
            ("flow_id", "idempotency_key"),
            unique=True,
            where="idempotency_key IS NOT NULL",
        ),
        # Runs whose owner sends no heartbeats any more.
        Index("flow_run_leased", ("lease_until",), where=f"lease_until IS NOT NULL AND {is_open()}"),
        Index("flow_run_held", ("state_timestamp",), where=HELD),  # pauses that ran out, and cancelling that lasts
        # How many slots of a work queue are taken, and by what.
        Index("flow_run_by_queue", ("work_queue_id",), where=f"work_queue_id IS NOT NULL AND {OCCUPYING}"),
    ),
)

TASK_RUN = Table(
    "task_run",
    (
        *_RECORD_COLUMNS,
        *_columns("text", "name!"),
        *_columns("uuid", "flow_run_id owner"),
        *_DERIVED,
        *_columns("text", "task_key! dynamic_key! task_version cache_key"),
        *_columns("time", "cache_expiration"),
        *_columns("int", "flow_run_run_count"),
        *_columns("array", "tags"),
        *_columns("object", "labels task_inputs empirical_policy"),
        *_columns("array", "states"),
        *_columns("json", "result"),
    ),
    indexes=(
        Index("task_run_by_flow_run", ("flow_run_id",)),  # the task runs of a flow run
        Index("task_run_by_start", _BY_START),  # the page of task runs, newest first, and its counts
        Index("task_run_open", ("owner",), where=is_open()),  # runs whose owner may have ended; running runs
        # What waits for a task worker, by its task.
        Index("task_run_scheduled", ("task_key", "next_scheduled_start_time"), where=_SCHEDULED),
    ),
)

CACHED_STATE = Table(
    "cached_state",
    (*_columns("text", "cache_key!"), *_columns("time", "expiration"), *_columns("json", "state!")),
    key="cache_key",
)
"""Cached states of task runs, by their cache keys."""

LOG = Table(
    "log",
    (
        *_columns("uuid", "id!"),
        *_columns("time", "timestamp!"),
        *_columns("text", "name! message!"),
        *_columns("int", "level!"),
        *_columns("uuid", "flow_run_id task_run_id worker_id"),
    ),
    indexes=(
        Index("log_by_flow_run", ("flow_run_id", "timestamp")),  # the log of a flow run in order
        # The log of a task run in order.
        Index("log_by_task_run", ("task_run_id", "timestamp"), where="task_run_id IS NOT NULL"),
        # The log of a worker in order.
        Index("log_by_worker", ("worker_id", "timestamp"), where="worker_id IS NOT NULL"),
    ),
)

ARTIFACT = Table(
    "artifact",
    (
        *_RECORD_COLUMNS,
        *_columns("text", "key type description"),
        *_columns("json", "data metadata_"),
        *_columns("uuid", "flow_run_id task_run_id"),
    ),
    indexes=(
        Index("artifact_by_key", ("key", "created"), where="key IS NOT NULL"),  # the newest of a key
        Index("artifact_by_flow_run", ("flow_run_id",)),  # the artifacts of a flow run
    ),
)

PROCESS = Table(
    "process",
    (
        *_columns("uuid", "id!"),
        *_columns("int", "pid!"),
        *_columns("text", "start host!"),
        *_columns("time", "created!"),
    ),
)
"""The processes that own runs: an unfinished run whose process is gone has crashed."""

DEAD_LETTER = Table(
    "dead_letter",
    (*_columns("uuid", "id! run_id"), *_columns("time", "created!"), *_columns("text", "reason! record!")),
    indexes=(Index("dead_letter_by_run", ("run_id",), where="run_id IS NOT NULL"),),  # what waits for a run
)
"""Journal records that could not be applied, with the reason. Those with a `run_id` wait for that run."""

EVENT = Table(
    "event",
    (
        *_columns("time", "occurred!"),
        *_columns("uuid", "id!"),
        *_columns("int", "delay!"),  # microseconds from when it occurred until it was received
        *_columns("text", "event! resource!"),
        *_columns("uuid", "resource_id flow_run_id follows"),
        *_columns("bytes", "body!"),
    ),
    clustered=("occurred", "id"),
    indexes=(
        # What happened to a flow run and its task runs. Their times are not in it: one entry for all of a run is small.
        Index("event_by_flow_run", ("flow_run_id",), where="flow_run_id IS NOT NULL"),
        Index("event_action_failed", ("occurred",), where=ACTION_FAILED),  # actions that failed, for the overview
    ),
)
"""Events in the order of their times. `services.events.event_store` documents `resource`, `resource_id` and `body`."""

DEPLOYMENT = Table(
    "deployment",
    (
        *_RECORD_COLUMNS,
        *_columns("text", "name!"),
        *_columns("uuid", "flow_id!"),
        *_columns("bool", "paused! enforce_parameter_schema!"),
        *_columns("text", "version description path entrypoint status"),
        *_columns("uuid", "work_queue_id storage_document_id infrastructure_document_id"),
        *_columns("text", "work_queue_name"),
        *_columns("uuid", "concurrency_limit_id"),
        *_columns("time", "last_polled"),
        *_columns("array", "tags"),
        *_columns("object", "labels parameters job_variables"),
        *_columns("json", "pull_steps parameter_openapi_schema concurrency_options"),
    ),
    indexes=(
        Index("deployment_by_flow", ("flow_id", "name"), unique=True),  # a deployment by its names; no two of one name
        Index("deployment_by_queue", ("work_queue_id",), where="work_queue_id IS NOT NULL"),  # what a queue serves
    ),
)

DEPLOYMENT_SCHEDULE = Table(
    "deployment_schedule",
    (
        *_RECORD_COLUMNS,
        *_columns("uuid", "deployment_id!"),
        *_columns("bool", "active!"),
        *_columns("int", "max_scheduled_runs"),
        *_columns("text", "slug"),
        *_columns("time", "replan_at"),  # when its next runs are planned; null for immediately
        *_columns("json", "schedule!"),
        *_columns("object", "parameters"),
    ),
    indexes=(Index("deployment_schedule_by_deployment", ("deployment_id",)),),  # the schedules of a deployment
)

WORK_POOL = Table(
    "work_pool",
    (
        *_RECORD_COLUMNS,
        *_columns("text", "name! type!"),
        *_columns("text", "description status"),
        *_columns("bool", "is_paused!"),
        *_columns("int", "concurrency_limit"),
        *_columns("uuid", "default_queue_id last_status_event"),
        *_columns("object", "base_job_template storage_configuration"),
    ),
    indexes=(Index("work_pool_by_name", ("name",), unique=True),),  # a pool by its name; no two of one name
)

WORK_QUEUE = Table(
    "work_queue",
    (
        *_RECORD_COLUMNS,
        *_columns("text", "name!"),
        *_columns("uuid", "work_pool_id!"),
        *_columns("text", "description status"),
        *_columns("bool", "is_paused!"),
        *_columns("int", "concurrency_limit priority!"),
        *_columns("time", "last_polled"),
        *_columns("json", "filter"),
    ),
    indexes=(Index("work_queue_by_pool", ("work_pool_id", "name"), unique=True),),  # a pool's queues; a queue by name
)

WORKER = Table(
    "worker",
    (
        *_RECORD_COLUMNS,
        *_columns("text", "name!"),
        *_columns("uuid", "work_pool_id!"),
        *_columns("time", "last_heartbeat_time"),
        *_columns("int", "heartbeat_interval_seconds"),
        *_columns("text", "status"),
        *_columns("object", "metadata"),
    ),
    indexes=(Index("worker_by_pool", ("work_pool_id", "name"), unique=True),),  # a pool's workers; a worker by name
)

BLOCK_TYPE = Table(
    "block_type",
    (
        *_RECORD_COLUMNS,
        *_columns("text", "name! slug!"),
        *_columns("text", "logo_url documentation_url description code_example"),
        *_columns("bool", "is_protected!"),
    ),
    indexes=(Index("block_type_by_slug", ("slug",), unique=True),),  # a type by its slug
)

BLOCK_SCHEMA = Table(
    "block_schema",
    (
        *_RECORD_COLUMNS,
        *_columns("text", "checksum! version!"),
        *_columns("uuid", "block_type_id!"),
        *_columns("object", "fields"),
        *_columns("array", "capabilities"),
    ),
    indexes=(
        Index("block_schema_by_checksum", ("checksum", "version"), unique=True),  # a schema by its content
        Index("block_schema_by_type", ("block_type_id",)),  # the schemas of a type
    ),
)

BLOCK_DOCUMENT = Table(
    "block_document",
    (
        *_RECORD_COLUMNS,
        *_columns("text", "name!"),
        *_columns("uuid", "block_type_id! block_schema_id!"),
        *_columns("bool", "is_anonymous!"),
        *_columns("text", "data!"),  # encrypted
        *_columns("object", "references_"),  # the other documents in it: their ids, by the name of the field
    ),
    # A document by its type and name.
    indexes=(Index("block_document_by_name", ("block_type_id", "name"), unique=True),),
)

VARIABLE = Table(
    "variable",
    (*_RECORD_COLUMNS, *_columns("text", "name!"), *_columns("json", "value"), *_columns("array", "tags")),
    indexes=(Index("variable_by_name", ("name",), unique=True),),  # a variable by its name
)

CONCURRENCY_LIMIT = Table(
    "concurrency_limit",
    (
        *_RECORD_COLUMNS,
        *_columns("text", "name!"),
        *_columns("bool", "active!"),
        *_columns("int", "limit_! active_slots! denied_slots!"),
        *_columns("float", "slot_decay_per_second! avg_slot_occupancy_seconds!"),
    ),
    indexes=(Index("concurrency_limit_by_name", ("name",), unique=True),),  # a limit by its name
)
"""Global limits, those of tags (`tag:…`) and those of deployments (`deployment:…`)."""

LEASE = Table(
    "lease",
    (
        *_columns("uuid", "id!"),
        # When it was requested, since when it holds its slots (null while it waits for them), and when it runs out.
        *_columns("time", "created! granted expires"),
        *_columns("duration", "duration"),  # how long it lasts from when it is granted
        *_columns("json", "holder process"),  # which run holds it, and the process of this host that will end it
    ),
    # Leases that ran out; one without an end is not.
    indexes=(Index("lease_by_end", ("expires",), where="expires IS NOT NULL"),),
)

HELD_SLOT = Table(
    "held_slot",
    (*_columns("uuid", "limit_id! lease_id!"), *_columns("int", "slots!")),
    key="lease_id",
    clustered=("limit_id", "lease_id"),
    indexes=(Index("held_slot_by_lease", ("lease_id",)),),  # the slots of a lease
)
"""Slots of a limit that a lease holds, or waits for."""

FLOW_RUN_INPUT = Table(
    "flow_run_input",
    (*_RECORD_COLUMNS, *_columns("uuid", "flow_run_id!"), *_columns("text", "key! value! sender")),
    # The inputs of a run; an input by its key.
    indexes=(Index("flow_run_input_by_run", ("flow_run_id", "key"), unique=True),),
)

SAVED_SEARCH = Table(
    "saved_search",
    (*_RECORD_COLUMNS, *_columns("text", "name!"), *_columns("json", "filters")),
    indexes=(Index("saved_search_by_name", ("name",), unique=True),),  # a search by its name
)

CSRF_TOKEN = Table(
    "csrf_token",
    (*_columns("uuid", "id!"), *_columns("time", "created! updated! expiration!"), *_columns("text", "client! token!")),
    indexes=(Index("csrf_token_by_client", ("client",), unique=True),),  # the token of a client
)

CLEANUP = Table(
    "cleanup",
    (
        *_RECORD_COLUMNS,
        *_columns("text", "kind!"),
        *_columns("uuid", "work_pool_id! work_queue_id reservation_token"),
        *_columns("time", "lease_expires_at finished"),
        *_columns("int", "delivery_count!"),
        *_columns("json", "target data"),
    ),
    indexes=(Index("cleanup_by_pool", ("work_pool_id",)),),  # what a pool's workers are to clear away
)
"""Work for the workers of a pool: infrastructure that must be torn down."""

OBSERVED_STATE = Table(
    "observed_state", (*_columns("text", "id! state_type! state_name!"), *_columns("time", "first_seen! last_seen!"))
)
"""The names of states that runs have had; an id is the type and the name."""

LEADER = Table("leader", (*_columns("text", "name! owner!"), *_columns("time", "until!")), key="name")
"""Which server leads a loop, and until when."""

META = Table("meta", _columns("text", "key! value!"), key="key")
"""Facts about the database itself, for instance how far the journal has been applied."""

TABLES = (
    *(FLOW, FLOW_RUN, TASK_RUN, CACHED_STATE, LOG, ARTIFACT, PROCESS, DEAD_LETTER, EVENT),
    *(DEPLOYMENT, DEPLOYMENT_SCHEDULE, WORK_POOL, WORK_QUEUE, WORKER, CLEANUP),
    *(BLOCK_TYPE, BLOCK_SCHEMA, BLOCK_DOCUMENT, VARIABLE, CONCURRENCY_LIMIT, LEASE, HELD_SLOT),
    *(FLOW_RUN_INPUT, SAVED_SEARCH, CSRF_TOKEN, OBSERVED_STATE, LEADER, META),
    *(AUTOMATION, EVENT_QUEUE, HELD_EVENT, BUCKET, FIRING, ACTION_JOB),
    *(ASSET, ASSET_SOURCE),
    *(BULK_JOB, BULK_RESULT),
)
