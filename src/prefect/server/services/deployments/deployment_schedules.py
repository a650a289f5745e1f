"""The schedules of deployments. A change takes back the runs that were made by what was there before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.db.sql import Sql, one_of
from prefect.server.services.core import reading
from prefect.server.services.core.errors import Conflict, InvalidRequest, NotFound
from prefect.server.services.core.presenters import Answer
from prefect.server.services.deployments import scheduling
from prefect.server.store import Row
from prefect.types import new_id, now

Values = Mapping[str, Any]

_CHANGEABLE = ("schedule", "active", "max_scheduled_runs", "parameters", "slug")
_WRITTEN = (*_CHANGEABLE, "updated", "look_at")


async def find(tx: Transaction, deployment_id: UUID) -> list[Answer]:
    """The schedules of a deployment, the one that changed last first; `NotFound` without the deployment."""
    await reading.get_row(tx, store.deployments, deployment_id)
    return (await find_by_deployment(tx, [deployment_id])).get(deployment_id, [])


async def find_by_deployment(tx: Transaction, ids: Sequence[UUID]) -> dict[UUID, list[Answer]]:
    """The schedules of deployments, by the ids of these."""
    found: dict[UUID, list[Answer]] = {}
    order = "deployment_schedule.updated DESC, deployment_schedule.id DESC"
    for row in await store.deployment_schedules.find(tx, _of(ids), order):
        found.setdefault(row["deployment_id"], []).append(_answer(row))
    return found


async def create(tx: Transaction, deployment_id: UUID, schedules: Iterable[Values]) -> list[Answer]:
    """Add schedules to a deployment.

    Raises:
        Conflict: It has one of the same slug.
    """
    await _lock(tx, deployment_id)
    there = await store.deployment_schedules.find(tx, _of([deployment_id]))
    new = await _add(tx, deployment_id, schedules, there)
    await scheduling.discard_upcoming_runs(tx, [deployment_id])
    return [_answer(row) for row in new]


async def change(tx: Transaction, deployment_id: UUID, id_: UUID, values: Values) -> None:
    """Set what is given of a schedule.

    Raises:
        Conflict: The deployment has another of the new slug.
    """
    await _lock(tx, deployment_id)
    there = await store.deployment_schedules.find(tx, _of([deployment_id]))
    row = next((row for row in there if row["id"] == id_), None)
    if row is None:
        raise NotFound("schedule", id_)
    await _change(tx, row, values, [other for other in there if other is not row])
    await scheduling.discard_upcoming_runs(tx, [deployment_id])


async def remove(tx: Transaction, deployment_id: UUID, id_: UUID) -> None:
    """Delete a schedule."""
    await _lock(tx, deployment_id)
    where = Sql("deployment_schedule.id = ? AND deployment_schedule.deployment_id = ?", (id_, deployment_id))
    if not await store.deployment_schedules.remove(tx, where):
        raise NotFound("schedule", id_)
    await scheduling.discard_upcoming_runs(tx, [deployment_id])


async def replace(tx: Transaction, deployment_id: UUID, schedules: Iterable[Values]) -> None:
    """Give a deployment these schedules instead of those that it has."""
    await store.deployment_schedules.remove(tx, _of([deployment_id]))
    await _add(tx, deployment_id, schedules, [])


async def merge(tx: Transaction, deployment_id: UUID, schedules: Sequence[Values]) -> None:
    """Change schedules of a deployment by their slugs, and add those that it does not have.

    Where some that it has are without a slug, nobody can say which are meant: then all of them are replaced.

    Raises:
        InvalidRequest: One has no slug where all that are there have one, or a new one says not when it runs.
        Conflict: Two have the same slug.
    """
    there = await store.deployment_schedules.find(tx, _of([deployment_id]))
    if not all(row["slug"] for row in there):
        await store.deployment_schedules.remove(tx, _of([deployment_id]))
        there = []
    if there and not all(values.get("slug") for values in schedules):
        raise InvalidRequest("Each schedule must have a slug, which says which of the deployment's schedules is meant.")
    by_slug = {row["slug"]: row for row in there}
    new: list[Values] = []
    for values in schedules:
        row = by_slug.get(values.get("replaces") or values.get("slug"))
        if row is None:
            new.append(values)
        else:
            await _change(tx, row, values, [other for other in there if other is not row])
            row["slug"] = values.get("slug") or row["slug"]
    await _add(tx, deployment_id, new, there)


def _of(ids: Sequence[UUID]) -> Sql:
    return one_of("deployment_schedule.deployment_id", ids)


async def _lock(tx: Transaction, deployment_id: UUID) -> None:
    """Have changes of one deployment's schedules made one after the other; `NotFound` without the deployment."""
    await reading.get_row(tx, store.deployments, deployment_id, lock=True)


async def _add(tx: Transaction, deployment_id: UUID, schedules: Iterable[Values], there: Sequence[Row]) -> list[Row]:
    slugs = {row["slug"] for row in there}
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
                "look_at": None,
                "schedule": values["schedule"],
                "parameters": values.get("parameters") or {},
            }
        )
    await store.deployment_schedules.add(tx, new)
    return new


async def _change(tx: Transaction, row: Row, values: Values, others: Iterable[Row]) -> None:
    given = {name: value for name, value in values.items() if name in _CHANGEABLE}
    given = {
        name: value for name, value in given.items() if value is not None or name in ("max_scheduled_runs", "slug")
    }
    _check_slug(given.get("slug"), {other["slug"] for other in others})
    after = {**row, **given, "updated": now(), "look_at": None}
    await store.deployment_schedules.change(tx, [after], _WRITTEN)


def _check_slug(slug: str | None, taken: Iterable[str | None]) -> None:
    if slug is not None and slug in taken:
        raise Conflict(f"The deployment has a schedule {slug!r} already: give each a slug of its own.")


def _answer(row: Row) -> Answer:
    return {name: value for name, value in row.items() if name != "look_at"}
