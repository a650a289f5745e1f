"""Runs counted: by interval and state, by state alone, and how late they were."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.db.sql import Sql, all_of, one_of
from prefect.server.db.tables import OPEN
from prefect.server.services.core import presenters
from prefect.server.services.core.errors import InvalidRequest
from prefect.server.services.core.presenters import Answer
from prefect.server.services.core.reading import compile_criteria
from prefect.server.services.runs.run_states import STATE_NAMES
from prefect.server.store import Collection, sorting
from prefect.types import UTC, now

MAX_INTERVALS = 500
"""Intervals that a history has at most; those that come later are left out."""

MAX_INTERVAL = timedelta(days=366 * 10_000)

DASHBOARD_INTERVALS = 20


async def count_by_interval(
    tx: Transaction, runs: Collection, start: datetime, end: datetime, interval: timedelta, **criteria: Any
) -> list[Answer]:
    """Runs by when they were expected to start: for each interval how many are in which state.

    Raises:
        InvalidRequest: The interval is less than a second.
    """
    if interval < timedelta(seconds=1):
        raise InvalidRequest("History interval must not be less than 1 second.")
    number = min(MAX_INTERVALS, -((start - end) // interval)) if start < end else 0
    interval = min(interval, MAX_INTERVAL)
    intervals: list[Answer] = [
        {"interval_start": (first := start + interval * n), "interval_end": _after(first, interval), "states": []}
        for n in range(number)
    ]
    for n, type_, name, count, run_time, lateness in await _grouped(tx, runs, start, end, interval, criteria):
        if n < number:
            intervals[n]["states"].append(
                {
                    "state_type": type_,
                    "state_name": name,
                    "count_runs": count,
                    "sum_estimated_run_time": float(run_time),
                    "sum_estimated_lateness": float(lateness),
                }
            )
    return intervals


def _after(start: datetime, interval: timedelta) -> datetime:
    """The end of an interval, or of all time."""
    try:
        return start + interval
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)


async def _grouped(
    tx: Transaction, runs: Collection, start: datetime, end: datetime, interval: timedelta, criteria: dict[str, Any]
) -> list[tuple[Any, ...]]:
    table = runs.table.name
    expected = f"{table}.expected_start_time"
    bucket = tx.dialect.bucket(expected, start, interval)
    run_time, lateness = _run_time(tx, table), _lateness(tx, table)
    asked = all_of(
        [
            Sql(f"{expected} >= ? AND {expected} < ? AND {table}.state_type IS NOT NULL", (start, end)),
            compile_criteria(tx, runs, **criteria),
        ]
    )
    text = (
        f"SELECT {bucket.text}, {table}.state_type, {table}.state_name, count(*),"
        f" sum({run_time.text}), sum({lateness.text})"
        f" FROM {table} WHERE {asked.text} GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
    )
    return await tx.fetch(Sql(text, (*bucket.values, *run_time.values, *lateness.values, *asked.values)))


def _run_time(tx: Transaction, table: str) -> Sql:
    """Seconds that a run has been running, as `answers` has it."""
    seconds = tx.dialect.seconds
    text = (
        f"coalesce({seconds(f'{table}.total_run_time')}, 0) + CASE WHEN {table}.state_type = 'RUNNING'"
        f" THEN ? - {seconds(f'{table}.state_timestamp')} ELSE 0 END"
    )
    return Sql(text, (now().timestamp(),))


def _lateness(tx: Transaction, table: str) -> Sql:
    """Seconds by which a run started later than expected, or is late by now, as `answers` has it."""
    started, expected = (tx.dialect.seconds(f"{table}.{name}") for name in ("start_time", "expected_start_time"))
    at = now().timestamp()
    text = (
        f"CASE WHEN {table}.start_time > {table}.expected_start_time THEN {started} - {expected}"
        f" WHEN {table}.start_time IS NULL AND {table}.end_time IS NULL AND {expected} < ? THEN ? - {expected}"
        " ELSE 0 END"
    )
    return Sql(text, (at, at))


async def average_lateness(tx: Transaction, **criteria: Any) -> float | None:
    """How late flow runs were, or are by now, in seconds on average; None without a run."""
    lateness, asked = _lateness(tx, "flow_run"), compile_criteria(tx, store.flow_runs, **criteria)
    text = f"SELECT avg({lateness.text}) FROM flow_run WHERE {asked.text}"
    ((average,),) = await tx.fetch(Sql(text, (*lateness.values, *asked.values)))
    return None if average is None else float(average)


# --- for the web interface -------------------------------------------------------------------------------------------


async def count_by_state(tx: Transaction, runs: Collection, **criteria: Any) -> dict[str, int]:
    """How many runs are in a state of each type."""
    table, asked = runs.table.name, compile_criteria(tx, runs, **criteria)
    text = f"SELECT {table}.state_type, count(*) FROM {table} WHERE {asked.text} GROUP BY 1"
    counts = dict.fromkeys(STATE_NAMES, 0)
    counts.update((type_, count) for type_, count in await tx.fetch(Sql(text, asked.values)) if type_ is not None)
    return counts


async def count_for_dashboard(
    tx: Transaction, after: datetime | None, before: datetime | None, **criteria: Any
) -> list[dict[str, int]]:
    """How many task runs that started in each twentieth of a time came to their end, and how many of them failed."""
    if after is None:
        raise InvalidRequest("task_runs.start_time.after_ is required")
    width = max((before or now()) - after, timedelta(microseconds=DASHBOARD_INTERVALS)) / DASHBOARD_INTERVALS
    bucket = tx.dialect.bucket("task_run.start_time", after, width)
    asked = all_of([Sql(f"NOT ({OPEN})"), compile_criteria(tx, store.task_runs, **criteria)])
    failed = "CASE WHEN task_run.state_type IN ('FAILED', 'CRASHED') THEN 1 ELSE 0 END"
    text = f"SELECT {bucket.text}, count(*), sum({failed}) FROM task_run WHERE {asked.text} GROUP BY 1"
    counts = [{"completed": 0, "failed": 0} for _ in range(DASHBOARD_INTERVALS)]
    for n, ended, bad in await tx.fetch(Sql(text, (*bucket.values, *asked.values))):
        # The very end belongs to the last interval.
        count = counts[min(n, DASHBOARD_INTERVALS - 1)]
        count["completed"] += ended - bad
        count["failed"] += bad
    return counts


async def count_task_runs(tx: Transaction, flow_run_ids: Sequence[UUID]) -> dict[UUID, int]:
    """How many task runs each flow run has, without those that stand for subflows."""
    text = (
        "SELECT task_run.flow_run_id, count(*) FROM task_run WHERE {} AND NOT EXISTS"
        " (SELECT 1 FROM flow_run AS sub WHERE sub.parent_task_run_id = task_run.id) GROUP BY 1"
    )
    return await _counted(tx, text, "task_run.flow_run_id", flow_run_ids)


async def count_deployments(tx: Transaction, flow_ids: Sequence[UUID]) -> dict[UUID, int]:
    """How many deployments each flow has."""
    text = "SELECT deployment.flow_id, count(*) FROM deployment WHERE {} GROUP BY 1"
    return await _counted(tx, text, "deployment.flow_id", flow_ids)


async def _counted(tx: Transaction, text: str, column: str, ids: Sequence[UUID]) -> dict[UUID, int]:
    asked = one_of(column, ids)
    counts = dict.fromkeys(ids, 0)
    counts.update(
        (tx.dialect.decode("uuid", id_), count)
        for id_, count in await tx.fetch(Sql(text.format(asked.text), asked.values))
    )
    return counts


async def find_chart_points(tx: Transaction, sort: Any, limit: int, offset: int, **criteria: Any) -> list[Answer]:
    """Flow runs as points of a diagram: when they were, or will be, and how long and how late."""
    asked = all_of([Sql("flow_run.state_type IS NOT NULL"), compile_criteria(tx, store.flow_runs, **criteria)])
    order = sorting.compile_order(tx.dialect, "flow_run", sort, "")
    names = ("id", "state_type", "state_timestamp", "start_time", "end_time", "expected_start_time", "total_run_time")
    rows = await store.flow_runs.find(tx, asked, order, max(limit, 0), offset, columns=names)
    at = now()
    return [
        {
            "id": row["id"],
            "state_type": row["state_type"],
            "timestamp": row["start_time"] or row["expected_start_time"],
            "duration": presenters.estimate_run_time(row, at),
            "lateness": presenters.compute_start_delay(row, at),
        }
        for row in rows
    ]


async def find_next_runs(tx: Transaction, flow_ids: Sequence[UUID]) -> dict[UUID, Answer | None]:
    """The next scheduled run of each flow, if it has one."""
    asked = one_of("flow_run.flow_id", flow_ids)
    first = (
        "flow_run.id IN (SELECT ranked.id FROM (SELECT flow_run.id, row_number() OVER (PARTITION BY flow_run.flow_id"
        " ORDER BY flow_run.next_scheduled_start_time, flow_run.id) AS rank FROM flow_run"
        f" WHERE {asked.text} AND flow_run.state_type = 'SCHEDULED'"
        " AND flow_run.next_scheduled_start_time IS NOT NULL) AS ranked WHERE ranked.rank = 1)"
    )
    names = ("id", "flow_id", "name", "state_name", "state_type", "next_scheduled_start_time")
    rows = await store.flow_runs.find(tx, Sql(first, asked.values), columns=names)
    return {**dict.fromkeys(flow_ids), **{row["flow_id"]: row for row in rows}}
