"""Statistics of runs: counts by interval and by state, and lateness."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.services.core import presenters
from prefect.server.services.core.errors import InvalidRequest
from prefect.server.services.core.presenters import Answer
from prefect.server.services.core.reading import compile_criteria
from prefect.server.services.runs.states.run_states import STATE_NAMES
from prefect.server.store import Collection, sorting
from prefect.server.store.queries import history as queries
from prefect.types import UTC, now

MAX_INTERVALS = 500
"""Maximum number of intervals of a history; later ones are left out."""

MAX_INTERVAL = timedelta(days=366 * 10_000)

DASHBOARD_INTERVALS = 20


async def count_by_interval(
    tx: Transaction, runs: Collection, start: datetime, end: datetime, interval: timedelta, **criteria: Any
) -> list[Answer]:
    """Return the intervals between two times, each with the number of runs in each state that were expected in it.

    Raises:
        InvalidRequest: The interval is less than a second.
    """
    if interval < timedelta(seconds=1):
        raise InvalidRequest("History interval must not be less than 1 second.")
    number = min(MAX_INTERVALS, -((start - end) // interval)) if start < end else 0
    interval = min(interval, MAX_INTERVAL)
    intervals: list[Answer] = [
        {"interval_start": (first := start + interval * n), "interval_end": _add(first, interval), "states": []}
        for n in range(number)
    ]
    counts = await queries.count_by_interval(tx, runs, start, end, interval, compile_criteria(tx, runs, **criteria))
    for each in counts:
        if each.interval < number:
            intervals[each.interval]["states"].append(
                {
                    "state_type": each.state_type,
                    "state_name": each.state_name,
                    "count_runs": each.runs,
                    "sum_estimated_run_time": each.run_time,
                    "sum_estimated_lateness": each.lateness,
                }
            )
    return intervals


def _add(start: datetime, interval: timedelta) -> datetime:
    """Return the end of an interval, or the last time there is."""
    try:
        return start + interval
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)


async def average_lateness(tx: Transaction, **criteria: Any) -> float | None:
    """Return by how many seconds flow runs were late on average; None without a run."""
    return await queries.compute_average_lateness(tx, compile_criteria(tx, store.flow_runs, **criteria))


# --- for the web page ------------------------------------------------------------------------------------------------


async def count_by_state(tx: Transaction, runs: Collection, **criteria: Any) -> dict[str, int]:
    """Return how many runs are in a state of each type."""
    counts = await queries.count_by_state(tx, runs, compile_criteria(tx, runs, **criteria))
    return dict.fromkeys(STATE_NAMES, 0) | counts


async def count_for_dashboard(
    tx: Transaction, after: datetime | None, before: datetime | None, **criteria: Any
) -> list[dict[str, int]]:
    """Return how many task runs completed and failed, for each of twenty intervals in which they started."""
    if after is None:
        raise InvalidRequest("task_runs.start_time.after_ is required")
    width = max((before or now()) - after, timedelta(microseconds=DASHBOARD_INTERVALS)) / DASHBOARD_INTERVALS
    counts = [{"completed": 0, "failed": 0} for _ in range(DASHBOARD_INTERVALS)]
    for each in await queries.count_finished_task_runs(
        tx, after, width, compile_criteria(tx, store.task_runs, **criteria)
    ):
        # The very end belongs to the last interval.
        count = counts[min(each.interval, DASHBOARD_INTERVALS - 1)]
        count["completed"] += each.ended - each.failed
        count["failed"] += each.failed
    return counts


async def count_task_runs(tx: Transaction, flow_run_ids: Sequence[UUID]) -> dict[UUID, int]:
    """Return how many task runs each flow run has, without those that stand for subflow runs."""
    return await queries.count_task_runs(tx, flow_run_ids)


async def count_deployments(tx: Transaction, flow_ids: Sequence[UUID]) -> dict[UUID, int]:
    """Return how many deployments each flow has."""
    return await queries.count_deployments(tx, flow_ids)


async def find_chart_points(tx: Transaction, sort: Any, limit: int, offset: int, **criteria: Any) -> list[Answer]:
    """Return flow runs as points of a chart over time: when they ran or will run, how long and how late."""
    order = sorting.compile_order(tx.dialect, "flow_run", sort, "")
    rows = await queries.find_chart_points(
        tx, order, max(limit, 0), offset, compile_criteria(tx, store.flow_runs, **criteria)
    )
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
    """Return the next scheduled run of each flow, or None."""
    return {**dict.fromkeys(flow_ids), **{row["flow_id"]: row for row in await queries.find_next_runs(tx, flow_ids)}}
