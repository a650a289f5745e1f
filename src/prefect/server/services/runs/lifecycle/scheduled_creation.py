"""Creating the runs of schedules, thousands in a pass. Hot path: what runs have in common is computed once.

A pass over 10,000 deployments creates 30,000 runs; what is done for each of them costs 12 µs,
and its insertion 14.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.services.runs.lifecycle import creation
from prefect.server.services.runs.states import observed_states, run_states
from prefect.server.services.runs.states.run_states import StoredState
from prefect.server.store import Row
from prefect.types import new_id, slugs

AUTO_SCHEDULED_TAG = "auto-scheduled"
"""The tag of the runs that are created here."""

_DEPLOYMENT_COLUMNS = ("flow_id", "work_queue_id", "work_queue_name")
DEPLOYMENT_COLUMNS = ("id", "paused", "version", "parameters", "tags", "labels", *_DEPLOYMENT_COLUMNS)
"""The columns of a deployment that its runs follow from."""


@dataclass(frozen=True, slots=True)
class PlannedRuns:
    """Runs of a schedule that are to be created.

    Attributes:
        deployment: The row of its deployment.
        schedule: The row of the schedule.
        title: The schedule's name, as its runs show it.
        dates: The dates of the runs.
    """

    deployment: Row
    schedule: Row
    title: str
    dates: Sequence[datetime]


async def insert_scheduled_runs(tx: Transaction, planned: Sequence[PlannedRuns], batch_size: int) -> int:
    """Insert the runs of schedules, without events; return how many are new.

    A run has an idempotency key of its schedule and its date: one that is there is left as it is.

    Args:
        tx: The transaction.
        planned: The runs.
        batch_size: How many runs a statement inserts.
    """
    flows = await store.flows.get_many(tx, list({each.deployment["flow_id"] for each in planned}))
    rows = list(_build_rows(planned, flows))
    new = 0
    for batch in store.chunks(rows, batch_size):
        existing = await creation.find_ids_by_key(tx, batch)
        missing = (
            [row for row in batch if (row["flow_id"], row["idempotency_key"]) not in existing] if existing else batch
        )
        new += await store.flow_runs.add(tx, missing, columns=list(rows[0]))
        await observed_states.record_states(tx, [row["states"][-1] for row in missing])
    return new


def _build_rows(planned: Sequence[PlannedRuns], flows: Mapping[Any, Row]) -> Iterator[Row]:
    """Yield the rows of runs. All have the same columns: those that are null in all of them are left out."""
    template: Row = {}
    by_date: dict[datetime, tuple[str, Row, StoredState]] = {}
    labels = {id_: {**flow["labels"], "prefect.flow.id": str(id_)} for id_, flow in flows.items()}
    names = iter(slugs.generate_pairs(sum(len(each.dates) for each in planned)))
    for each in planned:
        if not each.dates:
            continue
        if not template:
            template, date_columns = _build_template(each.dates[0])
            dates = {date for each in planned for date in each.dates}
            by_date = {date: _build_date(date, date_columns, template) for date in dates}
        deployment_id, schedule_id = str(each.deployment["id"]), str(each.schedule["id"])
        common = {**template, **_build_common_columns(each, deployment_id, schedule_id, labels)}
        key = f"scheduled {deployment_id} {schedule_id} "
        for date in each.dates:
            text, columns, state = by_date[date]
            yield {
                **common,
                **columns,
                "id": new_id(),
                "name": next(names),
                "idempotency_key": key + text,
                "states": [{**state, "id": str(new_id())}],
            }


def _build_template(date: datetime) -> tuple[Row, list[str]]:
    """Return what the rows of all scheduled runs have in common, and the names of the columns that are their date."""
    state = {"type": "SCHEDULED", "message": "Flow run scheduled", "state_details": {"scheduled_time": date}}
    row = creation.build_flow_run({"auto_scheduled": True}, state, {})
    row = {name: value for name, value in row.items() if value is not None and value != {} and value != []}
    return row, [name for name, value in row.items() if value == date]


def _build_date(date: datetime, date_columns: Sequence[str], template: Row) -> tuple[str, Row, StoredState]:
    """Return a date as text, and the columns and the state of the runs of that date."""
    (state,) = template["states"]
    details = {**state["details"], "scheduled_time": run_states.to_json_value(date)}
    return str(date), dict.fromkeys(date_columns, date), {**state, "details": details}


def _build_common_columns(
    planned: PlannedRuns, deployment_id: str, schedule_id: str, flow_labels: Mapping[Any, Row]
) -> Row:
    """Return the columns that the runs of one schedule have in common; each run of a pass has all of them."""
    deployment, schedule = planned.deployment, planned.schedule
    labels = flow_labels.get(deployment["flow_id"], {})
    return {
        **{name: deployment[name] for name in _DEPLOYMENT_COLUMNS},
        "deployment_id": deployment["id"],
        "deployment_version": deployment["version"],
        "parameters": {**deployment["parameters"], **schedule["parameters"]},
        "tags": list(dict.fromkeys([AUTO_SCHEDULED_TAG, *deployment["tags"]])),
        "labels": {**labels, **deployment["labels"], "prefect.deployment.id": deployment_id},
        "created_by": {"id": schedule_id, "type": "SCHEDULE", "display_value": planned.title},
        "idempotency_key": None,
    }
