"""Work queues: the parts of a work pool, in the order of their priorities, each with a limit of its own.

A queue is ready while somebody polls it. Of two queues of a pool no two have the same priority: one that is given the
priority of another moves that one on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.db.sql import TRUE, Sql, all_of, one_of
from prefect.server.services.core import differences, paging
from prefect.server.services.core.errors import Conflict, NotFound
from prefect.server.services.core.presenters import Answer
from prefect.server.services.events import emitting, event_store
from prefect.server.store import Row, filters
from prefect.server.store.queries import work
from prefect.settings import get_current_settings
from prefect.types import new_id, now

Values = Mapping[str, Any]

READY, NOT_READY, PAUSED = "READY", "NOT_READY", "PAUSED"

_TOLD = ("name", "description", "concurrency_limit", "priority", "filter")
"""What an event about a change says; pausing has an event of its own."""

HEALTHY_LATE_RUNS = 0
HEALTHY_POLL_AGE = timedelta(seconds=60)
"""A queue is healthy when it has not more late runs than this and was polled within this time."""


async def add(tx: Transaction, pool: Row, values: Values) -> Row:
    """Create a queue in a pool.

    Args:
        tx: The transaction.
        pool: The pool's row.
        values: Its columns; without a priority it gets the highest that is free.

    Raises:
        NotFound: The pool was deleted.
        Conflict: The pool has a queue of this name.
    """
    # Locked, so that two who add to a pool do it one after the other, and the second sees the first one's queue.
    if await store.work_pools.get(tx, pool["id"], lock=True) is None:
        raise NotFound("work pool", pool["name"])
    there = await find_by_pool(tx, pool["id"], lock=True)
    if any(row["name"] == values["name"] for row in there):
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
        taken = {other["priority"] for other in there}
        row["priority"] = next(number for number in range(1, len(taken) + 2) if number not in taken)
    await _make_way(tx, there, row["priority"])
    await store.work_queues.add(tx, [row])
    await _emit(tx, "created", row, pool)
    return row


async def get_by_name(tx: Transaction, pool: Row, name: str) -> Row:
    """The queue of a pool by its name, or raise `NotFound`."""
    where = Sql("work_queue.work_pool_id = ? AND work_queue.name = ?", (pool["id"], name))
    rows = await store.work_queues.find(tx, where)
    if not rows:
        raise NotFound("work queue", f"{pool['name']}/{name}")
    return rows[0]


async def ensure(tx: Transaction, pool: Row, name: str) -> Row:
    """The queue of a pool by its name, created when there is none."""
    try:
        return await get_by_name(tx, pool, name)
    except NotFound:
        pass
    try:
        return await add(tx, pool, {"name": name})
    except Conflict:  # somebody else was first, since we looked
        return await get_by_name(tx, pool, name)


async def find_by_pool(tx: Transaction, pool_id: UUID, lock: bool = False) -> list[Row]:
    """The queues of a pool by their priorities."""
    order = "work_queue.id" if lock else "work_queue.priority, work_queue.id"
    rows = await store.work_queues.find(tx, one_of("work_queue.work_pool_id", [pool_id]), order, lock=lock)
    return sorted(rows, key=lambda row: row["priority"])


async def find(tx: Transaction, criteria: Any, limit: int | None, offset: int, pool: Row | None = None) -> list[Answer]:
    """Queues that satisfy a filter: those of a pool by priority, or those of all pools by name."""
    within = one_of("work_queue.work_pool_id", [pool["id"]]) if pool else TRUE
    where = all_of([within, filters.compile_filter(tx.dialect, criteria)])
    sort = "PRIORITY_ASC" if pool else "NAME_ASC"
    return await present(tx, await paging.find_page(tx, store.work_queues, sort, limit, offset, where))


async def present(tx: Transaction, rows: Sequence[Row]) -> list[Answer]:
    """Queues as the API shows them, with their pools' names and how many slots of those with a limit are taken."""
    pools = await _pools(tx, rows)
    taken = await work.taken_by_queue(tx, [row["id"] for row in rows if row["concurrency_limit"] is not None])
    return [
        {
            **row,
            "work_pool_name": pools.get(row["work_pool_id"], {}).get("name"),
            "status": PAUSED if row["is_paused"] else row["status"],
            "active_slots": None if row["concurrency_limit"] is None else taken.get(row["id"], 0),
        }
        for row in rows
    ]


async def change(tx: Transaction, row: Row, pool: Row, values: Values) -> None:
    """Set columns of a queue.

    Raises:
        Conflict: The pool has another queue of the new name.
    """
    there = {other["id"]: other for other in await find_by_pool(tx, pool["id"], lock=True)}
    if row["id"] not in there:
        raise NotFound("work queue", row["id"])
    row, others = there.pop(row["id"]), list(there.values())
    values = {name: value for name, value in values.items() if value is not None or name not in ("name", "priority")}
    if any(other["name"] == values.get("name") for other in others):
        raise Conflict(f"The work pool {pool['name']!r} has a work queue {values['name']!r} already.")
    if values.get("priority", row["priority"]) != row["priority"]:
        await _make_way(tx, others, values["priority"])
    after = {**row, **values, "updated": now()}
    if after["is_paused"] != row["is_paused"]:
        after["status"] = PAUSED if after["is_paused"] else _status(after)
    await store.work_queues.change(tx, [after], list(dict.fromkeys(("updated", "status", *values))))
    if told := differences.describe_changes(row, after, _TOLD):
        await _emit(tx, "updated", after, pool, told)
    if after["status"] != row["status"]:
        await _emit(tx, _event_of(after["status"]), after, pool)


async def remove(tx: Transaction, row: Row, pool: Row) -> None:
    """Delete a queue. What was in it stays, in no queue.

    Raises:
        Conflict: It is the default queue of its pool.
    """
    if pool["default_queue_id"] == row["id"]:
        raise Conflict(
            f"{row['name']!r} is the default work queue of {pool['name']!r}: delete the pool, or leave the queue."
        )
    await remove_many(tx, [row], pool)


async def remove_many(tx: Transaction, rows: Sequence[Row], pool: Row) -> None:
    """Delete queues of a pool, whichever they are."""
    ids = [row["id"] for row in rows]
    for table in ("flow_run", "deployment"):
        asked = one_of("work_queue_id", ids)
        await tx.run(Sql(f"UPDATE {table} SET work_queue_id = NULL WHERE {asked.text}", asked.values))
    await store.work_queues.remove(tx, one_of("id", ids))
    await event_store.add_events(tx, [_happened("deleted", row, pool) for row in rows])


async def get_health(tx: Transaction, row: Row) -> Answer:
    """How healthy a queue is: how many of its runs are late, and when it was last polled."""
    late = Sql("flow_run.work_queue_id = ? AND flow_run.state_name = 'Late'", (row["id"],))
    count = await store.flow_runs.count(tx, all_of([late, *work.scheduled(None)]))
    polled = row["last_polled"] is not None and now() - row["last_polled"] <= HEALTHY_POLL_AGE
    return {
        "healthy": polled and count <= HEALTHY_LATE_RUNS,
        "late_runs_count": count,
        "last_polled": row["last_polled"],
        "health_check_policy": {
            "maximum_late_runs": HEALTHY_LATE_RUNS,
            "maximum_seconds_since_last_polled": int(HEALTHY_POLL_AGE.total_seconds()),
        },
    }


async def mark_polled(tx: Transaction, rows: Sequence[Row], pool: Row) -> None:
    """Note that somebody polls queues: those that are not paused are ready."""
    at = now()
    changed: list[Row] = []
    events: list[event_store.Event] = []
    for row in rows:
        if row["is_paused"] or row["status"] == READY:
            changed.append({**row, "last_polled": at})
        else:
            changed.append({**row, "last_polled": at, "status": READY})
            events.append(_happened("ready", row, pool))
    await store.work_queues.change(tx, changed, ["last_polled", "status"])
    await event_store.add_events(tx, events)


async def mark_not_ready(tx: Transaction, rows: Iterable[Row]) -> None:
    """Note that nobody polls queues any more."""
    rows = list(rows)
    pools = await _pools(tx, rows)
    await store.work_queues.change(tx, [{**row, "status": NOT_READY} for row in rows], ["status"])
    known = [row for row in rows if row["work_pool_id"] in pools]
    await event_store.add_events(tx, [_happened("not-ready", row, pools[row["work_pool_id"]]) for row in known])


def related_resource(row: Row) -> emitting.Labels:
    """A queue as a related resource of an event."""
    return emitting.resource_labels("work-queue", row["id"], row["name"], "work-queue")


def _status(row: Row) -> str:
    seconds = get_current_settings().server.services.foreman.work_queue_last_polled_timeout_seconds
    polled_lately = row["last_polled"] is not None and now() - row["last_polled"] <= timedelta(seconds=seconds)
    return READY if polled_lately else NOT_READY


async def _make_way(tx: Transaction, others: Iterable[Row], priority: int) -> None:
    """Move the queue that has a priority one on, and each that it meets."""
    by_priority = {row["priority"]: row for row in others}
    moved: list[Row] = []
    while (row := by_priority.get(priority)) is not None:
        priority += 1
        moved.append({**row, "priority": priority, "updated": now()})
    await store.work_queues.change(tx, moved, ["priority", "updated"])


async def _pools(tx: Transaction, rows: Iterable[Row]) -> dict[UUID, Row]:
    """The pools of queues, in short, by id."""
    ids = list({row["work_pool_id"] for row in rows})
    found = await store.work_pools.find(tx, one_of("work_pool.id", ids), columns=["id", "name", "type"])
    return {pool["id"]: pool for pool in found}


def _event_of(status: str) -> str:
    return status.lower().replace("_", "-")


def _happened(what: str, row: Row, pool: Row, payload: Mapping[str, Any] | None = None) -> event_store.Event:
    return emitting.build_event(
        f"prefect.work-queue.{what}", related_resource(row), [emitting.work_pool_labels(pool)], payload
    )


async def _emit(tx: Transaction, what: str, row: Row, pool: Row, payload: Mapping[str, Any] | None = None) -> None:
    await event_store.add_events(tx, [_happened(what, row, pool, payload)])
