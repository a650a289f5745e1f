"""Automations for the web page: their firings, a test on past events, and the choices of their forms."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from typing_extensions import TypedDict

from prefect.schemas import event_filters
from prefect.schemas.automations import TriggerTypes
from prefect.schemas.wire import Automation
from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.services.automations import automations as service
from prefect.server.services.automations import evaluation
from prefect.server.services.events import event_store, querying
from prefect.server.services.events.event_store import Event
from prefect.server.services.pages.core import run_rows
from prefect.server.services.pages.core.catalog_shapes import FailedAction
from prefect.server.services.pages.core.shapes import Named
from prefect.server.store import Collection, Row
from prefect.server.store.queries import catalog_pages as queries
from prefect.server.store.queries import events as event_queries
from prefect.triggers import simulation, trees
from prefect.types import now

HISTORY_SIZE = 50
"""Firings that a page shows."""

HISTORY_EVENTS = 400
"""Events of which a history is made: a firing has one, and each of its actions has two."""

TESTED_EVENTS = 20_000
"""Events on which a trigger is tested."""

TEST_RESULTS = 200
"""Firings that the answer to a test has."""

MAX_CHOICES = 1000
"""Objects of a kind that a form can choose from."""


class ActionOutcome(TypedDict):
    """The outcome of an action of a firing; `failed` and `reason` are of one that failed."""

    index: int
    type: str
    status: str
    reason: str | None
    at: datetime


class FiringRow(TypedDict):
    """A firing of an automation, with the event that completed it, if one did."""

    id: UUID
    at: datetime
    resolved: bool
    labels: dict[str, Any]
    cause: str | None
    cause_id: UUID | None
    cause_at: datetime | None
    resource: str | None
    actions: list[ActionOutcome]


class AutomationPage(TypedDict):
    """An automation and its latest firings, newest first."""

    automation: Automation
    firings: list[FiringRow]


class AutomationChoices(TypedDict):
    """The choices of the form of an automation."""

    flows: list[Named]
    deployments: list[Named]
    work_pools: list[Named]
    work_queues: list[Named]
    automations: list[Named]
    notifiers: list[Named]
    webhooks: list[Named]


class TestedFiring(TypedDict):
    """When a trigger would have fired; `event` is None where it would have fired because no event came."""

    at: datetime
    labels: dict[str, Any]
    event: str | None
    event_id: UUID | None
    resource: str | None


class TriggerTest(TypedDict):
    """The test of a trigger on events of the past.

    Attributes:
        since: The beginning of the time.
        until: Its end; earlier than now where there are more events than are tested.
        events: How many events were read.
        firings: The latest firings, newest first.
        total: How many firings there would have been.
        has_metric: Whether it watches a metric, whose values of the past are not known.
    """

    since: datetime
    until: datetime
    events: int
    firings: list[TestedFiring]
    total: int
    has_metric: bool


async def build_automation_page(tx: Transaction, id_: UUID) -> Any:
    """Return an automation and its latest firings, or raise `NotFound`."""
    return {"automation": await service.get(tx, id_), "firings": await _find_firings(tx, id_)}


async def _find_firings(tx: Transaction, id_: UUID) -> list[FiringRow]:
    names = ["prefect.automation.triggered", "prefect.automation.resolved"]
    outcomes = [f"prefect.automation.action.{what}" for what in ("triggered", "executed", "failed")]
    criteria = event_filters.EventFilter(
        event=event_filters.EventNameFilter(name=[*names, *outcomes]),
        resource=event_filters.EventResourceFilter(id=[f"prefect.automation.{id_}"]),
    )
    events, _ = await querying.read_batch(tx, criteria, HISTORY_EVENTS, querying.START_CURSOR)
    actions: dict[str, dict[int, ActionOutcome]] = {}
    for event in reversed(events):  # the last thing that is known of an action comes last
        if event["event"] in outcomes:
            index, outcome = _present_outcome(event)
            actions.setdefault(_find_related(event, "automation-triggered-event"), {})[index] = outcome
    fired = [event for event in events if event["event"] in names][:HISTORY_SIZE]
    return [_present_firing(event, list(actions.get(f"prefect.event.{event['id']}", {}).values())) for event in fired]


async def find_failed_actions(tx: Transaction, since: datetime, limit: int) -> list[FailedAction]:
    """Return the automations of which actions failed since a time, those that failed last first.

    Args:
        tx: The transaction.
        since: The beginning of the time.
        limit: How many automations at most. Of the failures, the latest `HISTORY_EVENTS` are counted.
    """
    if not await store.automations.count(tx):
        return []
    by_resource: dict[str, list[Event]] = {}
    for row in await event_queries.find_failed_actions(tx, since, HISTORY_EVENTS):
        event = event_store.from_row(row)
        by_resource.setdefault(event["resource"]["prefect.resource.id"], []).append(event)
    ids = {resource: _read_automation_id(resource) for resource in by_resource}
    names = await run_rows.find_names(tx, store.automations, [id_ for id_ in ids.values() if id_])
    found: list[FailedAction] = []
    for resource, some in by_resource.items():
        automation = names.get(ids[resource]) if ids[resource] else None  # none: it was deleted
        if automation:
            _, outcome = _present_outcome(some[0])
            action: FailedAction = {
                "automation": automation,
                "type": outcome["type"],
                "reason": outcome["reason"],
                "at": outcome["at"],
                "count": len(some),
            }
            found.append(action)
    return found[:limit]


def _read_automation_id(resource: str) -> UUID | None:
    try:
        return UUID(resource.rpartition(".")[2])
    except ValueError:
        return None


def _find_related(event: Event, role: str) -> str:
    found = (labels for labels in event["related"] if labels.get("prefect.resource.role") == role)
    return next((labels["prefect.resource.id"] for labels in found), "")


def _present_outcome(event: Event) -> tuple[int, ActionOutcome]:
    payload = event["payload"]
    index = int(payload.get("action_index") or 0)
    return index, {
        "index": index,
        "type": str(payload.get("action_type")),
        "status": event["event"].rpartition(".")[2],
        "reason": payload.get("reason"),
        "at": event["occurred"],
    }


def _present_firing(event: Event, actions: list[ActionOutcome]) -> FiringRow:
    cause = event["payload"].get("triggering_event") or {}
    return {
        "id": event["id"],
        "at": event["occurred"],
        "resolved": event["event"].endswith(".resolved"),
        "labels": event["payload"].get("triggering_labels") or {},
        "cause": cause.get("event"),
        "cause_id": cause.get("id"),
        "cause_at": cause.get("occurred"),
        "resource": _name_resource(cause.get("resource") or {}),
        "actions": sorted(actions, key=lambda outcome: outcome["index"]),
    }


def _name_resource(labels: dict[str, str]) -> str | None:
    return labels.get("prefect.resource.name") or labels.get("prefect.resource.id")


# --- testing ---------------------------------------------------------------------------------------------------------


async def test_trigger(tx: Transaction, trigger: TriggerTypes, hours: int) -> TriggerTest:
    """Return when a trigger would have fired in the last hours.

    Args:
        tx: The transaction.
        trigger: The trigger. Metrics are not evaluated.
        hours: How far to look back.
    """
    until = now()
    since = until - timedelta(hours=hours)
    events: dict[UUID, Event] = {}
    async for event in _iterate_events(tx, simulation.find_event_names(trigger), since, until):
        if len(events) == TESTED_EVENTS:
            until = event["occurred"]
            break
        events[event["id"]] = event
    firings = simulation.simulate(trigger, [evaluation.to_occurrence(event) for event in events.values()], since, until)
    shown: list[TestedFiring] = []
    for firing in sorted(firings, key=lambda each: each.at, reverse=True)[:TEST_RESULTS]:
        # A window that ends without its event is known by its end.
        event = events.get(firing.event[1]) if firing.event and firing.window != firing.at.isoformat() else None
        shown.append(
            {
                "at": firing.at,
                "labels": dict(firing.labels),
                "event": event["event"] if event else None,
                "event_id": event["id"] if event else None,
                "resource": _name_resource(event["resource"]) if event else None,
            }
        )
    return {
        "since": since,
        "until": until,
        "events": len(events),
        "firings": shown,
        "total": len(firings),
        "has_metric": bool(trees.TriggerTree(trigger).metric_nodes),
    }


async def _iterate_events(
    tx: Transaction, names: tuple[set[str], set[str]] | None, since: datetime, until: datetime
) -> AsyncIterator[Event]:
    """Iterate over the events of a time that have one of some names, or begin with one, in their order."""
    chosen: list[event_filters.EventNameFilter | None] = [None]
    if names is not None:  # a filter by names and by beginnings selects the events that have both
        by_name, by_prefix = sorted(names[0]), sorted(names[1])
        chosen = [event_filters.EventNameFilter(name=by_name)] if by_name else []
        chosen += [event_filters.EventNameFilter(prefix=by_prefix)] if by_prefix else []
    for event_filter in chosen:
        criteria = event_filters.EventFilter(
            occurred=event_filters.EventOccurredFilter(since=since, until=until),
            event=event_filter,
            order=event_filters.EventOrder.ASC,
        )
        async for event in querying.iterate_matching(tx, criteria):
            yield event


# --- choices ---------------------------------------------------------------------------------------------------------


async def read_choices(tx: Transaction) -> Any:
    """Return what the form of an automation can choose from, as `AutomationChoices` says."""
    return {
        "flows": await _list_names(tx, store.flows),
        "deployments": await queries.list_deployment_names(tx, MAX_CHOICES),
        "work_pools": await _list_names(tx, store.work_pools),
        "work_queues": await queries.list_queue_names(tx, MAX_CHOICES),
        "automations": await _list_names(tx, store.automations),
        "notifiers": await queries.list_block_names(tx, MAX_CHOICES, capability="notify"),
        "webhooks": await queries.list_block_names(tx, MAX_CHOICES, slug="webhook"),
    }


async def _list_names(tx: Transaction, collection: Collection) -> list[Row]:
    return await collection.find(tx, {}, collection.order("name", "id"), MAX_CHOICES, columns=["id", "name"])
