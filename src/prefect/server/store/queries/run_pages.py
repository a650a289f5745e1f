"""Queries of the web page about lists of runs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.db.schema.tables import HELD, is_open
from prefect.server.db.sql import Sql, one_of
from prefect.server.store import Collection, Condition, Order, Row
from prefect.server.store.queries.run_search import run_seconds

DURATION_STEPS = (
    *(0.01, 0.03, 0.1, 0.3, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0),
    *(1800.0, 3600.0, 7200.0, 14400.0, 28800.0, 86400.0, 604800.0),
)
"""The seconds below which a run is in each row of the chart; longer ones are in the last."""

SORTS = ("start", "end", "duration", "lateness", "name")


def run_order(tx: Transaction, runs: Collection, sort: str) -> Order:
    """Return the order that a sort of the page names; one with a `-` before its name descends.

    Raises:
        ValueError: There is no such sort.
    """
    name, table = sort.removeprefix("-"), runs.table.name
    if name not in SORTS:
        raise ValueError(f"Runs cannot be sorted by {name!r}: use one of {', '.join(SORTS)}.")
    seconds = tx.dialect.seconds
    running = f"CASE WHEN {table}.state_type = 'RUNNING' THEN {tx.dialect.now_seconds} - "
    expression = {
        "start": _started(runs),
        "end": f"{table}.end_time",
        "name": f"{table}.name",
        "duration": f"(coalesce({seconds(f'{table}.total_run_time')}, 0) + "
        f"{running}{seconds(f'{table}.state_timestamp')} ELSE 0 END)",
        "lateness": f"(CASE WHEN {table}.start_time IS NOT NULL THEN {seconds(f'{table}.start_time')}"
        f" WHEN {table}.end_time IS NULL THEN {tx.dialect.now_seconds} END"
        f" - {seconds(f'{table}.expected_start_time')})",
    }[name]
    direction, nulls = ("DESC", "LAST") if sort.startswith("-") else ("ASC", "FIRST")
    return Order(f"{expression} {direction} NULLS {nulls}, {table}.id {direction}")


def _started(runs: Collection) -> str:
    table = runs.table.name
    return f"coalesce({table}.start_time, {table}.expected_start_time)"


def started_since(runs: Collection, time: datetime) -> Condition:
    """Return the condition for runs that started, or are expected to, at a time or later."""
    return Sql(f"{_started(runs)} >= ?", (time,))


def not_upcoming(runs: Collection, at: datetime) -> Condition:
    """Return the condition for runs that are not scheduled for later."""
    table = runs.table.name
    return Sql(
        f"NOT ({table}.state_type = 'SCHEDULED' AND coalesce({table}.next_scheduled_start_time,"
        f" {table}.expected_start_time) > ?)",
        (at,),
    )


async def find_runs(
    tx: Transaction, runs: Collection, where: Condition, order: Order, limit: int, offset: int
) -> list[Row]:
    """Return a page of runs that satisfy a condition, without their results."""
    names = [name for name in runs.table.names if name != "result"]
    return await runs.find(tx, where, order, limit, offset, columns=names)


async def find_upcoming(tx: Transaction, where: Condition, at: datetime, limit: int) -> tuple[list[Row], int]:
    """Return the next flow runs that are scheduled for later, and how many there are."""
    later = Sql(
        "flow_run.next_scheduled_start_time IS NOT NULL AND flow_run.next_scheduled_start_time > ?"
        " AND flow_run.state_type = 'SCHEDULED'",
        (at,),
    )
    condition = store.flow_runs.where(later, where)
    order = Order("flow_run.next_scheduled_start_time, flow_run.id")
    rows = await store.flow_runs.find(tx, condition, order, limit)
    total = len(rows) if len(rows) < limit else await store.flow_runs.count(tx, condition)
    return rows, total


async def find_scheduled_between(tx: Transaction, since: datetime, until: datetime, limit: int) -> list[Row]:
    """Return what flow runs that are scheduled within a time are of, the first of them first."""
    within = Sql(
        "flow_run.next_scheduled_start_time IS NOT NULL AND flow_run.next_scheduled_start_time >= ?"
        " AND flow_run.next_scheduled_start_time < ? AND flow_run.state_type = 'SCHEDULED'",
        (since, until),
    )
    order = Order("flow_run.next_scheduled_start_time, flow_run.id")
    columns = ("id", "name", "flow_id", "deployment_id", "next_scheduled_start_time", "auto_scheduled")
    return await store.flow_runs.find(tx, within, order, limit, columns=columns)


class RunCount(NamedTuple):
    """The number of runs in one cell of a grid and in one state.

    Attributes:
        column: The interval in which they started; None if they have not.
        row: The step of their duration.
        type: The type of their state; empty without a state.
        name: The name of their state; empty without a state.
        number: How many they are.
    """

    column: int | None
    row: int
    type: str
    name: str
    number: int


async def find_first_start(tx: Transaction, runs: Collection) -> datetime | None:
    """Return when the first of all runs started."""
    started = _started(runs)
    text = f"SELECT min({started}) FROM {runs.table.name} WHERE {started} IS NOT NULL"
    return tx.dialect.decode("time", (await tx.fetch(Sql(text)))[0][0])


async def count_runs(
    tx: Transaction, runs: Collection, where: Condition, start: datetime, width: timedelta
) -> list[RunCount]:
    """Count runs by the interval in which they started, the step of their duration, and their state.

    What the list and its chart need is counted in one pass, which takes 0.8 us a run.
    """
    table = runs.table.name
    started = _started(runs)
    column, seconds = tx.dialect.bucket(started, start, width), run_seconds(tx.dialect, table)
    steps = len(DURATION_STEPS) + 1
    # Most of the time is that of sorting rows into groups, so column and step are one number.
    text = (
        f"SELECT timed.n * {steps} + {_step_number('timed.seconds', 0, steps - 1)}, timed.type, timed.name, count(*)"
        f" FROM (SELECT {column.text} AS n, {seconds.text} AS seconds, {table}.state_type AS type,"
        f" {table}.state_name AS name FROM {table} WHERE {where.text}) AS timed GROUP BY 1, 2, 3"
    )
    rows = await tx.fetch(Sql(text, (*column.values, *seconds.values, *where.values)))
    return [
        RunCount(
            *((None, 0) if cell is None else divmod(int(cell), steps)), type_ or "", name or (type_ or "").title(), n
        )
        for cell, type_, name, n in rows
    ]


def _step_number(expression: str, first: int, last: int) -> str:
    """Return SQL for the number of the step, from `first` to `last`, that a duration is in: by halves, for each run."""
    if first == last:
        return str(first)
    middle = (first + last) // 2
    below, above = _step_number(expression, first, middle), _step_number(expression, middle + 1, last)
    return f"CASE WHEN {expression} < {DURATION_STEPS[middle]!r} THEN {below} ELSE {above} END"


async def find_chart_rows(tx: Transaction, runs: Collection, where: Condition, limit: int) -> list[Row]:
    """Return the columns of runs that a chart needs."""
    names = ("id", "name", "state_type", "state_timestamp", "start_time", "expected_start_time", "total_run_time")
    return await runs.find(tx, where, limit=limit, columns=names)


async def count_task_states(tx: Transaction, flow_run_ids: Sequence[UUID]) -> dict[UUID, dict[str, int]]:
    """Count the task runs of flow runs by the type of their state."""
    if not flow_run_ids:
        return {}
    condition = one_of("task_run.flow_run_id", flow_run_ids)
    text = (
        f"SELECT task_run.flow_run_id, task_run.state_type, count(*) FROM task_run WHERE {condition.text} GROUP BY 1, 2"
    )
    counts: dict[UUID, dict[str, int]] = {}
    for id_, type_, count in await tx.fetch(Sql(text, condition.values)):
        counts.setdefault(tx.dialect.decode("uuid", id_), {})[type_ or "PENDING"] = count
    return counts


OPEN_FLOW_RUNS = Sql(is_open("flow_run"))
"""The condition on flow runs that have not finished."""


async def find_running_flow_runs(tx: Transaction, limit: int, condition: Condition) -> list[Row]:
    """Return flow runs that are under way, those that began last first."""
    where = store.flow_runs.where(OPEN_FLOW_RUNS, condition, {"state_type": ["RUNNING", "CANCELLING"]})
    return await store.flow_runs.find(tx, where, store.flow_runs.order("-start_time", "-id"), limit)


async def find_paused_flow_runs(tx: Transaction, limit: int, condition: Condition) -> list[Row]:
    """Return the flow runs that are paused, those that wait longest first."""
    where = store.flow_runs.where(Sql(f"flow_run.{HELD} AND flow_run.state_type = 'PAUSED'"), condition)
    return await store.flow_runs.find(tx, where, store.flow_runs.order("state_timestamp", "id"), limit)


async def find_batch(tx: Transaction, where: Any, created_until: datetime, after: UUID | None, limit: int) -> list[Row]:
    """Return the next flow runs that satisfy a condition, by their ids.

    Args:
        tx: The transaction.
        where: The condition.
        created_until: Runs that were created later are left out.
        after: The id that the batch before ended with.
        limit: The size of a batch.
    """
    parts = [where, Sql("flow_run.created <= ?", (created_until,))]
    if after is not None:
        parts.append(Sql("flow_run.id > ?", (after,)))
    names = ("id", "name", "state_type", "state_name", "deployment_id")
    return await store.flow_runs.find(tx, store.flow_runs.where(*parts), store.flow_runs.by_key, limit, columns=names)


def created_until(where: Any, at: datetime) -> Any:
    """Return a condition that holds for the flow runs of another one that were created until a time."""
    return store.flow_runs.where(where, Sql("flow_run.created <= ?", (at,)))


def done_by(job_id: UUID) -> Sql:
    """Return the condition that a bulk job has done something with a flow run."""
    done = "bulk_result.job_id = ? AND bulk_result.outcome = 'done'"
    return Sql(f"flow_run.id IN (SELECT bulk_result.run_id FROM bulk_result WHERE {done})", (job_id,))


async def find_old_jobs(tx: Transaction, before: datetime) -> list[UUID]:
    """Return the bulk jobs that were created before a time."""
    rows = await store.bulk_jobs.find(tx, Sql("bulk_job.created < ?", (before,)), columns=["id"])
    return [row["id"] for row in rows]
