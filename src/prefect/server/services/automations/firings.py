"""Firings of automations: each is stored once, with its event and a job for each of its actions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.services.events import emitting, event_store, querying
from prefect.server.services.events.event_store import Event, EventKey
from prefect.server.store import Row
from prefect.triggers.occurrences import Firing
from prefect.triggers.trees import derive_id
from prefect.types import now

ACTION_JOBS_TOPIC = "action-jobs"
"""The topic of actions that are to be done."""

_ID = "prefect.resource.id"


@dataclass(frozen=True)
class NewJobs:
    """The jobs that a transaction has added.

    Attributes:
        rows: The jobs.
        events: Events that caused them, by their keys.
    """

    rows: Sequence[Row] = ()
    events: Mapping[EventKey, Event] = field(default_factory=dict[EventKey, Event])

    def __add__(self, other: NewJobs) -> NewJobs:
        return NewJobs([*self.rows, *other.rows], {**self.events, **other.events})


async def add_firings(tx: Transaction, fired: Sequence[tuple[UUID, UUID, Firing]]) -> NewJobs:
    """Store firings, emit their events, and add jobs for their actions; one that is stored already is left out.

    The caller starts the jobs in this transaction, or notifies of `ACTION_JOBS_TOPIC`.

    Args:
        tx: The transaction.
        fired: The automation, the trigger and the firing of each.
    """
    by_id = {derive_id(*_identity(*each)): each for each in fired}
    stored = await store.firings.get_many(tx, list(by_id), columns=["id"])
    automations = await store.automations.get_many(tx, list({automation_id for automation_id, _, _ in fired}))
    new = {id_: each for id_, each in by_id.items() if id_ not in stored and each[0] in automations}
    if not new:
        return NewJobs()
    causes = await _find_events(tx, (firing.event for _, _, firing in new.values()))
    at = now()
    rows: list[Row] = []
    events: list[Event] = []
    jobs: list[Row] = []
    for id_, (automation_id, trigger_id, firing) in new.items():
        automation = automations[automation_id]
        event = _build_event(id_, automation, firing, causes.get(firing.event) if firing.event else None)
        events.append(event)
        rows.append(
            {"id": id_, "automation_id": automation_id, "trigger_id": trigger_id, "created": at, "triggered": firing.at}
        )
        jobs += _build_jobs(id_, automation, firing, event)
    await store.firings.add(tx, rows)
    await event_store.add_events(tx, events)
    await store.action_jobs.add(tx, jobs)
    return NewJobs(jobs, causes)


def _identity(automation_id: UUID, trigger_id: UUID, firing: Firing) -> list[Any]:
    labels = sorted(firing.labels.items())
    return [automation_id, trigger_id, firing.window, labels, firing.resolved]


async def _find_events(tx: Transaction, keys: Iterable[EventKey | None]) -> dict[EventKey, Event]:
    events = await querying.get_events(tx, {key for key in keys if key is not None})
    return {(event["occurred"], event["id"]): event for event in events}


def describe_automation(automation: Row) -> emitting.Labels:
    """Return the labels of an automation in its own events."""
    labels = emitting.resource_labels("automation", automation["id"], automation["name"])
    posture = automation["trigger"].get("posture")
    return labels | ({"prefect.posture": posture} if posture else {})


def describe_cause(id_: UUID, role: str) -> emitting.Labels:
    """Return the labels of an event that caused another."""
    return {_ID: f"prefect.event.{id_}", "prefect.resource.role": role}


def _build_event(id_: UUID, automation: Row, firing: Firing, cause: Event | None) -> Event:
    """Return the event of a firing."""
    payload: dict[str, Any] = {"triggering_labels": dict(firing.labels), "triggering_event": cause}
    if firing.value is not None:
        payload["triggering_value"] = firing.value
    return emitting.build_event(
        f"prefect.automation.{'resolved' if firing.resolved else 'triggered'}",
        describe_automation(automation),
        [describe_cause(cause["id"], "triggering-event")] if cause else [],
        payload,
        id=derive_id(id_, "event"),
    )


def _build_jobs(id_: UUID, automation: Row, firing: Firing, event: Event) -> list[Row]:
    """Return the jobs of a firing: of `actions` and `actions_on_trigger`, or of `actions_on_resolve`."""
    own_key = [event["occurred"].isoformat(), str(event["id"])]
    cause = None if firing.event is None else [firing.event[0].isoformat(), str(firing.event[1])]
    if firing.resolved:
        actions = [(action, own_key) for action in automation["actions_on_resolve"]]
    else:
        actions = [
            *((action, cause) for action in automation["actions"]),
            *((action, own_key) for action in automation["actions_on_trigger"]),
        ]
    at = now()
    return [
        {
            "id": derive_id(id_, "action", index),
            "automation_id": automation["id"],
            "created": at,
            "due": at + timedelta(microseconds=index),  # begun in their order
            "attempts": 0,
            "body": {
                "action": action,
                "index": index,
                "automation": describe_automation(automation) | {"prefect.trigger-type": automation["trigger"]["type"]},
                "labels": dict(firing.labels),
                "event": event_key,
                "firing": [str(id_), firing.at.isoformat()],
                "firing_event": str(event["id"]),
            },
        }
        for index, (action, event_key) in enumerate(actions)
    ]
