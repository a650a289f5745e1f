"""Creating flow runs ahead of time, from the schedules of deployments.

A run has an idempotency key of its schedule and its date, so several servers create it once. A schedule stores when
it is planned again (`replan_at`), so that a round of the loop reads only the schedules with something to do. A change
of a deployment discards its upcoming runs, which are then created again with its new values.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from pydantic import TypeAdapter

from prefect.schemas import dates
from prefect.schemas.wire.deployments import Schedule
from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.services.core.errors import InvalidRequest
from prefect.server.services.deployments.horizon import Horizon, Plan, plan_runs
from prefect.server.services.runs.lifecycle import scheduled_creation
from prefect.server.store import Row
from prefect.server.store.queries import deployments as queries
from prefect.settings import get_current_settings
from prefect.types import UTC, now

logger = logging.getLogger("prefect.server")

DEPLOYMENTS_TOPIC = "deployments"
"""The topic of deployments whose schedules are due for a check: the id."""

EARLIEST, LATEST = datetime(1900, 1, 1, tzinfo=UTC), datetime(2500, 1, 1, tzinfo=UTC)
"""The times from which runs can be planned: date arithmetic overflows at the ends of the calendar."""

_SCHEDULE: TypeAdapter[Any] = TypeAdapter(Schedule)
_SCHEDULE_COLUMNS = ("id", "deployment_id", "schedule", "max_scheduled_runs", "parameters", "slug")


@dataclass
class Plans:
    """The plans of a pass: schedules that say the same are computed once."""

    known: dict[tuple[bytes, int | None], tuple[Any, Plan]] = field(default_factory=dict)

    def find(self, schedule: Row, at: datetime, horizon: Horizon) -> tuple[Any, Plan]:
        """Return a schedule's model and its plan from a time on.

        Raises:
            ValueError: The schedule is not valid. Also other errors of the libraries that compute it.
        """
        text, max_runs = orjson.dumps(schedule["schedule"]), schedule["max_scheduled_runs"]
        found = self.known.get((text, max_runs))
        if found is not None and found[1].dates and found[1].dates[0] >= at:
            return found
        model = _SCHEDULE.validate_json(text)
        upcoming = (date.astimezone(UTC) for date in dates.upcoming(model, at))
        found = self.known[text, max_runs] = model, plan_runs(upcoming, at, horizon.at_most(max_runs))
        return found


async def discard_upcoming_runs(tx: Transaction, ids: Sequence[UUID]) -> None:
    """Delete the upcoming runs that the schedules of deployments have created, and have the scheduler check again."""
    await queries.remove_upcoming_runs(tx, ids, now())
    await queries.reset_schedules(tx, ids)
    for id_ in ids:
        tx.notify(DEPLOYMENTS_TOPIC, str(id_))


async def find_due_deployments(tx: Transaction) -> list[UUID]:
    """Return the ids of the deployments with a schedule that is due for a check."""
    return await queries.find_due_deployments(tx, now())


async def create_requested_runs(
    tx: Transaction,
    id_: UUID,
    start: datetime | None = None,
    end: datetime | None = None,
    **horizon_overrides: int | timedelta | None,
) -> None:
    """Create the upcoming runs of a deployment's schedules now; overrides that are not None replace settings."""
    settings = get_current_settings()
    horizon = Horizon.from_settings(settings).with_overrides(**horizon_overrides)
    batch_size = settings.server.services.scheduler.insert_batch_size
    await create_scheduled_runs(tx, [id_], horizon, batch_size, start, end, on_request=True)


async def create_scheduled_runs(
    tx: Transaction,
    ids: Sequence[UUID],
    horizon: Horizon,
    batch_size: int,
    start: datetime | None = None,
    end: datetime | None = None,
    on_request: bool = False,
    plans: Plans | None = None,
) -> int:
    """Create the upcoming runs of the schedules of deployments.

    Args:
        tx: The transaction.
        ids: The deployments.
        horizon: How far ahead.
        batch_size: How many runs a statement inserts.
        start: The time to plan from; now if None.
        end: The latest time of a run, in place of that of the horizon.
        on_request: Also create runs of paused deployments, and leave the time of the next check as it is.
        plans: The plans of the pass; none yet if None.

    Returns:
        How many runs are new.

    Raises:
        InvalidRequest: `start` is outside of the years in which runs can be planned.
    """
    # Locked, so that a simultaneous change of one of them waits, and then discards what was created.
    deployments = await store.deployments.get_many(tx, ids, lock=True, columns=scheduled_creation.DEPLOYMENT_COLUMNS)
    active = [id_ for id_, row in deployments.items() if on_request or not row["paused"]]
    schedules = await store.deployment_schedules.find(
        tx, {"deployment_id": active, "active": True}, columns=_SCHEDULE_COLUMNS
    )
    at = start or now()
    if not EARLIEST <= at <= LATEST:
        raise InvalidRequest(
            f"Runs can be created from {EARLIEST:%Y} to {LATEST:%Y}, and not from {at.isoformat()} on."
        )
    if end is not None:
        horizon = replace(horizon, max_time=end - at)
    plans = plans or Plans()
    planned: list[scheduled_creation.PlannedRuns] = []
    for schedule in schedules:
        try:
            model, plan = plans.find(schedule, at, horizon)
        except (ValueError, ArithmeticError, LookupError):
            # An older release could store a schedule that is invalid now. The others must not wait for it.
            logger.exception(
                "Schedule %s of deployment %s cannot be computed", schedule["id"], schedule["deployment_id"]
            )
            schedule["replan_at"] = at + horizon.min_time
            continue
        schedule["replan_at"] = plan.replan_at
        title = schedule["slug"] or type(model).__name__
        deployment = deployments[schedule["deployment_id"]]
        planned.append(scheduled_creation.PlannedRuns(deployment, schedule, title, plan.dates))
    new = await scheduled_creation.insert_scheduled_runs(tx, planned, batch_size)
    if not on_request:
        await store.deployment_schedules.change(tx, schedules, ["replan_at"])
    return new
