"""Work pools: where flow runs wait for workers, and how these are to run them.

A pool is ready while a worker is online. A pool of the type of the previous version's agents has no workers, and so no
status. Every pool has a default queue.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.db.sql import join, one_of
from prefect.server.services.core import differences, paging
from prefect.server.services.core.errors import Conflict, Forbidden, NotFound
from prefect.server.services.core.presenters import Answer
from prefect.server.services.events import emitting
from prefect.server.services.work import work_queues
from prefect.server.services.work.work_queues import NOT_READY, PAUSED, READY
from prefect.server.store import Row, filters
from prefect.server.store.queries import work
from prefect.types import UTC, new_id, now

Values = Mapping[str, Any]

AGENT_POOL_TYPE = "prefect-agent"
"""The type of a pool for the agents of the previous version."""

DEFAULT_POOL_NAME = "default-agent-pool"
"""The pool of work queues that were given none."""

RESERVED_PREFIX = "prefect"
"""What no name of a user's pool begins with."""

WORK_POOLS_TOPIC = "work-pools"
"""The topic of pools that changed in what their workers want to know: the id."""

FOLLOWS_WITHIN = timedelta(minutes=10)
"""An event about a status names the one before only when that one is not older."""

_TOLD = ("description", "base_job_template", "concurrency_limit", "storage_configuration")
"""What an event about a change says; pausing has an event of its own."""

_SHOWN = frozenset((*_TOLD, "is_paused"))
"""The columns that workers want to know of."""

_STORAGE = ("bundle_upload_step", "bundle_execution_step", "default_result_storage_block_id")


async def add(tx: Transaction, values: Values) -> Row:
    """Create a pool with its default queue.

    Raises:
        Conflict: There is one of this name.
        Forbidden: Its name is not for users.
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
    await emitting.emit(tx, "prefect.work-pool.created", emitting.work_pool_labels(row), _around(row))
    return await enter_status(tx, row, PAUSED if row["is_paused"] else NOT_READY)


async def get_by_name(tx: Transaction, name: str, lock: bool = False) -> Row:
    """A pool by its name, or raise `NotFound`."""
    rows = await store.work_pools.find(tx, one_of("work_pool.name", [name]), lock=lock)
    if not rows:
        raise NotFound("work pool", name)
    return rows[0]


async def get_default(tx: Transaction) -> Row:
    """The pool of work queues that were given none, created when there is none."""
    try:
        return await get_by_name(tx, DEFAULT_POOL_NAME)
    except NotFound:
        return await _add(tx, {"name": DEFAULT_POOL_NAME, "type": AGENT_POOL_TYPE})


async def find(tx: Transaction, criteria: Any, limit: int | None, offset: int) -> list[Answer]:
    """Pools that satisfy a filter, by name."""
    where = filters.compile_filter(tx.dialect, criteria)
    return await present(tx, await paging.find_page(tx, store.work_pools, "NAME_ASC", limit, offset, where))


async def count(tx: Transaction, criteria: Any) -> int:
    """How many pools satisfy a filter."""
    return await store.work_pools.count(tx, filters.compile_filter(tx.dialect, criteria))


async def present(tx: Transaction, rows: Sequence[Row]) -> list[Answer]:
    """Pools as the API shows them, with how many slots of those with a limit are taken."""
    taken = await work.taken_by_pool(tx, [row["id"] for row in rows if row["concurrency_limit"] is not None])
    return [
        {
            **{name: value for name, value in row.items() if name != "last_status_event"},
            "storage_configuration": dict.fromkeys(_STORAGE) | row["storage_configuration"],
            "active_slots": None if row["concurrency_limit"] is None else taken.get(row["id"], 0),
        }
        for row in rows
    ]


async def change(tx: Transaction, name: str, values: Values) -> None:
    """Set columns of a pool."""
    before = await get_by_name(tx, name, lock=True)
    # Null takes a limit or a description away; the other columns cannot do without a value.
    values = {
        column: value
        for column, value in values.items()
        if value is not None or column in ("description", "concurrency_limit")
    }
    after = {**before, **values, "updated": now()}
    await store.work_pools.change(tx, [after], ["updated", *values])
    if told := differences.describe_changes(before, after, _TOLD):
        await emitting.emit(tx, "prefect.work-pool.updated", emitting.work_pool_labels(after), payload=told)
    if after["is_paused"] and not before["is_paused"]:
        await enter_status(tx, after, PAUSED)
    elif before["is_paused"] and not after["is_paused"]:
        await enter_status(tx, after, READY if await _has_workers(tx, after["id"]) else NOT_READY)
    if any(before[column] != after[column] for column in _SHOWN):
        tx.notify(WORK_POOLS_TOPIC, str(after["id"]))


async def remove(tx: Transaction, name: str) -> None:
    """Delete a pool with its queues and workers. What was in it stays, in no pool."""
    row = await get_by_name(tx, name, lock=True)
    if name.startswith(RESERVED_PREFIX):
        raise Forbidden(f"The work pool {name!r} is reserved and cannot be deleted.")
    await work_queues.remove_many(tx, await work_queues.find_by_pool(tx, row["id"]), row)
    await store.workers.remove(tx, one_of("work_pool_id", [row["id"]]))
    await store.cleanups.remove(tx, one_of("work_pool_id", [row["id"]]))
    await store.work_pools.remove(tx, one_of("id", [row["id"]]))
    await emitting.emit(tx, "prefect.work-pool.deleted", emitting.work_pool_labels(row), _around(row))
    tx.notify(WORK_POOLS_TOPIC, str(row["id"]))


async def enter_status(tx: Transaction, row: Row, status: str) -> Row:
    """Note that a pool has another status now, and return its row as it is then."""
    if row["type"] == AGENT_POOL_TYPE or row["status"] == status:
        return row
    last = row["last_status_event"]
    follows = last if last is not None and now() - _made(last) < FOLLOWS_WITHIN else None
    what = status.lower().replace("_", "-")
    resource = {
        name: value for name, value in emitting.work_pool_labels(row).items() if name != "prefect.resource.role"
    }
    event = await emitting.emit(tx, f"prefect.work-pool.{what}", resource, follows=follows)
    row = {**row, "status": status, "last_status_event": event}
    await store.work_pools.change(tx, [row], ["status", "last_status_event"])
    return row


async def _has_workers(tx: Transaction, pool_id: UUID) -> bool:
    where = one_of("worker.status", ["ONLINE"])
    of_pool = one_of("worker.work_pool_id", [pool_id])
    return bool(await store.workers.find(tx, join(" AND ", [of_pool, where]), limit=1, columns=["id"]))


def _made(id_: UUID) -> datetime:
    """When an id of ours was made, which its first bits say."""
    return datetime.fromtimestamp((id_.int >> 80) / 1000, UTC)


def _around(row: Row) -> list[emitting.Labels]:
    """What an event about a pool's beginning or end is related to."""
    around = [emitting.resource_labels("work-queue", row["default_queue_id"], role="default-queue")]
    if block := row["storage_configuration"].get("default_result_storage_block_id"):
        around.append(emitting.resource_labels("block-document", block, role="result-storage"))
    return around
