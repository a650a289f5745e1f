"""Events of the heartbeats that clients send as records; a client that sends events has made them itself."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from uuid import UUID

import prefect
from prefect.schemas import liveness
from prefect.schemas.run_events import FLOW_RUN_HEARTBEAT
from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.services.events import emitting, event_store
from prefect.server.store.queries import runs as queries

MAX_REMEMBERED_RUNS = 10_000
"""Runs whose last event is remembered; when there are more, those are forgotten whose next event is due."""

_LAST_EVENTS = "heartbeat events"


async def emit_heartbeats(tx: Transaction, ids: Iterable[UUID]) -> None:
    """Emit the heartbeats of flow runs that have not finished, of each one an event in an interval at most."""
    due = _take_due(tx, ids)
    if not due:
        return
    open_ids = await queries.lock_open_flow_runs(tx, due)
    runs = await store.flow_runs.get_many(tx, open_ids) if open_ids else {}
    related = await emitting.find_owner_labels(tx, list(runs.values()))
    events = [
        emitting.build_event(
            FLOW_RUN_HEARTBEAT,
            emitting.resource_labels("flow-run", id_, run["name"]) | {"prefect.version": prefect.__version__},
            related[id_],
        )
        for id_, run in runs.items()
    ]
    if events:
        await event_store.add_events(tx, events)


def _take_due(tx: Transaction, ids: Iterable[UUID]) -> Sequence[UUID]:
    """Return the runs whose last event is an interval old, and note that each has another one now."""
    last_events: dict[UUID, float] = tx.memory.setdefault(_LAST_EVENTS, {})
    at = time.monotonic()
    before = at - liveness.EVENT_INTERVAL_SECONDS
    due = sorted(id_ for id_ in set(ids) if last_events.get(id_, before) <= before)
    if len(last_events) + len(due) > MAX_REMEMBERED_RUNS:
        tx.memory[_LAST_EVENTS] = last_events = {id_: last for id_, last in last_events.items() if last > before}
    last_events.update(dict.fromkeys(due, at))
    return due
