"""Work pools: where flow runs wait for workers, and how workers run them.

A pool is ready while one of its workers is online. A pool for the agents of the previous version has no workers, and so
no status. Every pool has a default queue.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.services.core import differences, paging
from prefect.server.services.core.errors import Conflict, Forbidden, NotFound
from prefect.server.services.core.presenters import Answer
from prefect.server.services.events import emitting
from prefect.server.services.work import work_queues
from prefect.server.services.work.work_queues import NOT_READY, PAUSED, READY
from prefect.server.store import Row, filters
from prefect.server.store.queries import work as queries
from prefect.types import UTC, new_id, now
from prefect.types.mappings import Values

AGENT_POOL_TYPE = "prefect-agent"
"""The type of a pool for the agents of the previous version."""

DEFAULT_POOL_NAME = "default-agent-pool"
"""The pool of work queues that are created without one."""

RESERVED_PREFIX = "prefect"
"""The prefix that no name of a user's pool may have."""

WORK_POOLS_TOPIC = "work-pools"
"""The topic of pools that changed in a column that workers need: the id."""

FOLLOWS_WITHIN = timedelta(minutes=10)
"""The event of a status names that of the previous status as the one it follows if it is no older than this."""

_EVENT_COLUMNS = ("description", "base_job_template", "concurrency_limit", "storage_configuration")
"""The columns whose changes an update event lists; pausing has a separate event."""

_WORKER_COLUMNS = frozenset((*_EVENT_COLUMNS, "is_paused"))
"""The columns that workers need."""

_STORAGE = ("bundle_upload_step", "bundle_execution_step", "default_result_storage_block_id")


async def create(tx: Transaction, values: Values) -> Answer:
    """Create a pool and return it as the API shows it; see `add`."""
    return (await present(tx, [await add(tx, values)]))[0]


async def add(tx: Transaction, values: Values) -> Row:
    """Create a pool with its default queue, and return its row.

    Raises:
        Conflict: There is a pool of this name.
        Forbidden: The name is reserved.
    """
    if values["name"].lower().startswith(RESERVED_PREFIX):
        raise Forbidden(f"Names of work pools that begin with {RESERVED_PREFIX!r} are reserved: choose another.")
    return await _add(tx, values)


async def _add(tx: Transaction, values: Values) -> Row:
    at = now()
    row: Row = {
        "description": None,
        "type": AGENT_POOL_TYPE,
        "is_paused": False,
        "concurrency_limit": None,
        "status": None,
        "base_job_template": {},
        "storage_configuration": {},
        "last_status_event": None,
        **values,
        "id": new_id(),
        "created": at,
        "updated": at,
    }
    if not await store.work_pools.add(tx, [row]):
        raise Conflict(f"There is a work pool {values['name']!r} already.")
    default = {"name": "default", "description": "The work pool's default queue."}
    queue = await work_queues.add(tx, row, default)
    row["default_queue_id"] = queue["id"]
    await store.work_pools.change(tx, [row], ["default_queue_id"])
    await emitting.emit(tx, "prefect.work-pool.created", emitting.work_pool_labels(row), _related_resources(row))
    return await enter_status(tx, row, PAUSED if row["is_paused"] else NOT_READY)


async def read(tx: Transaction, name: str) -> Answer:
    """Return a pool by its name, or raise `NotFound`."""
    return (await present(tx, [await get_by_name(tx, name)]))[0]


async def get_by_name(tx: Transaction, name: str, lock: bool = False) -> Row:
    """Return the row of a pool by its name, or raise `NotFound`."""
    rows = await store.work_pools.find(tx, {"name": name}, lock=lock)
    if not rows:
        raise NotFound("work pool", name)
    return rows[0]


async def get_default(tx: Transaction) -> Row:
    """Return the pool of work queues that are created without one, which is created if necessary."""
    try:
        return await get_by_name(tx, DEFAULT_POOL_NAME)
    except NotFound:
        pass
    try:
        return await _add(tx, {"name": DEFAULT_POOL_NAME, "type": AGENT_POOL_TYPE})
    except Conflict:  # another transaction has created it since the look-up
        return await get_by_name(tx, DEFAULT_POOL_NAME)


async def find(tx: Transaction, criteria: Any, limit: int | None, offset: int) -> list[Answer]:
    """Return pools that satisfy a filter, by name."""
    where = filters.compile_filter(tx.dialect, criteria)
    return await present(tx, await paging.find_page(tx, store.work_pools, "NAME_ASC", limit, offset, where))


async def count(tx: Transaction, criteria: Any) -> int:
    """Return how many pools satisfy a filter."""
    return await store.work_pools.count(tx, filters.compile_filter(tx.dialect, criteria))


async def present(tx: Transaction, rows: Sequence[Row]) -> list[Answer]:
    """Return pools as the API shows them, with the number of occupied slots of those with a limit."""
    occupied = await queries.count_slots_by_pool(
        tx, [row["id"] for row in rows if row["concurrency_limit"] is not None]
    )
    return [
        {
            **{name: value for name, value in row.items() if name != "last_status_event"},
            "storage_configuration": dict.fromkeys(_STORAGE) | row["storage_configuration"],
            "active_slots": None if row["concurrency_limit"] is None else occupied.get(row["id"], 0),
        }
        for row in rows
    ]


async def change(tx: Transaction, name: str, values: Values) -> None:
    """Set columns of a pool, or raise `NotFound`."""
    before = await get_by_name(tx, name, lock=True)
    # Null removes a limit or a description; the other columns must have a value.
    values = {
        column: value
        for column, value in values.items()
        if value is not None or column in ("description", "concurrency_limit")
    }
    after = {**before, **values, "updated": now()}
    await store.work_pools.change(tx, [after], ["updated", *values])
    if payload := differences.describe_changes(before, after, _EVENT_COLUMNS):
        await emitting.emit(tx, "prefect.work-pool.updated", emitting.work_pool_labels(after), payload=payload)
    if after["is_paused"] and not before["is_paused"]:
        await enter_status(tx, after, PAUSED)
    elif before["is_paused"] and not after["is_paused"]:
        await enter_status(tx, after, READY if await _has_workers(tx, after["id"]) else NOT_READY)
    if any(before[column] != after[column] for column in _WORKER_COLUMNS):
        tx.notify(WORK_POOLS_TOPIC, str(after["id"]))


async def remove(tx: Transaction, name: str) -> None:
    """Delete a pool with its queues and workers. Its flow runs and deployments stay, in no pool.

    Raises:
        NotFound: There is no such pool.
        Forbidden: The pool is reserved.
    """
    row = await get_by_name(tx, name, lock=True)
    if name.startswith(RESERVED_PREFIX):
        raise Forbidden(f"The work pool {name!r} is reserved and cannot be deleted.")
    await work_queues.remove_many(tx, await work_queues.find_by_pool(tx, row["id"]), row)
    await store.workers.remove(tx, {"work_pool_id": row["id"]})
    await store.cleanups.remove(tx, {"work_pool_id": row["id"]})
    await store.work_pools.remove(tx, {"id": row["id"]})
    await emitting.emit(tx, "prefect.work-pool.deleted", emitting.work_pool_labels(row), _related_resources(row))
    tx.notify(WORK_POOLS_TOPIC, str(row["id"]))


async def enter_status(tx: Transaction, row: Row, status: str) -> Row:
    """Set the status of a pool, with an event, and return its row."""
    if row["type"] == AGENT_POOL_TYPE or row["status"] == status:
        return row
    last = row["last_status_event"]
    follows = last if last is not None and now() - _created_at(last) < FOLLOWS_WITHIN else None
    what = status.lower().replace("_", "-")
    resource = {
        name: value for name, value in emitting.work_pool_labels(row).items() if name != "prefect.resource.role"
    }
    event = await emitting.emit(tx, f"prefect.work-pool.{what}", resource, follows=follows)
    row = {**row, "status": status, "last_status_event": event}
    await store.work_pools.change(tx, [row], ["status", "last_status_event"])
    return row


async def _has_workers(tx: Transaction, pool_id: UUID) -> bool:
    online = {"work_pool_id": pool_id, "status": "ONLINE"}
    return bool(await store.workers.find(tx, online, limit=1, columns=["id"]))


def _created_at(id_: UUID) -> datetime:
    """Return when an id was created, which is in the first bits of a UUIDv7."""
    return datetime.fromtimestamp((id_.int >> 80) / 1000, UTC)


def _related_resources(row: Row) -> list[emitting.Labels]:
    """Return the resources related to the creation or deletion of a pool."""
    related = [emitting.resource_labels("work-queue", row["default_queue_id"], role="default-queue")]
    if block := row["storage_configuration"].get("default_result_storage_block_id"):
        related.append(emitting.resource_labels("block-document", block, role="result-storage"))
    return related
