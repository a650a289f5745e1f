"""Events of task-run states and of flow-run heartbeats, as a client emits them.

A server without journals creates its task runs out of these events: each holds the whole run and the state it has
entered. Pure: records in, events out.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import prefect
from prefect import rules
from prefect.client import wire
from prefect.rules import Moment

Record = dict[str, Any]

MAX_MESSAGE_LENGTH = 100_000
"""The longest state message, in characters, that an event holds."""
FOLLOWS_WINDOW = timedelta(minutes=5)
"""An event names its predecessor only when that occurred less than this before."""

_TASK_RUN_FIELDS = (
    *("name", "task_key", "dynamic_key", "cache_key", "cache_expiration", "task_version", "empirical_policy"),
    *("tags", "labels", "task_inputs", "flow_run_run_count"),
)
_NO_TIME = 0.0


class RunContext:
    """What events hold of the flow run that they belong to.

    Args:
        id: The id of the flow run.
        name: Its name.
        flow_id: The id of its flow.
        flow_name: The name of its flow.
        deployment_id: The id of its deployment, if it has one.
        tags: Its tags.
    """

    def __init__(
        self,
        id: str,
        name: str,
        flow_id: str,
        flow_name: str | None,
        deployment_id: str | None = None,
        tags: tuple[str, ...] = (),
    ) -> None:
        self.id = id
        self.name = name
        self.flow_id = flow_id
        self.flow_name = flow_name
        self.deployment_id = deployment_id
        self.tags = tags

    def flow(self) -> Record:
        """Return the flow as a related resource."""
        return _related("flow", self.flow_id, self.flow_name)


def _related(kind: str, id_: str, name: str | None = None) -> Record:
    resource = {"prefect.resource.id": f"prefect.{kind}.{id_}", "prefect.resource.role": kind}
    return {**resource, "prefect.resource.name": name} if name else resource


def _tags(tags: Any) -> list[Record]:
    return [_related("tag", tag) for tag in sorted(tags or ())]


def build_heartbeat(run: RunContext, id_: str, at: str) -> Record:
    """Return the heartbeat event of a flow run."""
    deployment = [_related("deployment", run.deployment_id)] if run.deployment_id else []
    return {
        "id": id_,
        "event": "prefect.flow-run.heartbeat",
        "occurred": at,
        "resource": {
            "prefect.resource.id": f"prefect.flow-run.{run.id}",
            "prefect.resource.name": run.name,
            "prefect.version": prefect.__version__,
        },
        "related": [run.flow(), *deployment, *_tags(run.tags)],
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
        """Whether its last state is final."""
        state = self.known.get("state")
        return state is not None and state["type"] in rules.TERMINAL

    def enter(self, state: Record, flow_run: RunContext | None) -> Record:
        """Enter a state and return the event of the transition."""
        known, before = self.known, self.known.get("state")
        columns = known.setdefault("columns", {})
        changed = rules.advance(
            _parse_columns(columns), _parse_moment(before) if before else None, _parse_moment(state)
        )
        columns.update(_format_columns(changed))
        event = {
            "id": state["id"],
            "event": f"prefect.task-run.{state['name']}",
            "occurred": state["timestamp"],
            "follows": before["id"] if before and _is_recent(before, state) else None,
            "resource": self._resource(state),
            "related": self._related(flow_run),
            "payload": {
                "intended": {"from": before["type"] if before else None, "to": state["type"]},
                "initial_state": _state_payload(before) if before else None,
                "validated_state": {**_state_payload(state), "data": state.get("data")},
                "task_run": self._run_payload(),
            },
        }
        known["state"] = {name: value for name, value in state.items() if name not in ("data", "result")}
        return event

    def _resource(self, state: Record) -> dict[str, str]:
        return {
            "prefect.resource.id": f"prefect.task-run.{self.known['id']}",
            "prefect.resource.name": self.known["name"],
            "prefect.run-count": str(self.known["columns"].get("run_count", 0)),
            "prefect.state-message": (state.get("message") or "")[:MAX_MESSAGE_LENGTH],
            "prefect.state-name": state["name"],
            "prefect.state-timestamp": _parse_time(state["timestamp"]).isoformat(),
            "prefect.state-type": state["type"],
            "prefect.orchestration": "client",
        }

    def _related(self, flow_run: RunContext | None) -> list[Record]:
        found = _tags(self.known.get("tags"))
        if flow_run is not None:
            found += [_related("flow-run", flow_run.id, flow_run.name), flow_run.flow()]
        elif self.known.get("flow_run_id"):
            found.append(_related("flow-run", self.known["flow_run_id"]))
        return found

    def _run_payload(self) -> Record:
        fields = {name: self.known[name] for name in _TASK_RUN_FIELDS if self.known.get(name) is not None}
        columns = {
            name: value
            for name, value in self.known["columns"].items()
            if value is not None and not name.startswith("state_")
        }
        return {"labels": {}, **fields, "run_count": 0, "total_run_time": _NO_TIME, **columns}


def _state_payload(state: Record) -> Record:
    details = wire.own_details(state)
    if state["type"] == "COMPLETED" and state.get("data") is None:
        details["untrackable_result"] = True
    message = (state.get("message") or "")[:MAX_MESSAGE_LENGTH]
    return {"type": state["type"], "name": state["name"], "message": message, "state_details": details}


def _is_recent(before: Record, state: Record) -> bool:
    return abs(_parse_time(state["timestamp"]) - _parse_time(before["timestamp"])) < FOLLOWS_WINDOW


def _parse_moment(state: Record) -> Moment:
    scheduled = wire.own_details(state).get("scheduled_time")
    return Moment(
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
