"""The context of an action: the firing's event, the objects that it concerns, and the action's target."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from prefect.form_values.links import BASE_URL, TemplateObject
from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.services.core import presenters
from prefect.server.services.core.errors import ServiceError
from prefect.server.services.events import emitting, querying
from prefect.server.services.events.event_store import Event, EventKey
from prefect.server.store import Collection, Row
from prefect.settings import get_current_settings

_ID = "prefect.resource.id"

_COLLECTIONS: Mapping[str, Collection] = {
    "flow": store.flows,
    "flow-run": store.flow_runs,
    "task-run": store.task_runs,
    "deployment": store.deployments,
    "work-pool": store.work_pools,
    "work-queue": store.work_queues,
    "automation": store.automations,
}
"""The objects that an event may be about, by the kind in their resource's id."""


class ActionFailed(ServiceError):
    """An action cannot be executed.

    Args:
        reason: Why, for people.
        details: Further fields of the event about the action.
        is_final: Whether it would fail again.
    """

    def __init__(self, reason: str, details: Mapping[str, Any] | None = None, is_final: bool = True) -> None:
        super().__init__(reason)
        self.details = dict(details or {})
        self.is_final = is_final


@dataclass
class ActionContext:
    """An action that is being executed.

    Attributes:
        job_id: The id of its job, which identifies the action to its target.
        action: The action as its automation has it.
        index: Its position among the actions of the firing.
        automation: The labels of the automation.
        labels: The labels of the firing's group of events.
        event: The event that caused it, if there is one.
        firing_event: The id of the event of the firing.
        related: The labels of the objects that it acts on, for its own events.
        details: Further fields of the event that says that it was executed.
        block: The block document that was loaded for it.
    """

    job_id: UUID
    action: Mapping[str, Any]
    index: int
    automation: emitting.Labels
    labels: Mapping[str, str]
    event: Event | None
    firing_event: UUID
    related: list[emitting.Labels] = field(default_factory=list[emitting.Labels])
    details: dict[str, Any] = field(default_factory=dict[str, Any])
    block: Mapping[str, Any] | None = None

    @property
    def kind(self) -> str:
        """Return the type of the action."""
        return self.action["type"]

    @property
    def automation_id(self) -> UUID:
        """Return the id of the automation."""
        return UUID(self.automation[_ID].rpartition(".")[2])

    def add_target(self, kind: str, id_: Any, role: str = "target") -> None:
        """Note the object that the action acts on."""
        labels = emitting.resource_labels(kind, id_, role=role)
        if labels not in self.related:
            self.related.append(labels)

    def find_ids(self, kind: str) -> Iterator[UUID]:
        """Iterate over the ids of the objects of a kind that the event is about, its resource first."""
        event = self.event
        resources = [event["resource"], *event["related"]] if event else []
        for labels in resources:
            prefix, _, id_ = labels[_ID].rpartition(".")
            if prefix == f"prefect.{kind}":
                try:
                    yield UUID(id_)
                except ValueError:
                    continue


async def read_contexts(
    tx: Transaction, jobs: Sequence[Row], known_events: Mapping[EventKey, Event]
) -> list[ActionContext]:
    """Return the contexts of the actions of jobs, of which some events have been read already."""
    keys = [_read_event_key(job) for job in jobs]
    found = await querying.get_events(tx, {key for key in keys if key is not None and key not in known_events})
    events = {**known_events, **{(event["occurred"], event["id"]): event for event in found}}
    return [_build_context(job, events.get(key) if key else None) for job, key in zip(jobs, keys, strict=True)]


def _read_event_key(job: Row) -> EventKey | None:
    """Return the key of the event that caused an action, if there is one."""
    key = job["body"]["event"]
    return None if key is None else (datetime.fromisoformat(key[0]), UUID(key[1]))


def _build_context(job: Row, event: Event | None) -> ActionContext:
    body = job["body"]
    return ActionContext(
        job_id=job["id"],
        action=body["action"],
        index=body["index"],
        automation=body["automation"],
        labels=body["labels"],
        event=event,
        firing_event=UUID(body["firing_event"]),
    )


async def find_target(tx: Transaction, context: ActionContext, kind: str, field_name: str | None = None) -> UUID:
    """Return the id of the object that an action acts on: the selected one, or the one that the event is about.

    Args:
        tx: The transaction.
        context: The action.
        kind: The kind of object, as in the id of its resource.
        field_name: The field of the action that selects one.

    Raises:
        ActionFailed: The event is about no such object.
    """
    selected = context.action.get(field_name) if field_name else None
    id_ = UUID(selected) if selected else next(context.find_ids(kind), None)
    if id_ is None and kind == "deployment":
        id_ = await _find_deployment_of_run(tx, context)
    if id_ is None:
        raise ActionFailed(f"No {kind.replace('-', ' ')} could be inferred")
    context.add_target(kind, id_)
    return id_


async def _find_deployment_of_run(tx: Transaction, context: ActionContext) -> UUID | None:
    for run_id in context.find_ids("flow-run"):
        run = await store.flow_runs.get(tx, run_id)
        if run is not None and run["deployment_id"] is not None:
            return run["deployment_id"]
    return None


# --- variables of templates ------------------------------------------------------------------------------------------


class TemplateResource(dict[str, str]):
    """A resource in a template: its labels, and its id, name and role as attributes."""

    @property
    def id(self) -> str:
        """Return its id."""
        return self[_ID]

    @property
    def name(self) -> str | None:
        """Return its name."""
        return self.get("prefect.resource.name")

    @property
    def role(self) -> str | None:
        """Return its role."""
        return self.get("prefect.resource.role")


async def read_variables(tx: Transaction, contexts: Sequence[ActionContext]) -> list[dict[str, Any]]:
    """Return the variables of the templates of actions: the event, and the objects that it is about.

    An object that the event does not name is found through the others: the flow of a flow run, the pool of a queue.
    """
    found: list[dict[str, Row]] = [{} for _ in contexts]
    for kind in _COLLECTIONS:
        ids = [next(context.find_ids(kind), None) for context in contexts]
        await _add_rows(tx, kind, found, ids)
    for kind, owner, column in _PARENTS:
        ids = [None if kind in rows or owner not in rows else rows[owner].get(column) for rows in found]
        await _add_rows(tx, kind, found, ids)
    own = await store.automations.get_many(tx, list({context.automation_id for context in contexts}))
    return [
        _build_variables(context, rows, own.get(context.automation_id) or {})
        for context, rows in zip(contexts, found, strict=True)
    ]


async def _add_rows(tx: Transaction, kind: str, found: Sequence[dict[str, Row]], ids: Sequence[UUID | None]) -> None:
    """Read the objects of a kind that have these ids, each once, and add each to those rows that it is for."""
    wanted = {id_ for id_ in ids if id_ is not None}
    known = await _COLLECTIONS[kind].get_many(tx, list(wanted)) if wanted else {}
    for rows, id_ in zip(found, ids, strict=True):
        if id_ in known:
            rows[kind] = known[id_]


def _build_variables(context: ActionContext, rows: Mapping[str, Row], own: Row) -> dict[str, Any]:
    variables: dict[str, Any] = {
        kind.replace("-", "_"): TemplateObject(kind, _present(kind, row)) for kind, row in rows.items()
    }
    event = context.event
    return variables | {
        "automation": TemplateObject(
            "automation",
            {"id": context.automation_id, "name": context.automation["prefect.resource.name"]}
            | _pick(own, "description", "tags", "enabled"),
        ),
        "event": event
        and {
            **event,
            "resource": TemplateResource(event["resource"]),
            "related": [TemplateResource(labels) for labels in event["related"]],
        },
        "labels": dict(context.labels),
        BASE_URL: _find_ui_url(),
    }


def _find_ui_url() -> str:
    """Return the URL of the web page: the setting `ui_url`, by default the address at which this server serves it."""
    current = get_current_settings()
    return current.ui_url or f"http://{current.server.api.host}:{current.server.api.port}"


_PARENTS = (
    ("flow-run", "task-run", "flow_run_id"),
    ("flow", "flow-run", "flow_id"),
    ("deployment", "flow-run", "deployment_id"),
    ("flow", "deployment", "flow_id"),
    ("work-queue", "flow-run", "work_queue_id"),
    ("work-queue", "deployment", "work_queue_id"),
    ("work-pool", "work-queue", "work_pool_id"),
)
"""Kinds of objects, each with the kind and the column by which it is found."""


def _present(kind: str, row: Row) -> Mapping[str, Any]:
    if kind == "flow-run":
        return presenters.present_flow_run(row)
    return presenters.present_task_run(row) if kind == "task-run" else row


def _pick(values: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: values[name] for name in names if name in values}
