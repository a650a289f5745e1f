"""The only layer that builds SQL: six verbs for every object, declarative filters and sorts, and named queries.

get, find and count read; add, change and remove write. Objects are plain dictionaries, a Python value for each column;
every function takes its transaction first. Nothing here decides what a row should hold: services do.
"""

from prefect.server.db.schema import tables
from prefect.server.db.schema.tables import Kind as Kind
from prefect.server.db.sql import chunks as chunks
from prefect.server.store.collection import Collection as Collection
from prefect.server.store.collection import Condition as Condition
from prefect.server.store.collection import Order as Order
from prefect.server.store.collection import Row as Row
from prefect.server.store.collection import Where as Where

flows = Collection(tables.FLOW)
flow_runs = Collection(tables.FLOW_RUN)
task_runs = Collection(tables.TASK_RUN)
cached_states = Collection(tables.CACHED_STATE)
logs = Collection(tables.LOG)
artifacts = Collection(tables.ARTIFACT)
processes = Collection(tables.PROCESS)
dead_letters = Collection(tables.DEAD_LETTER)
events = Collection(tables.EVENT)
deployments = Collection(tables.DEPLOYMENT)
deployment_schedules = Collection(tables.DEPLOYMENT_SCHEDULE)
work_pools = Collection(tables.WORK_POOL)
work_queues = Collection(tables.WORK_QUEUE)
workers = Collection(tables.WORKER)
cleanups = Collection(tables.CLEANUP)
block_types = Collection(tables.BLOCK_TYPE)
block_schemas = Collection(tables.BLOCK_SCHEMA)
block_documents = Collection(tables.BLOCK_DOCUMENT)
variables = Collection(tables.VARIABLE)
concurrency_limits = Collection(tables.CONCURRENCY_LIMIT)
leases = Collection(tables.LEASE)
held_slots = Collection(tables.HELD_SLOT)
flow_run_inputs = Collection(tables.FLOW_RUN_INPUT)
saved_searches = Collection(tables.SAVED_SEARCH)
automations = Collection(tables.AUTOMATION)
event_queue = Collection(tables.EVENT_QUEUE)
held_events = Collection(tables.HELD_EVENT)
buckets = Collection(tables.BUCKET)
firings = Collection(tables.FIRING)
action_jobs = Collection(tables.ACTION_JOB)
assets = Collection(tables.ASSET)
asset_sources = Collection(tables.ASSET_SOURCE)
bulk_jobs = Collection(tables.BULK_JOB)
bulk_results = Collection(tables.BULK_RESULT)
csrf_tokens = Collection(tables.CSRF_TOKEN)
observed_states = Collection(tables.OBSERVED_STATE)
leaders = Collection(tables.LEADER)
meta = Collection(tables.META)
