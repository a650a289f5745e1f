"""Queries about work: runs that may start from a queue, runs that occupy slots, and workers without heartbeats."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from prefect.schemas.worker_channel import WORKER_LABEL
from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.db.schema import tables
from prefect.server.db.schema.tables import OCCUPYING
from prefect.server.db.sql import Sql, all_of, join, one_of
from prefect.server.store import Condition, Order, Row, Where
from prefect.server.store.queries import limits
from prefect.types import now

_OCCUPIED = f"flow_run.work_queue_id IS NOT NULL AND flow_run.{OCCUPYING}"
"""Flow runs that occupy a slot; the same text as the condition of the partial index on them."""

_LONGEST_FIRST = Order("flow_run.state_timestamp, flow_run.id")
_DUE_FIRST = Order("flow_run.next_scheduled_start_time, flow_run.id")

_OCCUPYING_COLUMNS = ("id", "name", "state_type", "state_name", "start_time", "state_timestamp", "work_queue_id")

# --- slots -----------------------------------------------------------------------------------------------------------


async def count_slots_by_queue(tx: Transaction, queue_ids: Sequence[UUID]) -> dict[UUID, int]:
    """Count the occupied slots of these work queues; queues without any are left out."""
    if not queue_ids:
        return {}
    queues = one_of("flow_run.work_queue_id", queue_ids)
    text = f"SELECT flow_run.work_queue_id, count(*) FROM flow_run WHERE {_OCCUPIED} AND {queues.text}"
    return _counts(tx, await tx.fetch(Sql(f"{text} GROUP BY flow_run.work_queue_id", queues.values)))


async def count_slots_by_pool(tx: Transaction, pool_ids: Sequence[UUID]) -> dict[UUID, int]:
    """Count the occupied slots of these work pools; pools without any are left out."""
    if not pool_ids:
        return {}
    pools = one_of("work_queue.work_pool_id", pool_ids)
    text = (
        "SELECT work_queue.work_pool_id, count(*) FROM flow_run JOIN work_queue"
        f" ON work_queue.id = flow_run.work_queue_id WHERE {_OCCUPIED} AND {pools.text}"
        " GROUP BY work_queue.work_pool_id"
    )
    return _counts(tx, await tx.fetch(Sql(text, pools.values)))


async def find_occupying_runs(tx: Transaction, queue_id: UUID, limit: int, offset: int) -> list[Row]:
    """Return flow runs that occupy slots of a queue, in short, those longest in their state first."""
    where = store.flow_runs.where(Sql(_OCCUPIED), {"work_queue_id": queue_id})
    return await store.flow_runs.find(tx, where, _LONGEST_FIRST, limit, offset, _OCCUPYING_COLUMNS)


async def find_states_of_occupying_runs(tx: Transaction, queue_ids: Sequence[UUID], limit: int) -> list[Row]:
    """Return `states` of at most so many runs of these queues that occupy slots."""
    where = store.flow_runs.where(Sql(_OCCUPIED), {"work_queue_id": list(queue_ids)})
    return await store.flow_runs.find(tx, where, limit=limit, columns=["states"])


async def find_occupying_runs_by_queue(tx: Transaction, queue_ids: Sequence[UUID], limit: int) -> list[Row]:
    """Return at most `limit` runs of each queue that occupy slots, in short, those longest in their state first."""
    if not queue_ids or not limit:
        return []
    queues = one_of("flow_run.work_queue_id", queue_ids)
    placed = (
        "flow_run.id IN (SELECT placed.id FROM (SELECT flow_run.id, row_number() OVER (PARTITION BY"
        f" flow_run.work_queue_id ORDER BY {_LONGEST_FIRST}) AS place FROM flow_run"
        f" WHERE {_OCCUPIED} AND {queues.text}) AS placed WHERE placed.place <= ?)"
    )
    where = Sql(placed, (*queues.values, limit))
    return await store.flow_runs.find(tx, where, _LONGEST_FIRST, columns=_OCCUPYING_COLUMNS)


async def find_runs_by_worker(
    tx: Transaction, queue_ids: Sequence[UUID], limit: int
) -> dict[str, tuple[int, list[tuple[UUID, str]]]]:
    """Return how many runs each worker has of these queues, and the ids and names of some, by the worker's name.

    Args:
        tx: The transaction.
        queue_ids: The queues.
        limit: How many runs of a worker at most, those longest in their state first.
    """
    if not queue_ids:
        return {}
    queues = one_of("flow_run.work_queue_id", queue_ids)
    worker = tx.dialect.json_field("flow_run.labels", f'"{WORKER_LABEL}"')
    text = (
        "SELECT placed.worker, placed.runs, placed.id, placed.name FROM (SELECT flow_run.id, flow_run.name,"
        f" {worker} AS worker, count(*) OVER (PARTITION BY {worker}) AS runs, row_number() OVER"
        f" (PARTITION BY {worker} ORDER BY {_LONGEST_FIRST}) AS place FROM flow_run"
        f" WHERE {_OCCUPIED} AND {queues.text}) AS placed"
        " WHERE placed.worker IS NOT NULL AND placed.place <= ? ORDER BY placed.worker, placed.place"
    )
    found: dict[str, tuple[int, list[tuple[UUID, str]]]] = {}
    for worker, runs, id_, name in await tx.fetch(Sql(text, (*queues.values, limit))):
        found.setdefault(worker, (runs, []))[1].append((tx.dialect.decode("uuid", id_), name))
    return found


def _counts(tx: Transaction, rows: Sequence[Sequence[Any]]) -> dict[UUID, int]:
    return {tx.dialect.decode("uuid", id_): count for id_, count in rows}


# --- runs to start ---------------------------------------------------------------------------------------------------


async def find_due_runs(
    tx: Transaction, queue_ids: Sequence[UUID], before: datetime | None, after: datetime | None, limit: int
) -> list[UUID]:
    """Return the ids of the flow runs that may start from work queues, at most as many of each as it has free slots.

    Runs beyond the free slots of their deployment are left out, since they would hide other runs of the queue. They
    are ordered by the priority of their queue (the lowest number first), and within a queue by the time due.

    Args:
        tx: The transaction.
        queue_ids: The queues.
        before: The last time at which a run may be due; None for any.
        after: The first time at which a run may be due; None for any.
        limit: How many at most.
    """
    if not queue_ids or limit <= 0:
        return []
    in_queues = one_of("flow_run.work_queue_id", queue_ids)
    parts = [
        Sql(
            "SELECT due.id FROM (SELECT flow_run.id, flow_run.work_queue_id, flow_run.next_scheduled_start_time AS at,"
            " row_number() OVER (PARTITION BY flow_run.work_queue_id"
            " ORDER BY flow_run.next_scheduled_start_time, flow_run.id) AS place FROM flow_run WHERE"
        ),
        _startable(tx, all_of([in_queues, _scheduled(before, after)])),
        Sql(
            ") AS due JOIN work_queue ON work_queue.id = due.work_queue_id LEFT JOIN (SELECT flow_run.work_queue_id,"
            f" count(*) AS taken FROM flow_run WHERE {_OCCUPIED} AND"
        ),
        in_queues,
        Sql(
            "GROUP BY flow_run.work_queue_id) AS busy ON busy.work_queue_id = due.work_queue_id"
            " WHERE work_queue.concurrency_limit IS NULL"
            " OR due.place <= work_queue.concurrency_limit - coalesce(busy.taken, 0)"
            " ORDER BY work_queue.priority, due.at, due.id"
        ),
        tx.dialect.limit_clause(limit, 0),
    ]
    rows = await tx.fetch(join(" ", parts))
    return [item["id"] for item in tx.dialect.decode_rows(tables.FLOW_RUN, ["id"], rows)]


def _startable(tx: Transaction, where: Sql) -> Sql:
    """Return the condition that flow runs satisfy `where` and the limit of their deployment admits them.

    Of the runs of a deployment in one queue it admits as many as the deployment has free slots. It admits all of them
    where it is inactive, or cancels the runs that exceed it instead of letting them wait.
    """
    strategy = tx.dialect.json_field("deployment.concurrency_options", "collision_strategy")
    limited = (
        "FROM deployment JOIN concurrency_limit ON concurrency_limit.id = deployment.concurrency_limit_id"
        " WHERE concurrency_limit.active AND concurrency_limit.slot_decay_per_second = 0"
        f" AND coalesce({strategy}, '') <> 'CANCEL_NEW'"
    )
    # Most runs have no limit: the runs of limited deployments are numbered only when there are any.
    return all_of(
        [
            where,
            Sql(
                "(flow_run.deployment_id IS NULL"
                f" OR flow_run.deployment_id NOT IN (SELECT deployment.id {limited})"
                " OR flow_run.id IN (SELECT turns.id FROM (SELECT flow_run.id, limited.free, row_number() OVER"
                " (PARTITION BY flow_run.deployment_id, flow_run.work_queue_id"
                " ORDER BY flow_run.next_scheduled_start_time, flow_run.id) AS turn FROM flow_run JOIN (SELECT"
                " deployment.id, concurrency_limit.limit_ - concurrency_limit.active_slots -"
                f" {limits.HELD_SLOTS} AS free {limited}) AS limited"
                f" ON limited.id = flow_run.deployment_id WHERE {where.text}) AS turns"
                " WHERE turns.turn <= turns.free))",
                (now(), *where.values),
            ),
        ]
    )


async def find_scheduled_runs(
    tx: Transaction,
    before: datetime | None,
    limit: int,
    *,
    deployment_ids: Sequence[UUID] | None = None,
    tags: Sequence[str] = (),
) -> list[Row]:
    """Return scheduled flow runs of any queue that may start, by their due time.

    As with `find_due_runs`, runs beyond the free slots of their deployment are left out.

    Args:
        tx: The transaction.
        before: The last time at which a run may be due; None for any.
        limit: How many at most.
        deployment_ids: Only runs of these deployments; None for any.
        tags: Only runs with all of these tags.
    """
    parts: list[Where] = [_scheduled(before)]
    if tags:
        parts.append(tx.dialect.array_has_all("flow_run.tags", tags))
    if deployment_ids is not None:
        parts.append({"deployment_id": list(deployment_ids)})
    return await store.flow_runs.find(tx, _startable(tx, store.flow_runs.where(*parts)), _DUE_FIRST, limit)


async def count_late_runs(tx: Transaction, queue_id: UUID) -> int:
    """Count the late flow runs of a queue."""
    where = store.flow_runs.where({"work_queue_id": queue_id, "state_name": "Late"}, _scheduled(None))
    return await store.flow_runs.count(tx, where)


def _scheduled(before: datetime | None, after: datetime | None = None) -> Condition:
    """Return the condition that a flow run has not started and is due in a period, both of whose ends belong to it."""
    parts = [Sql("flow_run.state_type = 'SCHEDULED' AND flow_run.next_scheduled_start_time IS NOT NULL")]
    if before is not None:
        parts.append(Sql("flow_run.next_scheduled_start_time <= ?", (before,)))
    if after is not None:
        parts.append(Sql("flow_run.next_scheduled_start_time >= ?", (after,)))
    return all_of(parts)


# --- pools, queues and workers ---------------------------------------------------------------------------------------


async def find_queues_with_filter_or_id(tx: Transaction, queue_id: UUID | None) -> list[Row]:
    """Return the queues that select their runs by a filter, and the queue of this id, by name."""
    where = Sql("work_queue.filter IS NOT NULL OR work_queue.id = ?", (queue_id,))
    return await store.work_queues.find(tx, where, store.work_queues.order("name"))


async def detach_from_queues(tx: Transaction, queue_ids: Sequence[UUID]) -> None:
    """Take the flow runs and deployments of these queues out of them."""
    queues = one_of("work_queue_id", queue_ids)
    for table in ("flow_run", "deployment"):
        await tx.run(Sql(f"UPDATE {table} SET work_queue_id = NULL WHERE {queues.text}", queues.values))


async def lock_pools_without_workers(tx: Transaction, limit: int) -> list[Row]:
    """Lock and return work pools that are ready though none of their workers is online."""
    where = Sql(
        "work_pool.status = 'READY' AND NOT EXISTS (SELECT 1 FROM worker"
        " WHERE worker.work_pool_id = work_pool.id AND worker.status = 'ONLINE')"
    )
    return await store.work_pools.find(tx, where, store.work_pools.by_key, limit, lock=True)


async def lock_silent_queues(tx: Transaction, polled_before: datetime, limit: int) -> list[Row]:
    """Lock and return work queues that are ready, though last polled before a time or never."""
    unpolled = Sql("(work_queue.last_polled IS NULL OR work_queue.last_polled < ?)", (polled_before,))
    where = store.work_queues.where({"status": "READY"}, unpolled)
    return await store.work_queues.find(tx, where, store.work_queues.by_key, limit, lock=True)


# --- infrastructure to tear down -------------------------------------------------------------------------------------


async def lock_free_cleanups(
    tx: Transaction, pool_id: UUID, queue_ids: Sequence[UUID] | None, kinds: Sequence[str], at: datetime, limit: int
) -> list[Row]:
    """Lock and return cleanup messages of a pool that no worker has at a time, oldest first.

    Without `queue_ids`, messages of all queues of the pool; `limit` is how many at most.
    """
    values: dict[str, Any] = {"work_pool_id": pool_id, "kind": list(kinds)}
    if queue_ids is not None:
        values["work_queue_id"] = list(queue_ids)
    where = store.cleanups.where(values, _free(at))
    return await store.cleanups.find(tx, where, store.cleanups.order("created", "id"), limit, lock=True)


async def has_free_cleanup(tx: Transaction, pool_id: UUID, kinds: Sequence[str], at: datetime) -> bool:
    """Return whether a pool has a cleanup message of these kinds that no worker has at a time."""
    where = store.cleanups.where({"work_pool_id": pool_id, "kind": list(kinds)}, _free(at))
    return bool(await store.cleanups.find(tx, where, limit=1, columns=["id"]))


async def remove_finished_cleanups(tx: Transaction, before: datetime) -> None:
    """Remove the cleanup messages that were acknowledged before a time."""
    await store.cleanups.remove(tx, Sql("cleanup.finished < ?", (before,)))


def _free(at: datetime) -> Condition:
    text = "cleanup.finished IS NULL AND (cleanup.lease_expires_at IS NULL OR cleanup.lease_expires_at <= ?)"
    return Sql(text, (at,))
