"""Store and change automations. Nothing here evaluates triggers: `evaluation` does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from uuid import UUID

from prefect.schemas.wire import checks
from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.services.automations import metrics
from prefect.server.services.core import paging
from prefect.server.services.core.errors import NotFound
from prefect.server.services.core.presenters import Answer
from prefect.server.services.events import emitting
from prefect.server.store import Row, filters
from prefect.server.store.queries import automations as queries
from prefect.server.store.queries import catalog
from prefect.types import new_id, now

_ACTION_FIELDS = ("actions", "actions_on_trigger", "actions_on_resolve")

_RESOURCE_KINDS = {
    "deployment_id": "deployment",
    "work_pool_id": "work-pool",
    "work_queue_id": "work-queue",
    "automation_id": "automation",
}
"""The kinds of objects that actions refer to, by the field of their id."""


class AutomationNotFound(NotFound):
    """The automation does not exist."""

    key = "exception_message"

    def __init__(self, id_: UUID) -> None:
        super().__init__("automation", id_)


async def add(tx: Transaction, values: Mapping[str, Any]) -> Answer:
    """Create an automation; `values` are its fields as JSON has them.

    Raises:
        InvalidRequest: A metric trigger of it cannot be evaluated.
    """
    metrics.check_metric(values["trigger"])
    at = now()
    row: Row = {**values, "id": new_id(), "created": at, "updated": at, "related": _find_related_resources(values)}
    await store.automations.add(tx, [row])
    return await _emit_event(tx, "created", row)


async def get(tx: Transaction, id_: UUID) -> Answer:
    """Return an automation.

    Raises:
        AutomationNotFound: It does not exist.
    """
    return _present(await _get(tx, id_))


async def find(tx: Transaction, sort: Any, limit: int | None, offset: int, criteria: Any) -> list[Answer]:
    """Return a page of the automations that match a filter."""
    where = filters.compile_filter(tx.dialect, criteria)
    return [_present(row) for row in await paging.find_page(tx, store.automations, sort, limit, offset, where)]


async def count(tx: Transaction, criteria: Any) -> int:
    """Return how many automations match a filter."""
    return await store.automations.count(tx, filters.compile_filter(tx.dialect, criteria))


async def find_related(tx: Transaction, resource_id: str) -> list[Answer]:
    """Return the automations that a resource owns, or that act on it."""
    return [_present(row) for row in await catalog.find_related_automations(tx, resource_id)]


async def change(tx: Transaction, id_: UUID, values: Mapping[str, Any]) -> None:
    """Set the fields of an automation that the request contains; its owner stays the same."""
    row = {**await _get(tx, id_, lock=True), **values, "updated": now()}
    metrics.check_metric(row["trigger"])
    row["related"] = _find_related_resources(row)
    # What its triggers have counted is of no use to others, nor to themselves later.
    await queries.remove_buckets(tx, id_, _trigger_ids(row["trigger"]) if row["enabled"] else ())
    await store.automations.change(tx, [row], ["updated", "related", *values])
    await _emit_event(tx, "updated", row)


async def remove(tx: Transaction, id_: UUID) -> None:
    """Delete an automation."""
    await _remove(tx, [await _get(tx, id_)])


async def remove_owned(tx: Transaction, resource_id: str) -> None:
    """Delete the automations that a resource owns."""
    await _remove(tx, await store.automations.find(tx, {"owner_resource": resource_id}))


def find_template_error(template: str) -> Answer | None:
    """Return the error of an action's template as the API shows it; None when it is valid."""
    try:
        checks.check_template(template)
    except ValueError as error:
        line = getattr(error.__cause__, "lineno", None) or 1
        message = getattr(error.__cause__, "message", None) or str(error)
        return {"error": {"line": line, "message": message, "source": template}}
    return None


async def _get(tx: Transaction, id_: UUID, lock: bool = False) -> Row:
    row = await store.automations.get(tx, id_, lock=lock)
    if row is None:
        raise AutomationNotFound(id_)
    return row


async def _remove(tx: Transaction, rows: Iterable[Row]) -> None:
    rows = list(rows)
    await store.automations.remove(tx, {"id": [row["id"] for row in rows]})
    for row in rows:
        await queries.remove_buckets(tx, row["id"])
        await _emit_event(tx, "deleted", row)


def _trigger_ids(trigger: Mapping[str, Any]) -> list[UUID]:
    """Return the ids of a stored trigger and of those in it."""
    return [UUID(trigger["id"]), *(id_ for child in trigger.get("triggers", ()) for id_ in _trigger_ids(child))]


def _find_related_resources(values: Mapping[str, Any]) -> list[str]:
    """Return the resources that the actions of an automation refer to."""
    return sorted(
        {f"prefect.{kind}.{id_}" for name in _ACTION_FIELDS for kind, id_ in _iterate_references(values[name])}
    )


def _iterate_references(actions: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    for action in actions:
        for field, kind in _RESOURCE_KINDS.items():
            if action.get(field):
                yield kind, action[field]


def _present(row: Row) -> Answer:
    return {name: value for name, value in row.items() if name not in ("owner_resource", "related")}


async def _emit_event(tx: Transaction, change: str, row: Row) -> Answer:
    """Emit the event of a change of an automation, and return the automation."""
    answer = _present(row)
    await emitting.emit_object_event(tx, "automation", change, row, answer)
    return answer
