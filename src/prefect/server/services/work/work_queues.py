"""Work queues: the parts of a work pool, ordered by priority, each with a concurrency limit.

A queue is ready while a worker polls it. No two queues of a pool have the same priority: a queue that gets the priority
of another shifts that one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.services.core import differences, paging
from prefect.server.services.core.errors import Conflict, NotFound
from prefect.server.services.core.presenters import Answer
from prefect.server.services.events import emitting, event_store
from prefect.server.store import Row, filters
from prefect.server.store.queries import work as queries
from prefect.settings import get_current_settings
from prefect.types import new_id, now
from prefect.types.mappings import Values

READY, NOT_READY, PAUSED = "READY", "NOT_READY", "PAUSED"

_EVENT_COLUMNS = ("name", "description", "concurrency_limit", "priority", "filter")
"""The columns whose changes an update event lists; pausing has a separate event."""

HEALTHY_LATE_RUNS = 0
HEALTHY_POLL_AGE = timedelta(seconds=60)
"""A queue is healthy when it has not more late runs than this and was polled within this time."""


async def add(tx: Transaction, pool: Row, values: Values) -> Row:
    """Create a queue in a pool.

    Args:
        tx: The transaction.
        pool: The pool's row.
        values: Its columns; without a priority it gets the highest free one.

    Raises:
        NotFound: The pool was deleted.
        Conflict: The pool has a queue of this name.
    """
    # Locked, so that of two simultaneous requests the second sees the queue of the first.
    if await store.work_pools.get(tx, pool["id"], lock=True) is None:
        raise NotFound("work pool", pool["name"])
    others = await find_by_pool(tx, pool["id"], lock=True)
    if any(other["name"] == values["name"] for other in others):
        raise Conflict(f"The work pool {pool['name']!r} has a work queue {values['name']!r} already.")
    at = now()
    row: Row = {
        "description": "",
        "is_paused": False,
        "concurrency_limit": None,
        "filter": None,
        "last_polled": None,
        **values,
        "id": new_id(),
        "created": at,
        "updated": at,
        "work_pool_id": pool["id"],
        "status": NOT_READY,
    }
    if row.get("priority") is None:
        taken = {other["priority"] for other in others}
        row["priority"] = next(number for number in range(1, len(taken) + 2) if number not in taken)
    await _shift_priorities(tx, others, row["priority"])
    await store.work_queues.add(tx, [row])
    await _emit(tx, "created", row, pool)
    return row


async def get_by_name(tx: Transaction, pool: Row, name: str) -> Row:
    """Return the row of a queue by its pool and its name, or raise `NotFound`."""
    rows = await store.work_queues.find(tx, {"work_pool_id": pool["id"], "name": name})
    if not rows:
        raise NotFound("work queue", f"{pool['name']}/{name}")
    return rows[0]


async def ensure(tx: Transaction, pool: Row, name: str) -> Row:
    """Return the row of a queue by its pool and its name; the queue is created if necessary."""
    try:
        return await get_by_name(tx, pool, name)
    except NotFound:
        pass
    try:
        return await add(tx, pool, {"name": name})
    except Conflict:  # another transaction has added it since the look-up
        return await get_by_name(tx, pool, name)


async def find_by_pool(tx: Transaction, pool_id: UUID, lock: bool = False) -> list[Row]:
    """Return the rows of the queues of a pool by their priorities."""
    order = store.work_queues.by_key if lock else store.work_queues.order("priority", "id")
    rows = await store.work_queues.find(tx, {"work_pool_id": pool_id}, order, lock=lock)
    return sorted(rows, key=lambda row: row["priority"])


async def find(tx: Transaction, criteria: Any, limit: int | None, offset: int, pool: Row | None = None) -> list[Answer]:
    """Return queues that satisfy a filter: the queues of a pool by priority, or the queues of all pools by name."""
    of_pool = {"work_pool_id": pool["id"]} if pool else {}
    where = store.work_queues.where(of_pool, filters.compile_filter(tx.dialect, criteria))
    sort = "PRIORITY_ASC" if pool else "NAME_ASC"
    return await present(tx, await paging.find_page(tx, store.work_queues, sort, limit, offset, where))


async def present(tx: Transaction, rows: Sequence[Row]) -> list[Answer]:
    """Return queues as the API shows them, with the number of occupied slots of those with a limit."""
    pools = await _find_pools(tx, rows)
    occupied = await queries.count_slots_by_queue(
        tx, [row["id"] for row in rows if row["concurrency_limit"] is not None]
    )
    return [
        {
            **row,
            "work_pool_name": pools.get(row["work_pool_id"], {}).get("name"),
            "status": PAUSED if row["is_paused"] else row["status"],
            "active_slots": None if row["concurrency_limit"] is None else occupied.get(row["id"], 0),
        }
        for row in rows
    ]


async def change(tx: Transaction, row: Row, pool: Row, values: Values) -> None:
    """Set columns of a queue.

    Raises:
        NotFound: The queue was deleted.
        Conflict: The pool has another queue of the new name.
    """
    by_id = {other["id"]: other for other in await find_by_pool(tx, pool["id"], lock=True)}
    if row["id"] not in by_id:
        raise NotFound("work queue", row["id"])
    row, others = by_id.pop(row["id"]), list(by_id.values())
    values = {name: value for name, value in values.items() if value is not None or name not in ("name", "priority")}
    if any(other["name"] == values.get("name") for other in others):
        raise Conflict(f"The work pool {pool['name']!r} has a work queue {values['name']!r} already.")
    if values.get("priority", row["priority"]) != row["priority"]:
        await _shift_priorities(tx, others, values["priority"])
    after = {**row, **values, "updated": now()}
    if after["is_paused"] != row["is_paused"]:
        after["status"] = PAUSED if after["is_paused"] else _compute_status(after)
    await store.work_queues.change(tx, [after], list(dict.fromkeys(("updated", "status", *values))))
    if payload := differences.describe_changes(row, after, _EVENT_COLUMNS):
        await _emit(tx, "updated", after, pool, payload)
    if after["status"] != row["status"]:
        await _emit(tx, _event_name(after["status"]), after, pool)


async def remove(tx: Transaction, row: Row, pool: Row) -> None:
    """Delete a queue. Its flow runs and deployments stay, in no queue.

    Raises:
        Conflict: It is the default queue of its pool.
    """
    if pool["default_queue_id"] == row["id"]:
        raise Conflict(
            f"{row['name']!r} is the default work queue of {pool['name']!r}: delete the pool, or leave the queue."
        )
    await remove_many(tx, [row], pool)


async def remove_many(tx: Transaction, rows: Sequence[Row], pool: Row) -> None:
    """Delete queues of a pool, also the default queue."""
    ids = [row["id"] for row in rows]
    await queries.detach_from_queues(tx, ids)
    await store.work_queues.remove(tx, {"id": ids})
    await event_store.add_events(tx, [_build_event("deleted", row, pool) for row in rows])


async def get_health(tx: Transaction, row: Row) -> Answer:
    """Return the health of a queue: how many of its runs are late, and when it was last polled."""
    count = await queries.count_late_runs(tx, row["id"])
    is_polled = row["last_polled"] is not None and now() - row["last_polled"] <= HEALTHY_POLL_AGE
    return {
        "healthy": is_polled and count <= HEALTHY_LATE_RUNS,
        "late_runs_count": count,
        "last_polled": row["last_polled"],
        "health_check_policy": {
            "maximum_late_runs": HEALTHY_LATE_RUNS,
            "maximum_seconds_since_last_polled": int(HEALTHY_POLL_AGE.total_seconds()),
        },
    }


async def mark_polled(tx: Transaction, rows: Sequence[Row], pool: Row) -> None:
    """Record that a worker polls queues of a pool, which makes those that are not paused ready."""
    at = now()
    changed: list[Row] = []
    events: list[event_store.Event] = []
    for row in rows:
        if row["is_paused"] or row["status"] == READY:
            changed.append({**row, "last_polled": at})
        else:
            changed.append({**row, "last_polled": at, "status": READY})
            events.append(_build_event("ready", row, pool))
    await store.work_queues.change(tx, changed, ["last_polled", "status"])
    await event_store.add_events(tx, events)


async def mark_not_ready(tx: Transaction, rows: Iterable[Row]) -> None:
    """Set queues that no worker polls any more not ready."""
    rows = list(rows)
    pools = await _find_pools(tx, rows)
    await store.work_queues.change(tx, [{**row, "status": NOT_READY} for row in rows], ["status"])
    pooled = [row for row in rows if row["work_pool_id"] in pools]
    await event_store.add_events(tx, [_build_event("not-ready", row, pools[row["work_pool_id"]]) for row in pooled])


def related_resource(row: Row) -> emitting.Labels:
    """Return a queue as a related resource of an event."""
    return emitting.resource_labels("work-queue", row["id"], row["name"], "work-queue")


def is_polled(row: Row) -> bool:
    """Return whether a worker has polled a queue a short time ago."""
    seconds = get_current_settings().server.services.foreman.work_queue_last_polled_timeout_seconds
    return row["last_polled"] is not None and now() - row["last_polled"] <= timedelta(seconds=seconds)


def _compute_status(row: Row) -> str:
    return READY if is_polled(row) else NOT_READY


async def _shift_priorities(tx: Transaction, others: Iterable[Row], priority: int) -> None:
    """Free a priority: increase the priority of the queue that has it, and of the queues after it as needed."""
    by_priority = {row["priority"]: row for row in others}
    shifted: list[Row] = []
    while (row := by_priority.get(priority)) is not None:
        priority += 1
        shifted.append({**row, "priority": priority, "updated": now()})
    await store.work_queues.change(tx, shifted, ["priority", "updated"])


async def _find_pools(tx: Transaction, rows: Iterable[Row]) -> dict[UUID, Row]:
    """Return the pools of queues, in short, by id."""
    ids = {row["work_pool_id"] for row in rows}
    pools = await store.work_pools.find(tx, {"id": ids}, columns=["id", "name", "type"])
    return {pool["id"]: pool for pool in pools}


def _event_name(status: str) -> str:
    return status.lower().replace("_", "-")


def _build_event(what: str, row: Row, pool: Row, payload: Mapping[str, Any] | None = None) -> event_store.Event:
    return emitting.build_event(
        f"prefect.work-queue.{what}", related_resource(row), [emitting.work_pool_labels(pool)], payload
    )


async def _emit(tx: Transaction, what: str, row: Row, pool: Row, payload: Mapping[str, Any] | None = None) -> None:
    await event_store.add_events(tx, [_build_event(what, row, pool, payload)])
