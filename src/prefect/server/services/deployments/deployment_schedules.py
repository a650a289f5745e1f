"""The schedules of deployments. A change discards the upcoming runs that the schedules before it have created."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.services.core import reading
from prefect.server.services.core.errors import Conflict, InvalidRequest, NotFound
from prefect.server.services.core.presenters import Answer
from prefect.server.services.deployments import scheduling
from prefect.server.store import Row
from prefect.types import new_id, now
from prefect.types.mappings import Values

_CHANGEABLE = ("schedule", "active", "max_scheduled_runs", "parameters", "slug")
_NULLABLE = ("max_scheduled_runs", "slug")
_WRITTEN = (*_CHANGEABLE, "updated", "replan_at")


async def find(tx: Transaction, deployment_id: UUID) -> list[Answer]:
    """Return the schedules of a deployment, the one that changed last first.

    Raises:
        NotFound: There is no such deployment.
    """
    await reading.get_row(tx, store.deployments, deployment_id)
    return (await find_by_deployment(tx, [deployment_id])).get(deployment_id, [])


async def find_by_deployment(tx: Transaction, ids: Sequence[UUID]) -> dict[UUID, list[Answer]]:
    """Return the schedules of deployments, by the ids of these."""
    schedules: dict[UUID, list[Answer]] = {}
    order = store.deployment_schedules.order("-updated", "-id")
    for row in await store.deployment_schedules.find(tx, {"deployment_id": list(ids)}, order):
        schedules.setdefault(row["deployment_id"], []).append(_present(row))
    return schedules


async def create(tx: Transaction, deployment_id: UUID, schedules: Iterable[Values]) -> list[Answer]:
    """Add schedules to a deployment.

    Raises:
        NotFound: There is no such deployment.
        Conflict: It has a schedule of the same slug.
    """
    await _lock(tx, deployment_id)
    existing = await store.deployment_schedules.find(tx, {"deployment_id": deployment_id})
    new = await _add(tx, deployment_id, schedules, existing)
    await scheduling.discard_upcoming_runs(tx, [deployment_id])
    return [_present(row) for row in new]


async def change(tx: Transaction, deployment_id: UUID, id_: UUID, values: Values) -> None:
    """Set columns of a schedule.

    Raises:
        NotFound: There is no such deployment, or it has no such schedule.
        Conflict: The deployment has another schedule of the new slug.
    """
    await _lock(tx, deployment_id)
    existing = await store.deployment_schedules.find(tx, {"deployment_id": deployment_id})
    row = next((row for row in existing if row["id"] == id_), None)
    if row is None:
        raise NotFound("schedule", id_)
    await _change(tx, row, values, [other for other in existing if other is not row])
    await scheduling.discard_upcoming_runs(tx, [deployment_id])


async def remove(tx: Transaction, deployment_id: UUID, id_: UUID) -> None:
    """Delete a schedule of a deployment, or raise `NotFound`."""
    await _lock(tx, deployment_id)
    if not await store.deployment_schedules.remove(tx, {"id": id_, "deployment_id": deployment_id}):
        raise NotFound("schedule", id_)
    await scheduling.discard_upcoming_runs(tx, [deployment_id])


async def replace(tx: Transaction, deployment_id: UUID, schedules: Iterable[Values]) -> None:
    """Replace all schedules of a deployment."""
    await store.deployment_schedules.remove(tx, {"deployment_id": deployment_id})
    await _add(tx, deployment_id, schedules, [])


async def merge(tx: Transaction, deployment_id: UUID, schedules: Sequence[Values]) -> None:
    """Change the schedules of a deployment that have these slugs, and add those that it does not have.

    If some of its schedules have no slug, all of them are replaced, also by none.

    Raises:
        InvalidRequest: A schedule has no slug though all existing ones have one, or a new one has no `schedule`.
        Conflict: Two have the same slug.
    """
    existing = await store.deployment_schedules.find(tx, {"deployment_id": deployment_id})
    if not all(row["slug"] for row in existing):
        await store.deployment_schedules.remove(tx, {"deployment_id": deployment_id})
        existing = []
    if existing and not all(values.get("slug") for values in schedules):
        raise InvalidRequest("Each schedule must have a slug, which identifies it among the deployment's schedules.")
    by_slug = {row["slug"]: row for row in existing}
    new: list[Values] = []
    for values in schedules:
        row = by_slug.get(values.get("replaces") or values.get("slug"))
        if row is None:
            new.append(values)
        else:
            await _change(tx, row, values, [other for other in existing if other is not row])
            row["slug"] = values.get("slug") or row["slug"]
    await _add(tx, deployment_id, new, existing)


async def _lock(tx: Transaction, deployment_id: UUID) -> None:
    """Lock a deployment, so that its schedules are changed one request after the other; or raise `NotFound`."""
    await reading.get_row(tx, store.deployments, deployment_id, lock=True)


async def _add(tx: Transaction, deployment_id: UUID, schedules: Iterable[Values], existing: Sequence[Row]) -> list[Row]:
    slugs = {row["slug"] for row in existing}
    new: list[Row] = []
    for values in schedules:
        if values.get("schedule") is None:
            raise InvalidRequest(
                "A new schedule must have a `schedule`: an interval, a cron expression or a recurrence rule."
            )
        slug = values.get("slug")
        _check_slug(slug, slugs)
        slugs.add(slug)
        at = now()
        active = values.get("active")
        new.append(
            {
                "id": new_id(),
                "created": at,
                "updated": at,
                "deployment_id": deployment_id,
                "active": True if active is None else active,
                "max_scheduled_runs": values.get("max_scheduled_runs"),
                "slug": slug,
                "replan_at": None,
                "schedule": values["schedule"],
                "parameters": values.get("parameters") or {},
            }
        )
    await store.deployment_schedules.add(tx, new)
    return new


async def _change(tx: Transaction, row: Row, values: Values, others: Iterable[Row]) -> None:
    columns = {
        name: value
        for name, value in values.items()
        if name in _CHANGEABLE and (value is not None or name in _NULLABLE)
    }
    _check_slug(columns.get("slug"), {other["slug"] for other in others})
    after = {**row, **columns, "updated": now(), "replan_at": None}
    await store.deployment_schedules.change(tx, [after], _WRITTEN)


def _check_slug(slug: str | None, taken: Iterable[str | None]) -> None:
    if slug is not None and slug in taken:
        raise Conflict(f"The deployment has a schedule {slug!r} already: give each schedule another slug.")


def _present(row: Row) -> Answer:
    return {name: value for name, value in row.items() if name != "replan_at"}
