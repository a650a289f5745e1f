"""Events of task-run states and of flow-run heartbeats, as a client emits them.

A server without journals creates its task runs out of these events: each holds the whole run and the state it has
entered. Pure: records in, events out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import prefect
from prefect import rules
from prefect.client import wire
from prefect.rules import StateSummary
from prefect.schemas.run_events import (
    FLOW_RUN_HEARTBEAT,
    TASK_RUN_FIELDS,
    EventRun,
    EventState,
    Labels,
    build_labels,
    build_tag_labels,
    build_task_run_event,
)
from prefect.types.mappings import Record

_NO_TIME = 0.0


@dataclass(frozen=True)
class RunContext:
    """The data of a flow run that its events contain.

    Attributes:
        id: The id of the flow run.
        name: Its name.
        flow_id: The id of its flow.
        flow_name: The name of its flow.
        deployment_id: The id of its deployment, if it has one.
        tags: Its tags.
    """

    id: str
    name: str
    flow_id: str
    flow_name: str | None
    deployment_id: str | None = None
    tags: tuple[str, ...] = ()

    def flow(self) -> Labels:
        """Return the flow as a related resource."""
        return _related("flow", self.flow_id, self.flow_name)

    def owners(self) -> list[Labels]:
        """Return the flow, the deployment and the tags as related resources."""
        deployment = [_related("deployment", self.deployment_id)] if self.deployment_id else []
        return [self.flow(), *deployment, *build_tag_labels(self.tags)]

    def describe(self) -> list[Labels]:
        """Return the flow run and its owners as related resources."""
        return [_related("flow-run", self.id, self.name), *self.owners()]


def _related(kind: str, id_: str, name: str | None = None) -> Labels:
    return build_labels(kind, id_, name or None, kind)


def build_heartbeat(run: RunContext, id_: str, at: str) -> Record:
    """Return the heartbeat event of a flow run."""
    return {
        "id": id_,
        "event": FLOW_RUN_HEARTBEAT,
        "occurred": at,
        "resource": {
            "prefect.resource.id": f"prefect.flow-run.{run.id}",
            "prefect.resource.name": run.name,
            "prefect.version": prefect.__version__,
        },
        "related": run.owners(),
        "payload": {},
    }


class TaskRunEvents:
    """Builds the events of one task run, state after state.

    Args:
        record: The run's record, or the `known` of an earlier instance.

    Attributes:
        known: The run's columns and last state, to continue with in another batch.
    """

    def __init__(self, record: Record) -> None:
        self.known = {name: value for name, value in record.items() if name not in ("kind", "states", "owner")}

    @property
    def ended(self) -> bool:
        """Whether the last state is final."""
        state = self.known.get("state")
        return state is not None and state["type"] in rules.TERMINAL

    def enter(self, state: Record, flow_run: RunContext | None) -> Record:
        """Enter a state and return the event of the transition."""
        known, before = self.known, self.known.get("state")
        columns = known.setdefault("columns", {})
        changed = rules.advance(
            _parse_columns(columns), _parse_state_summary(before) if before else None, _parse_state_summary(state)
        )
        columns.update(_format_columns(changed))
        run = EventRun(known["id"], known["name"], columns.get("run_count", 0))
        event = build_task_run_event(
            run, _event_state(before) if before else None, _event_state(state), self._related(flow_run)
        )
        event["occurred"] = state["timestamp"]
        event["payload"]["task_run"] = self._run_payload()
        known["state"] = {name: value for name, value in state.items() if name not in ("data", "result")}
        return event

    def _related(self, flow_run: RunContext | None) -> list[Labels]:
        found = build_tag_labels(self.known.get("tags"))
        if flow_run is not None:
            found += [_related("flow-run", flow_run.id, flow_run.name), flow_run.flow()]
        elif self.known.get("flow_run_id"):
            found.append(_related("flow-run", self.known["flow_run_id"]))
        return found

    def _run_payload(self) -> Record:
        fields = {name: self.known[name] for name in TASK_RUN_FIELDS if self.known.get(name) is not None}
        columns = {
            name: value
            for name, value in self.known["columns"].items()
            if value is not None and not name.startswith("state_")
        }
        return {"labels": {}, **fields, "run_count": 0, "total_run_time": _NO_TIME, **columns}


def _event_state(state: Record) -> EventState:
    details = wire.own_details(state)
    if state["type"] == "COMPLETED" and state.get("data") is None:
        details["untrackable_result"] = True
    timestamp = _parse_time(state["timestamp"])
    return EventState(
        state["id"], state["type"], state["name"], timestamp, state.get("message"), details, state.get("data")
    )


def _parse_state_summary(state: Record) -> StateSummary:
    scheduled = wire.own_details(state).get("scheduled_time")
    return StateSummary(
        state["type"], state["name"], _parse_time(state["timestamp"]), _parse_time(scheduled) if scheduled else None
    )


def _parse_time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _parse_columns(columns: Mapping[str, Any]) -> dict[str, Any]:
    """Return columns as Python values."""
    return {name: _parse_column(name, value) for name, value in columns.items() if value is not None}


def _parse_column(name: str, value: Any) -> Any:
    if name == "total_run_time":
        return timedelta(seconds=value)
    return _parse_time(value) if name.endswith(("_time", "_timestamp")) else value


def _format_columns(columns: Mapping[str, Any]) -> dict[str, Any]:
    """Return columns as JSON values."""
    return {
        name: value.total_seconds()
        if isinstance(value, timedelta)
        else value.isoformat()
        if isinstance(value, datetime)
        else value
        for name, value in columns.items()
    }
