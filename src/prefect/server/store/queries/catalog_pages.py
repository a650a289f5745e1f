"""Queries of the web page about flows, deployments and work pools: their latest and next runs, what needs attention."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.db.schema.tables import is_open
from prefect.server.db.sql import Sql, all_of, chunks, join, none_of, one_of
from prefect.server.store import Collection, Condition, Order, Row, Where
from prefect.server.store.queries.history import lateness
from prefect.server.store.queries.run_search import run_seconds

UNION_SIZE = 100
"""Queries that are joined by UNION in one statement."""

_SHORT = ("id", "name", "state_type", "state_name", "start_time", "expected_start_time", "end_time", "total_run_time")


async def find_latest_runs(tx: Transaction, column: str, ids: Sequence[UUID], limit: int) -> dict[UUID, list[Row]]:
    """Return the latest flow runs that are not due later, of each flow or deployment, newest first.

    Args:
        tx: The transaction.
        column: `flow_id` or `deployment_id`.
        ids: The flows or deployments.
        limit: How many runs of each.
    """
    condition = "flow_run.state_type <> 'SCHEDULED' ORDER BY flow_run.expected_start_time DESC NULLS LAST"
    return await _find_each(tx, column, ids, condition, limit)


async def find_next_runs(tx: Transaction, column: str, ids: Sequence[UUID]) -> dict[UUID, Row]:
    """Return the next scheduled flow run of each flow or deployment that has one."""
    if not ids:
        return {}
    chosen = one_of(f"scheduled.{column}", ids)
    # Scheduled runs are few, but the planner would read all runs of a flow.
    first = (
        f"flow_run.id IN (WITH scheduled AS MATERIALIZED (SELECT flow_run.id, flow_run.{column},"
        " flow_run.next_scheduled_start_time FROM flow_run WHERE flow_run.next_scheduled_start_time IS NOT NULL"
        " AND flow_run.state_type = 'SCHEDULED') SELECT ranked.id FROM (SELECT scheduled.id, row_number() OVER"
        f" (PARTITION BY scheduled.{column} ORDER BY scheduled.next_scheduled_start_time, scheduled.id) AS rank"
        f" FROM scheduled WHERE {chosen.text}) AS ranked WHERE ranked.rank = 1)"
    )
    rows = await store.flow_runs.find(tx, Sql(first, chosen.values), columns=(column, *_SHORT))
    return {row[column]: row for row in rows}


async def _find_each(
    tx: Transaction, column: str, ids: Sequence[UUID], condition: str, limit: int
) -> dict[UUID, list[Row]]:
    """Return some flow runs of each flow or deployment: a look-up in an index each, in a few statements."""
    names = (column, *_SHORT)
    selected = ", ".join(f"flow_run.{name}" for name in names)
    found: dict[UUID, list[Row]] = defaultdict(list)
    for some in chunks(list(ids), UNION_SIZE):
        page = tx.dialect.limit_clause(limit, 0)
        parts = [
            Sql(
                f"SELECT * FROM (SELECT {selected} FROM flow_run"
                f" WHERE flow_run.{column} = ? AND {condition}{page.text})"
                f" AS part{number}",
                (id_, *page.values),
            )
            for number, id_ in enumerate(some)
        ]
        rows = await tx.fetch(join(" UNION ALL ", parts))
        for row in tx.dialect.decode_rows(store.flow_runs.table, names, rows):
            found[row[column]].append(row)
    return found


async def find_active_schedules(tx: Transaction, deployments: Condition, limit: int) -> tuple[list[Row], int]:
    """Return active schedules of the deployments that satisfy a condition, and how many there are."""
    inner = f"SELECT deployment.id FROM deployment WHERE {deployments.text}"
    where = store.deployment_schedules.where(
        {"active": True}, Sql(f"deployment_schedule.deployment_id IN ({inner})", tuple(deployments.values))
    )
    order = store.deployment_schedules.order("deployment_id", "id")
    rows = await store.deployment_schedules.find(tx, where, order, limit, columns=("deployment_id", "schedule"))
    return rows, len(rows) if len(rows) < limit else await store.deployment_schedules.count(tx, where)


async def count_deployments_by_flow(tx: Transaction, flow_ids: Sequence[UUID]) -> dict[UUID, int]:
    """Count the deployments of each flow that has some."""
    condition = one_of("deployment.flow_id", flow_ids)
    text = f"SELECT deployment.flow_id, count(*) FROM deployment WHERE {condition.text} GROUP BY 1"
    return {tx.dialect.decode("uuid", id_): count for id_, count in await tx.fetch(Sql(text, condition.values))}


async def count_blocks_by_type(tx: Transaction) -> dict[UUID, int]:
    """Count the named block documents of each block type that has some."""
    text = (
        "SELECT block_document.block_type_id, count(*) FROM block_document"
        " WHERE block_document.is_anonymous = ? GROUP BY 1"
    )
    return {tx.dialect.decode("uuid", id_): count for id_, count in await tx.fetch(Sql(text, (False,)))}


async def list_deployment_names(tx: Transaction, limit: int) -> list[Row]:
    """Return the ids of deployments, and their names together with the names of their flows."""
    text = (
        "SELECT deployment.id, flow.name, deployment.name FROM deployment JOIN flow ON flow.id = deployment.flow_id"
        " ORDER BY flow.name, deployment.name, deployment.id"
    )
    return await _list_joined(tx, Sql(text), limit)


async def list_queue_names(tx: Transaction, limit: int) -> list[Row]:
    """Return the ids of work queues, and their names after those of their pools."""
    text = (
        "SELECT work_queue.id, work_pool.name, work_queue.name FROM work_queue"
        " JOIN work_pool ON work_pool.id = work_queue.work_pool_id"
        " ORDER BY work_pool.name, work_queue.name, work_queue.id"
    )
    return await _list_joined(tx, Sql(text), limit)


async def list_block_names(tx: Transaction, limit: int, capability: str | None = None, slug: str = "") -> list[Row]:
    """Return the ids of the named blocks that can do something or are of a type, and their names after their types'."""
    chosen = (
        tx.dialect.array_has_any("block_schema.capabilities", [capability])
        if capability
        else Sql("block_type.slug = ?", (slug,))
    )
    text = (
        "SELECT block_document.id, block_type.name, block_document.name FROM block_document"
        " JOIN block_type ON block_type.id = block_document.block_type_id"
        " JOIN block_schema ON block_schema.id = block_document.block_schema_id"
        f" WHERE block_document.is_anonymous = ? AND {chosen.text}"
        " ORDER BY block_type.name, block_document.name, block_document.id"
    )
    return await _list_joined(tx, Sql(text, (False, *chosen.values)), limit)


async def _list_joined(tx: Transaction, query: Sql, limit: int) -> list[Row]:
    page = tx.dialect.limit_clause(limit, 0)
    rows = await tx.fetch(Sql(query.text + page.text, (*query.values, *page.values)))
    return [{"id": tx.dialect.decode("uuid", id_), "name": f"{first} / {second}"} for id_, first, second in rows]


def has_deployment() -> Condition:
    """Return the condition of flows that have a deployment."""
    return Sql("EXISTS (SELECT 1 FROM deployment WHERE deployment.flow_id = flow.id)")


def search_condition(tx: Transaction, collection: Collection, text: str) -> Condition:
    """Return the condition of objects whose name holds a text; a deployment's flow may hold it as well."""
    table = collection.table.name
    found = tx.dialect.contains(f"{table}.name", text)
    if table != "deployment":
        return found
    flow = tx.dialect.contains("flow.name", text)
    return Sql(
        f"({found.text} OR deployment.flow_id IN (SELECT flow.id FROM flow WHERE {flow.text}))",
        (*found.values, *flow.values),
    )


async def find_task_cells(tx: Transaction, flow_run_ids: Sequence[UUID]) -> list[tuple[UUID, str, str, int, float]]:
    """Count the task runs of flow runs by their task and state: with the seconds that the longest took."""
    condition = one_of("task_run.flow_run_id", flow_run_ids)
    seconds = run_seconds(tx.dialect, "task_run")
    text = (
        f"SELECT task_run.flow_run_id, task_run.task_key, task_run.state_type, count(*), max({seconds.text})"
        f" FROM task_run WHERE {condition.text} GROUP BY 1, 2, 3"
    )
    rows = await tx.fetch(Sql(text, (*seconds.values, *condition.values)))
    return [
        (tx.dialect.decode("uuid", id_), key, type_ or "PENDING", count, float(longest or 0))
        for id_, key, type_, count, longest in rows
    ]


# --- attention -------------------------------------------------------------------------------------------------------


async def find_failed(tx: Transaction, since: datetime, limit: int, condition: Condition) -> tuple[list[Row], int]:
    """Return the latest flow runs without a parent that failed or crashed since a time, and how many there are."""
    where = store.flow_runs.where(
        condition,
        Sql(
            "coalesce(flow_run.start_time, flow_run.expected_start_time) >= ? AND flow_run.end_time >= ?",
            (since - timedelta(days=1), since),
        ),
        {"state_type": ["FAILED", "CRASHED"], "parent_task_run_id": None},
    )
    rows = await store.flow_runs.find(tx, where, store.flow_runs.order("-end_time", "-id"), limit)
    return rows, len(rows) if len(rows) < limit else await store.flow_runs.count(tx, where)


async def find_late(tx: Transaction, limit: int, condition: Condition) -> list[Row]:
    """Return flow runs that are late, the longest overdue first."""
    late = Sql("flow_run.next_scheduled_start_time IS NOT NULL AND flow_run.state_name = 'Late'")
    where = store.flow_runs.where(late, condition)
    return await store.flow_runs.find(tx, where, store.flow_runs.order("next_scheduled_start_time", "id"), limit)


async def find_stuck(tx: Transaction, open_condition: Condition, before: datetime, limit: int) -> list[Row]:
    """Return flow runs that have been pending since before a time."""
    pending = Sql("flow_run.state_type = 'PENDING' AND flow_run.state_timestamp < ?", (before,))
    where = all_of([open_condition, pending])
    return await store.flow_runs.find(tx, where, store.flow_runs.order("state_timestamp", "id"), limit)


async def find_workers(tx: Transaction, where: Where) -> list[Row]:
    """Return workers, by their pool and name."""
    return await store.workers.find(tx, where, store.workers.order("work_pool_id", "name"))


async def count_due_runs_by_queue(
    tx: Transaction, queue_ids: Sequence[UUID], at: datetime
) -> dict[UUID, tuple[int, int]]:
    """Count the due flow runs that wait in work queues, and the late ones of them; queues without any are left out."""
    if not queue_ids:
        return {}
    condition = one_of("flow_run.work_queue_id", queue_ids)
    # A run that waits for a slot of a limit is scheduled to ask for it again.
    text = (
        "SELECT flow_run.work_queue_id, count(*), sum(CASE WHEN flow_run.state_name = 'Late' THEN 1 ELSE 0 END)"
        f" FROM flow_run WHERE {is_open('flow_run')} AND flow_run.state_type = 'SCHEDULED' AND {condition.text}"
        " AND (flow_run.next_scheduled_start_time <= ? OR flow_run.state_name = 'AwaitingConcurrencySlot') GROUP BY 1"
    )
    rows = await tx.fetch(Sql(text, (*condition.values, at)))
    return {tx.dialect.decode("uuid", id_): (count, late) for id_, count, late in rows}


async def count_by_bucket(
    tx: Transaction,
    start: datetime,
    width: timedelta,
    where: Condition,
    buckets: int | None = None,
    runs: Collection = store.flow_runs,
) -> list[tuple[int, str, int]]:
    """Count runs by the interval in which they started and the type of their state.

    Args:
        tx: The transaction.
        start: When the first interval begins.
        width: The length of an interval.
        where: Which runs.
        buckets: How many intervals; None for all until now and later.
        runs: Flow runs or task runs.
    """
    table = runs.table.name
    started = f"coalesce({table}.start_time, {table}.expected_start_time)"
    bucket = tx.dialect.bucket(started, start, width)
    before = Sql(f" AND {started} < ?", (start + width * buckets,)) if buckets else Sql("")
    text = (
        f"SELECT {bucket.text}, {table}.state_type, count(*) FROM {table}"
        f" WHERE {started} >= ?{before.text} AND {table}.state_type IS NOT NULL AND {where.text} GROUP BY 1, 2"
    )
    rows: list[Any] = await tx.fetch(Sql(text, (*bucket.values, start, *before.values, *where.values)))
    return [(int(n), type_, count) for n, type_, count in rows]


def has_started_between(since: datetime, until: datetime | None) -> Condition:
    """Return the condition of flow runs that started, or are expected to, in a time; None for one without an end."""
    started = "coalesce(flow_run.start_time, flow_run.expected_start_time)"
    begun = Sql(f"{started} >= ?", (since,))
    return begun if until is None else Sql(f"{begun.text} AND {started} < ?", (since, until))


async def find_latest(tx: Transaction, where: Condition, limit: int) -> list[Row]:
    """Return, in short, the flow runs that satisfy a condition and started last, newest first."""
    order = Order("coalesce(flow_run.start_time, flow_run.expected_start_time) DESC NULLS LAST, flow_run.id DESC")
    return await store.flow_runs.find(tx, where, order, limit, columns=_SHORT)


async def count_by_flow(tx: Transaction, where: Condition, limit: int) -> list[tuple[UUID, int, datetime]]:
    """Count flow runs by their flow, with the latest start: those with the most runs first."""
    started = "coalesce(flow_run.start_time, flow_run.expected_start_time)"
    page = tx.dialect.limit_clause(limit, 0)
    text = (
        f"SELECT flow_run.flow_id, count(*), max({started}) FROM flow_run WHERE {where.text}"
        f" GROUP BY 1 ORDER BY 2 DESC, 1{page.text}"
    )
    rows: list[Any] = await tx.fetch(Sql(text, (*where.values, *page.values)))
    decode = tx.dialect.decode
    return [(decode("uuid", id_), count, decode("time", latest)) for id_, count, latest in rows]


class QueueCount(NamedTuple):
    """Flow runs of a work queue that started in one interval and have one type of state."""

    queue_id: UUID
    bucket: int
    state_type: str
    runs: int
    late_seconds: float


async def count_by_queue(
    tx: Transaction, start: datetime, width: timedelta, buckets: int, where: Condition
) -> list[QueueCount]:
    """Count flow runs by their work queue, the interval in which they started and the type of their state.

    Args:
        tx: The transaction.
        start: When the first interval begins.
        width: The length of an interval.
        buckets: How many intervals.
        where: Which runs.
    """
    started = "coalesce(flow_run.start_time, flow_run.expected_start_time)"
    within = has_started_between(start, start + width * buckets)
    bucket, late = tx.dialect.bucket(started, start, width), lateness(tx, "flow_run")
    text = (
        f"SELECT flow_run.work_queue_id, {bucket.text}, flow_run.state_type, count(*), sum({late.text}) FROM flow_run"
        f" WHERE {within.text} AND flow_run.work_queue_id IS NOT NULL"
        f" AND flow_run.state_type IS NOT NULL AND {where.text} GROUP BY 1, 2, 3"
    )
    values = (*bucket.values, *late.values, *within.values, *where.values)
    rows: list[Any] = await tx.fetch(Sql(text, values))
    return [
        QueueCount(tx.dialect.decode("uuid", id_), int(n), type_, count, float(seconds or 0))
        for id_, n, type_, count, seconds in rows
    ]


async def count_waits(
    tx: Transaction, queue_ids: Sequence[UUID], start: datetime, width: timedelta, buckets: int
) -> list[tuple[int, int | None, int, float]]:
    """Count flow runs of work queues by the interval of their expected start and that in which they began or ended.

    Args:
        tx: The transaction.
        queue_ids: The queues.
        start: When the first interval begins.
        width: The length of an interval.
        buckets: How many intervals.

    Returns:
        Both intervals, the second None for runs that wait; how many runs; by how many seconds they are late, together.
    """
    due = tx.dialect.bucket("flow_run.expected_start_time", start, width)
    begun = tx.dialect.bucket("coalesce(flow_run.start_time, flow_run.end_time)", start, width)
    late, within = lateness(tx, "flow_run"), has_started_between(start, start + width * buckets)
    chosen = one_of("flow_run.work_queue_id", queue_ids)
    text = (
        f"SELECT {due.text}, {begun.text}, count(*), sum({late.text}) FROM flow_run"
        f" WHERE {within.text} AND flow_run.expected_start_time IS NOT NULL AND {chosen.text} GROUP BY 1, 2"
    )
    values = (*due.values, *begun.values, *late.values, *within.values, *chosen.values)
    rows: list[Any] = await tx.fetch(Sql(text, values))
    return [(int(n), None if m is None else int(m), count, float(seconds or 0)) for n, m, count, seconds in rows]


def has_flow_run(condition: Condition) -> Condition:
    """Return the condition of task runs whose flow run satisfies one."""
    return Sql(
        f"task_run.flow_run_id IN (SELECT flow_run.id FROM flow_run WHERE {condition.text})", tuple(condition.values)
    )


async def find_page(
    tx: Transaction,
    collection: Collection,
    where: Condition,
    order: Order,
    page: int,
    size: int,
    pinned: Sequence[UUID] = (),
) -> list[Row]:
    """Return a page of the objects that satisfy a condition.

    Args:
        tx: The transaction.
        collection: The collection.
        where: The condition.
        order: Their order.
        page: The number of the page, from 1.
        size: The most rows of a page.
        pinned: The ids of those that are listed before the others.
    """
    key, start = f"{collection.table.name}.id", (page - 1) * size
    first = await collection.find(tx, all_of([where, one_of(key, pinned)]), order) if pinned else []
    others = all_of([where, none_of(key, [row["id"] for row in first])])
    shown = first[start : start + size]
    return [*shown, *await collection.find(tx, others, order, size - len(shown), max(0, start - len(first)))]


SORTS = {
    "name": ("name", "id"),
    "-name": ("-name", "-id"),
    "-created": ("-created", "-id"),
    "-updated": ("-updated", "-id"),
}


def page_order(collection: Collection, sort: str = "name") -> Order:
    """Return the order of a list, as `SORTS` names it."""
    return collection.order(*SORTS[sort])
