"""Events that follow an event which has not arrived yet: they are held until it arrives, for a limited time.

The events of run states are not held: each is stored with or after the one that it follows.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple, TypeAlias
from uuid import UUID

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.services.events.event_store import EventKey
from prefect.server.store import Row
from prefect.server.store.queries import automations as queries
from prefect.server.store.queries import events as event_queries
from prefect.triggers.occurrences import Occurrence
from prefect.types import now

HOLD_DURATION = timedelta(minutes=5)
"""How long an event waits for the one that it follows: clients name one that occurred within five minutes."""

_ORDERED = ("prefect.flow-run.", "prefect.task-run.")

Candidates: TypeAlias = Sequence[tuple[Occurrence, list[UUID]]]
"""Events, each with the automations whose triggers it may concern."""


class SortedEvents(NamedTuple):
    """The events to evaluate now, and the times of the events that they follow, if these were evaluated before."""

    candidates: Candidates
    predecessors: Mapping[UUID, datetime]


async def hold_early(tx: Transaction, candidates: Candidates, arrived: Collection[UUID]) -> SortedEvents:
    """Hold the events of a batch whose predecessors have not arrived.

    Args:
        tx: The transaction.
        candidates: Events of the batch.
        arrived: The ids of all its events.
    """
    followers = [one for one, _ in candidates if one.follows is not None and not one.event.startswith(_ORDERED)]
    wanted = {one.follows for one in followers if one.follows is not None} - {*arrived}
    predecessors = await _find_predecessors(tx, wanted, [one.occurred for one in followers])
    waiting = (wanted - {*predecessors}) | {*await store.held_events.get_many(tx, list(wanted), columns=["id"])}
    held: dict[UUID, Occurrence] = {}
    while new := [one for one in followers if one.id not in held and one.follows in waiting]:
        held.update((one.id, one) for one in new)
        waiting |= {one.id for one in new}
    if held:
        until = now() + HOLD_DURATION
        rows = [
            {"id": one.id, "follows": one.follows, "occurred": one.occurred, "until": until} for one in held.values()
        ]
        await store.held_events.add(tx, rows)
    return SortedEvents([each for each in candidates if each[0].id not in held], predecessors)


class ReleasedEvents(NamedTuple):
    """The keys of the released events, and the times of the events that they follow."""

    keys: list[EventKey]
    predecessors: Mapping[UUID, datetime]


async def release(tx: Transaction, limit: int) -> ReleasedEvents:
    """Release events whose predecessor has been evaluated, or that have been held for `HOLD_DURATION`.

    While events are queued nothing is released: the one that is waited for may be among them.
    """
    rows = await queries.lock_held_events(tx, limit)
    if not rows:
        return ReleasedEvents([], {})
    at = now()
    predecessors = await _find_predecessors(tx, {row["follows"] for row in rows}, [row["occurred"] for row in rows])
    if await queries.lock_queued_events(tx, 1):
        predecessors = {}
    held = {row["id"] for row in rows}
    released: dict[UUID, Row] = {}
    while new := [
        row
        for row in rows
        if row["id"] not in released
        and (row["until"] <= at or row["follows"] in (released if row["follows"] in held else predecessors))
    ]:
        released.update((row["id"], row) for row in new)
    if released:
        await store.held_events.remove(tx, {"id": list(released)})
    return ReleasedEvents([(row["occurred"], row["id"]) for row in released.values()], predecessors)


async def _find_predecessors(tx: Transaction, ids: Collection[UUID], times: Sequence[datetime]) -> dict[UUID, datetime]:
    """Return the times of events, by id; an event that is not stored is left out.

    Args:
        tx: The transaction.
        ids: The ids of the events.
        times: The times of the events that follow them.
    """
    if not ids:
        return {}
    return await event_queries.find_times(tx, list(ids), min(times) - HOLD_DURATION, max(times) + HOLD_DURATION)
