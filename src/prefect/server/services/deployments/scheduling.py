"""Making flow runs ahead of their time, from the schedules of deployments.

A run is known by its schedule and its date, so however many servers make it, there is one. A schedule says when it must
be looked at again (`look_at`), so that a round of the loop reads only those for which there is something to do. A
change of a deployment takes back its runs that are not due yet: they are made anew as it is then.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from pydantic import TypeAdapter

from prefect.schemas import dates
from prefect.schemas.wire.deployments import Schedule
from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.db.sql import Sql, all_of, chunks, one_of
from prefect.server.services.core.errors import InvalidRequest
from prefect.server.services.deployments.horizon import Horizon, Plan, plan_runs
from prefect.server.services.runs import creation
from prefect.server.store import Row
from prefect.types import UTC, now

logger = logging.getLogger("prefect.server")

DEPLOYMENTS_TOPIC = "deployments"
"""The topic of deployments whose schedules must be looked at: the id."""

AUTO_SCHEDULED_TAG = "auto-scheduled"
"""The tag of the runs that are made here."""

EARLIEST, LATEST = datetime(1900, 1, 1, tzinfo=UTC), datetime(2500, 1, 1, tzinfo=UTC)
"""The moments from which runs can be made: the arithmetic of dates does not come to the ends of the calendar."""

_SCHEDULE: TypeAdapter[Any] = TypeAdapter(Schedule)

Run = dict[str, Any]


async def discard_upcoming_runs(tx: Transaction, ids: Sequence[UUID]) -> None:
    """Delete the runs of deployments that their schedules made and that are not due yet, and have them made anew."""
    of_them = one_of("deployment_id", ids)
    ahead = Sql("auto_scheduled = ? AND state_type = 'SCHEDULED' AND next_scheduled_start_time > ?", (True, now()))
    await store.flow_runs.remove(tx, all_of([of_them, ahead]))
    text = f"UPDATE deployment_schedule SET look_at = NULL WHERE {of_them.text}"
    await tx.run(Sql(text, of_them.values))
    for id_ in ids:
        tx.notify(DEPLOYMENTS_TOPIC, str(id_))


async def find_due_deployments(tx: Transaction) -> list[UUID]:
    """The deployments with a schedule that must be looked at."""
    where = all_of(
        [
            Sql("deployment_schedule.active = ?", (True,)),
            Sql("(deployment_schedule.look_at IS NULL OR deployment_schedule.look_at <= ?)", (now(),)),
            Sql(
                "deployment_schedule.deployment_id IN"
                " (SELECT deployment.id FROM deployment WHERE deployment.paused = ?)",
                (False,),
            ),
        ]
    )
    order = "deployment_schedule.deployment_id"
    rows = await store.deployment_schedules.find(tx, where, order, columns=["deployment_id"])
    return list(dict.fromkeys(row["deployment_id"] for row in rows))


async def create_scheduled_runs(
    tx: Transaction,
    ids: Sequence[UUID],
    horizon: Horizon,
    batch_size: int,
    start: datetime | None = None,
    end: datetime | None = None,
    on_request: bool = False,
) -> int:
    """Make the runs that the schedules of deployments ask for.

    Args:
        tx: The transaction.
        ids: The deployments.
        horizon: How far ahead.
        at_once: How many runs a statement inserts.
        start: The moment to plan from; now if None.
        end: The last moment of a run, instead of the one that the horizon says.
        on_request: Somebody asks for it: also of deployments that are paused, and the loop looks at them all the same.

    Returns:
        How many runs are new.
    """
    # Locked, so that who changes one of them meanwhile waits, and takes back what was made.
    deployments = await store.deployments.get_many(tx, ids, lock=True)
    running = [id_ for id_, row in deployments.items() if on_request or not row["paused"]]
    where = all_of(
        [one_of("deployment_schedule.deployment_id", running), Sql("deployment_schedule.active = ?", (True,))]
    )
    schedules = await store.deployment_schedules.find(tx, where)
    at = start or now()
    if not EARLIEST <= at <= LATEST:
        raise InvalidRequest(f"Runs can be made from {EARLIEST:%Y} to {LATEST:%Y}, and not from {at.isoformat()} on.")
    if end is not None:
        horizon = replace(horizon, max_time=end - at)
    made: list[Run] = []
    for schedule in schedules:
        try:
            model, planned = _planned(schedule, at, horizon)
        except (ValueError, ArithmeticError, LookupError):
            # Such as nobody could store now. The others must not wait for it.
            logger.exception(
                "Schedule %s of deployment %s cannot be computed", schedule["id"], schedule["deployment_id"]
            )
            schedule["look_at"] = at + horizon.min_time
            continue
        schedule["look_at"] = planned.look_at
        title = schedule["slug"] or type(model).__name__
        deployment = deployments[schedule["deployment_id"]]
        made += [_run(deployment, schedule, title, date) for date in planned.dates]
    new = 0
    for some in chunks(made, batch_size):
        new += len(await creation.insert_flow_runs(tx, some))
    if not on_request:
        await store.deployment_schedules.change(tx, schedules, ["look_at"])
    return new


def _planned(schedule: Row, at: datetime, horizon: Horizon) -> tuple[Any, Plan]:
    """A schedule and which of its dates are wanted from a moment on."""
    model = _SCHEDULE.validate_json(orjson.dumps(schedule["schedule"]))
    upcoming = (date.astimezone(UTC) for date in dates.upcoming(model, at))
    return model, plan_runs(upcoming, at, horizon.at_most(schedule["max_scheduled_runs"]))


def _run(deployment: Row, schedule: Row, title: str, date: datetime) -> Run:
    """The run of a deployment that its schedule asks for at a date."""
    state: Mapping[str, Any] = {
        "type": "SCHEDULED",
        "message": "Flow run scheduled",
        "state_details": {"scheduled_time": date},
    }
    return {
        "flow_id": deployment["flow_id"],
        "deployment_id": deployment["id"],
        "deployment_version": deployment["version"],
        "work_queue_id": deployment["work_queue_id"],
        "work_queue_name": deployment["work_queue_name"],
        "parameters": {**deployment["parameters"], **schedule["parameters"]},
        "idempotency_key": f"scheduled {deployment['id']} {schedule['id']} {date}",
        "tags": list(dict.fromkeys([AUTO_SCHEDULED_TAG, *deployment["tags"]])),
        "auto_scheduled": True,
        "created_by": {"id": str(schedule["id"]), "type": "SCHEDULE", "display_value": title},
        "state": state,
    }
