"""Intervals at which the processes of flow runs send heartbeats, and are asked to."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

from prefect.schemas import liveness
from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.store.queries import runs as queries
from prefect.settings import get_current_settings
from prefect.types import now

CACHE_SECONDS = 5.0
"""How long the interval that clients are asked for is cached."""
EVENT_CLIENT_MEMORY = timedelta(days=1)
"""For how long a server expects heartbeats as events after the last one."""

_INTERVAL, _EVENT_HEARTBEAT = "heartbeat interval", "last heartbeat by event"


def event_interval() -> timedelta:
    """Return the interval of heartbeats that are sent as events, which do not carry their own."""
    frequency = get_current_settings().flows.heartbeat_frequency
    return timedelta(seconds=frequency or liveness.EVENT_INTERVAL_SECONDS)


def event_lease_duration() -> timedelta:
    """Return for how long a run counts as alive after such a heartbeat."""
    return timedelta(seconds=liveness.lease_seconds(event_interval().total_seconds()))


async def find_interval(tx: Transaction) -> float:
    """Return the seconds between heartbeats that clients are asked for: the more live runs, the longer."""
    found = tx.memory.get(_INTERVAL)
    if found is None or found[0] < time.monotonic():
        live = await queries.count_live_flow_runs(tx, now())
        interval = max(liveness.HEARTBEAT_INTERVAL_SECONDS, live / liveness.MAX_HEARTBEATS_PER_SECOND)
        found = tx.memory[_INTERVAL] = (time.monotonic() + CACHE_SECONDS, interval)
    return found[1]


async def note_event_heartbeats(tx: Transaction) -> None:
    """Note that clients send heartbeats as events, at most once in an interval."""
    last: datetime | None = tx.memory.get(_EVENT_HEARTBEAT)
    if last is None or now() - last > event_interval():
        tx.memory[_EVENT_HEARTBEAT] = now()
        await store.meta.put(tx, {"key": _EVENT_HEARTBEAT, "value": now().isoformat()})


async def expects_event_heartbeats(tx: Transaction) -> bool:
    """Return whether clients have lately sent heartbeats as events."""
    row = await store.meta.get(tx, _EVENT_HEARTBEAT)
    return row is not None and now() - datetime.fromisoformat(row["value"]) < EVENT_CLIENT_MEMORY
