"""The calendar of the web page: when schedules will create runs, and which runs wait for their time."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter
from typing_extensions import TypedDict

from prefect.schemas import dates
from prefect.schemas.schedules import SCHEDULE_TYPES
from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.services.pages.core import run_rows
from prefect.server.services.pages.core.shapes import Named
from prefect.server.store import Row
from prefect.server.store.queries import catalog_pages as queries
from prefect.server.store.queries import run_pages
from prefect.types import UTC, now

MAX_SCHEDULES = 300
MAX_RUNS = 2000
MAX_TIMES = 4000
"""Times that are computed for a page, of all schedules together."""

_SCHEDULE: TypeAdapter[Any] = TypeAdapter(SCHEDULE_TYPES)


class CalendarTime(TypedDict):
    """A time at which a run will begin, and the run, if it is there already."""

    at: datetime
    run: UUID | None


class CalendarEntry(TypedDict):
    """A schedule with its times, or a run that somebody has scheduled, with its name.

    Attributes:
        flow: The flow.
        deployment: The deployment, if it has one.
        name: The name of a run that no schedule has created.
        schedule: The schedule, if it is of one.
        times: When.
        is_cut: Whether there are more times than were computed.
    """

    flow: Named | None
    deployment: Named | None
    name: str | None
    schedule: dict[str, Any] | None
    times: list[CalendarTime]
    is_cut: bool


class CalendarPage(TypedDict):
    """The schedules and runs that begin within a span of days.

    Attributes:
        entries: The schedules and runs that have times in it.
        schedules: How many active schedules there are; no more than `MAX_SCHEDULES` are shown.
    """

    entries: list[CalendarEntry]
    schedules: int


async def build_calendar(tx: Transaction, since: datetime, days: int, text: str) -> CalendarPage:
    """Return what begins in some days.

    Args:
        tx: The transaction.
        since: When the days begin; what lies before now is left out.
        days: How many.
        text: What the names of the deployments or of their flows hold.
    """
    begin, end = max(since, now()), since + timedelta(days=days)
    chosen = store.deployments.where(
        {"paused": False}, *([queries.search_condition(tx, store.deployments, text)] if text else [])
    )
    schedules, total = await queries.find_active_schedules(tx, chosen, MAX_SCHEDULES)
    runs = await run_pages.find_scheduled_between(tx, begin, end, MAX_RUNS)
    deployments = await store.deployments.get_many(
        tx,
        [row["deployment_id"] for row in (*schedules, *runs) if row["deployment_id"]],
        columns=("id", "name", "flow_id"),
    )
    flow_ids = [row["flow_id"] for row in (*deployments.values(), *runs)]
    flows = await run_rows.find_names(tx, store.flows, flow_ids)
    by_time = {(run["deployment_id"], run["next_scheduled_start_time"]): run["id"] for run in runs}
    limit = max(20, MAX_TIMES // max(len(schedules), 1))
    entries: list[CalendarEntry] = []
    for row in schedules:
        deployment = deployments[row["deployment_id"]]
        times, is_cut = _compute_times(row["schedule"], begin, end, limit)
        if times:
            entry: CalendarEntry = {
                "flow": flows.get(deployment["flow_id"]),
                "deployment": {"id": deployment["id"], "name": deployment["name"]},
                "name": None,
                "schedule": row["schedule"],
                "times": [{"at": at, "run": by_time.get((deployment["id"], at))} for at in times],
                "is_cut": is_cut,
            }
            entries.append(entry)
    others = [_present_run(run, deployments, flows) for run in runs if not run["auto_scheduled"]]
    return {"entries": [*entries, *(entry for entry in others if _matches(entry, text))], "schedules": total}


def _matches(entry: CalendarEntry, text: str) -> bool:
    """Return whether the name of a run, its flow or its deployment holds a text."""
    names = [entry["name"], *(each["name"] for each in (entry["flow"], entry["deployment"]) if each)]
    return any(name and text.lower() in name.lower() for name in names)


def _compute_times(schedule: Any, begin: datetime, end: datetime, limit: int) -> tuple[list[datetime], bool]:
    """Return the times of a schedule within a time, and whether there are more than the limit."""
    try:
        times = dates.next_dates(_SCHEDULE.validate_python(schedule), limit + 1, begin, end - timedelta.resolution)
    except (ValueError, ArithmeticError, LookupError):
        return [], False  # an older release could store what is invalid now; the scheduler logs it
    return [at.astimezone(UTC) for at in times[:limit]], len(times) > limit


def _present_run(run: Row, deployments: dict[Any, Row], flows: dict[Any, Named]) -> CalendarEntry:
    deployment = deployments.get(run["deployment_id"])
    return {
        "flow": flows.get(run["flow_id"]),
        "deployment": {"id": deployment["id"], "name": deployment["name"]} if deployment else None,
        "name": run["name"],
        "schedule": None,
        "times": [{"at": run["next_scheduled_start_time"], "run": run["id"]}],
        "is_cut": False,
    }
