"""Counts of runs: by interval and state, by state, by owner, and how late runs were."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.db.schema.tables import STARTED, is_open
from prefect.server.db.sql import Sql, one_of
from prefect.server.store import Collection, Condition, Order, Row
from prefect.types import now


class StateCount(NamedTuple):
    """Runs of one state in one interval.

    Attributes:
        interval: The number of the interval, from 0.
        state_type: The type of the state.
        state_name: Its name.
        runs: How many runs are in it.
        run_time: Seconds that these runs have been running, in total.
        lateness: Seconds by which these runs are late, in total.
    """

    interval: int
    state_type: str
    state_name: str
    runs: int
    run_time: float
    lateness: float


class FinishedCount(NamedTuple):
    """Finished task runs of one interval: its number, how many ended, and how many of these failed or crashed."""

    interval: int
    ended: int
    failed: int


async def count_by_interval(
    tx: Transaction, runs: Collection, start: datetime, end: datetime, interval: timedelta, where: Condition
) -> list[StateCount]:
    """Count runs by the interval of their expected start and by their state.

    Args:
        tx: The transaction.
        runs: The flow runs or the task runs.
        start: Where the first interval begins.
        end: Where the last interval ends.
        interval: The width of an interval.
        where: The condition that the runs satisfy.
    """
    table = runs.table.name
    expected = f"{table}.expected_start_time"
    bucket = tx.dialect.bucket(expected, start, interval)
    run_time, late = _run_time(tx, table), lateness(tx, table)
    within = Sql(f"{expected} >= ? AND {expected} < ? AND {table}.state_type IS NOT NULL", (start, end))
    condition = runs.where(within, where)
    text = (
        f"SELECT {bucket.text}, {table}.state_type, {table}.state_name, count(*),"
        f" sum({run_time.text}), sum({late.text})"
        f" FROM {table} WHERE {condition.text} GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
    )
    values = (*bucket.values, *run_time.values, *late.values, *condition.values)
    return [
        StateCount(n, type_, name, count, float(seconds), float(delay))
        for n, type_, name, count, seconds, delay in await tx.fetch(Sql(text, values))
    ]


def _run_time(tx: Transaction, table: str) -> Sql:
    """Return the seconds that a run has been running, as `presenters.estimate_run_time` does."""
    seconds = tx.dialect.seconds
    text = (
        f"coalesce({seconds(f'{table}.total_run_time')}, 0) + CASE WHEN {table}.state_type = 'RUNNING'"
        f" THEN ? - {seconds(f'{table}.state_timestamp')} ELSE 0 END"
    )
    return Sql(text, (now().timestamp(),))


def lateness(tx: Transaction, table: str) -> Sql:
    """Return the seconds by which a run started late or is late, as `presenters.compute_start_delay` does."""
    started, expected = (tx.dialect.seconds(f"{table}.{name}") for name in ("start_time", "expected_start_time"))
    at = now().timestamp()
    text = (
        f"CASE WHEN {table}.start_time > {table}.expected_start_time THEN {started} - {expected}"
        f" WHEN {table}.start_time IS NULL AND {table}.end_time IS NULL AND {expected} < ? THEN ? - {expected}"
        " ELSE 0 END"
    )
    return Sql(text, (at, at))


async def compute_average_lateness(tx: Transaction, where: Condition) -> float | None:
    """Return by how many seconds flow runs were late on average; None without a run."""
    late = lateness(tx, "flow_run")
    text = f"SELECT avg({late.text}) FROM flow_run WHERE {where.text}"
    ((average,),) = await tx.fetch(Sql(text, (*late.values, *where.values)))
    return None if average is None else float(average)


async def count_by_state(tx: Transaction, runs: Collection, where: Condition) -> dict[str, int]:
    """Count runs by the type of their state; runs without a state are left out."""
    table = runs.table.name
    text = f"SELECT {table}.state_type, count(*) FROM {table} WHERE {where.text} GROUP BY 1"
    return {type_: count for type_, count in await tx.fetch(Sql(text, where.values)) if type_ is not None}


async def count_finished_task_runs(
    tx: Transaction, start: datetime, interval: timedelta, where: Condition
) -> list[FinishedCount]:
    """Count finished task runs by the interval in which they started; the first interval begins at `start`."""
    bucket = tx.dialect.bucket("task_run.start_time", start, interval)
    condition = store.task_runs.where(Sql(f"NOT ({is_open('task_run')})"), where)
    failed = "CASE WHEN task_run.state_type IN ('FAILED', 'CRASHED') THEN 1 ELSE 0 END"
    text = f"SELECT {bucket.text}, count(*), sum({failed}) FROM task_run WHERE {condition.text} GROUP BY 1"
    return [FinishedCount(*row) for row in await tx.fetch(Sql(text, (*bucket.values, *condition.values)))]


async def count_task_runs(tx: Transaction, flow_run_ids: Sequence[UUID]) -> dict[UUID, int]:
    """Count the task runs of each flow run, without those that stand for subflow runs."""
    text = (
        "SELECT task_run.flow_run_id, count(*) FROM task_run WHERE {} AND NOT EXISTS"
        " (SELECT 1 FROM flow_run AS sub WHERE sub.parent_task_run_id = task_run.id) GROUP BY 1"
    )
    return await _count_by(tx, text, "task_run.flow_run_id", flow_run_ids)


async def count_deployments(tx: Transaction, flow_ids: Sequence[UUID]) -> dict[UUID, int]:
    """Count the deployments of each flow."""
    text = "SELECT deployment.flow_id, count(*) FROM deployment WHERE {} GROUP BY 1"
    return await _count_by(tx, text, "deployment.flow_id", flow_ids)


async def _count_by(tx: Transaction, text: str, column: str, ids: Sequence[UUID]) -> dict[UUID, int]:
    condition = one_of(column, ids)
    rows = await tx.fetch(Sql(text.format(condition.text), condition.values))
    return dict.fromkeys(ids, 0) | {tx.dialect.decode("uuid", id_): count for id_, count in rows}


async def find_chart_points(tx: Transaction, order: Order, limit: int, offset: int, where: Condition) -> list[Row]:
    """Return the columns of flow runs with a state that a chart over time needs."""
    condition = store.flow_runs.where(Sql("flow_run.state_type IS NOT NULL"), where)
    names = ("id", "state_type", "state_timestamp", "start_time", "end_time", "expected_start_time", "total_run_time")
    return await store.flow_runs.find(tx, condition, order, limit, offset, columns=names)


async def find_next_runs(tx: Transaction, flow_ids: Sequence[UUID]) -> list[Row]:
    """Return the next scheduled run of each flow that has one, in short."""
    of_flows = one_of("flow_run.flow_id", flow_ids)
    first = (
        "flow_run.id IN (SELECT ranked.id FROM (SELECT flow_run.id, row_number() OVER (PARTITION BY flow_run.flow_id"
        " ORDER BY flow_run.next_scheduled_start_time, flow_run.id) AS rank FROM flow_run"
        f" WHERE {of_flows.text} AND flow_run.state_type = 'SCHEDULED'"
        " AND flow_run.next_scheduled_start_time IS NOT NULL) AS ranked WHERE ranked.rank = 1)"
    )
    names = ("id", "flow_id", "name", "state_name", "state_type", "next_scheduled_start_time")
    return await store.flow_runs.find(tx, Sql(first, of_flows.values), columns=names)


# --- metrics of automations ------------------------------------------------------------------------------------------


def since(time: datetime) -> Condition:
    """Return the condition that flow runs started, or were expected to, after a time."""
    return Sql(f"{STARTED} >= ?", (time,))


async def compute_success_percentage(tx: Transaction, where: Condition) -> float | None:
    """Return how many percent of the finished flow runs that satisfy a condition completed; None without any."""
    text = (
        "SELECT count(*), sum(CASE WHEN flow_run.state_type = 'COMPLETED' THEN 1 ELSE 0 END) FROM flow_run"
        f" WHERE NOT ({is_open('flow_run')}) AND {where.text}"
    )
    ((ended, completed),) = await tx.fetch(Sql(text, where.values))
    return 100.0 * completed / ended if ended else None


async def compute_average_duration(tx: Transaction, where: Condition) -> float | None:
    """Return the average seconds that the finished flow runs that satisfy a condition ran; None without any."""
    seconds = tx.dialect.seconds("flow_run.total_run_time")
    text = f"SELECT avg({seconds}) FROM flow_run WHERE NOT ({is_open('flow_run')}) AND {where.text}"
    ((average,),) = await tx.fetch(Sql(text, where.values))
    return None if average is None else float(average)
