"""State events of runs, built alike by the outbox and the server.

Pure functions that return plain dictionaries. Must not import pydantic, because programs load it during a run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple, TypeAlias
from uuid import UUID

from prefect.types import json_codec

Labels: TypeAlias = dict[str, str]

MAX_MESSAGE_CHARS = 100_000
"""Characters of a state's message that its event has."""

FOLLOWS_WITHIN = timedelta(minutes=5)
"""An event names the one before it only when that one is not older."""

FLOW_RUN_HEARTBEAT = "prefect.flow-run.heartbeat"

TASK_RUN_FIELDS = (
    *("name", "task_key", "dynamic_key", "cache_key", "cache_expiration", "task_version", "empirical_policy"),
    *("tags", "labels", "task_inputs", "flow_run_run_count"),
)
"""Fields of a task run in the payload of its events in addition to those that follow from its states."""


class EventState(NamedTuple):
    """The state fields that events contain."""

    id: UUID | str
    type: str
    name: str
    timestamp: datetime
    message: str | None
    details: Mapping[str, Any]
    data: Any = None


class EventRun(NamedTuple):
    """The run fields that events contain; `run_count` is the count in the new state."""

    id: UUID | str
    name: str
    run_count: int


def build_labels(kind: str, id: object, name: str | None = None, role: str | None = None) -> Labels:
    """Return the labels of an object.

    Args:
        kind: Its kind, for instance `"flow-run"`.
        id: Its id.
        name: Its name.
        role: Its role, for a related resource.
    """
    labels = {"prefect.resource.id": f"prefect.{kind}.{id}"}
    if role is not None:
        labels["prefect.resource.role"] = role
    if name is not None:
        labels["prefect.resource.name"] = name
    return labels


def build_tag_labels(tags: Iterable[str] | None) -> list[Labels]:
    """Return the labels of tags, as related resources."""
    return [build_labels("tag", tag, role="tag") for tag in sorted(set(tags or ()))]


def build_flow_run_event(
    run: EventRun, before: EventState | None, after: EventState, related: list[Labels], intended: str | None = None
) -> dict[str, Any]:
    """Return the event of a flow run that entered a state.

    Args:
        run: The flow run.
        before: The previous state, if any.
        after: The new state.
        related: The labels of the related resources.
        intended: The type of the proposed state; the type of `after` if None.
    """
    states = {"initial_state": before and _describe_flow_run_state(before)}
    states["validated_state"] = _describe_flow_run_state(after)
    return _build_event("flow-run", run, before, after, related, intended, states)


def build_task_run_event(
    run: EventRun, before: EventState | None, after: EventState, related: list[Labels], intended: str | None = None
) -> dict[str, Any]:
    """Return the event of a task run that entered a state; arguments as in `build_flow_run_event`."""
    states = {
        "initial_state": before and _describe_task_run_state(before),
        "validated_state": {**_describe_task_run_state(after), "data": after.data},
    }
    event = _build_event("task-run", run, before, after, related, intended, states)
    event["resource"]["prefect.orchestration"] = "client"
    return event


def build_artifact_event(
    change: str, id: str, key: str | None, payload: Mapping[str, Any], related: list[Labels]
) -> dict[str, Any]:
    """Return the event of an artifact that was created or changed, without an id and a time.

    Args:
        change: `"created"` or `"updated"`.
        id: The id of the artifact.
        key: Its key.
        payload: The fields that are set; of a new one its key, type and description.
        related: The labels of its runs and of what these belong to.
    """
    return {
        "event": f"prefect.artifact.{change}",
        "resource": build_labels("artifact", id, key or None),
        "related": related,
        "payload": dict(payload),
    }


def _build_event(
    kind: str,
    run: EventRun,
    before: EventState | None,
    after: EventState,
    related: list[Labels],
    intended: str | None,
    states: dict[str, Any],
) -> dict[str, Any]:
    return {
        "id": after.id,
        "event": f"prefect.{kind}.{after.name}",
        "occurred": after.timestamp,
        "follows": before.id if before and abs(after.timestamp - before.timestamp) < FOLLOWS_WITHIN else None,
        "resource": {
            "prefect.resource.id": f"prefect.{kind}.{run.id}",
            "prefect.resource.name": run.name,
            "prefect.run-count": str(run.run_count),
            "prefect.state-message": _shorten_message(after),
            "prefect.state-name": after.name,
            "prefect.state-timestamp": json_codec.format_time(after.timestamp),
            "prefect.state-type": after.type,
        },
        "related": related,
        "payload": {"intended": {"from": before.type if before else None, "to": intended or after.type}, **states},
    }


def _describe_flow_run_state(state: EventState) -> dict[str, Any]:
    described = {"type": state.type, "name": state.name}
    if state.message:
        described["message"] = _shorten_message(state)
    if state.type == "PAUSED":
        described["pause_reschedule"] = str(bool(state.details.get("pause_reschedule"))).lower()
    return described


def _describe_task_run_state(state: EventState) -> dict[str, Any]:
    return {
        "type": state.type,
        "name": state.name,
        "message": _shorten_message(state),
        "state_details": state.details,
    }


def _shorten_message(state: EventState) -> str:
    return (state.message or "")[:MAX_MESSAGE_CHARS]
