"""Heartbeats of flow runs: each renews the lease until whose end the run counts as alive.

A lease counts from when the server receives the heartbeat, by the server's clock. A run that never sent a heartbeat
has no lease and cannot become a zombie.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.store.queries import runs as queries
from prefect.settings import get_current_settings
from prefect.types import now

MISSED_HEARTBEATS = 3
"""How many heartbeats may be missing before a flow run counts as a zombie."""

DEFAULT_INTERVAL_SECONDS = 30
"""Seconds between the heartbeats of a flow run, where the settings do not set it."""


def default_interval() -> timedelta:
    """Return the interval of heartbeats that do not carry their own."""
    return timedelta(seconds=get_current_settings().flows.heartbeat_frequency or DEFAULT_INTERVAL_SECONDS)


def default_lease_duration() -> timedelta:
    """Return for how long a run counts as alive after such a heartbeat."""
    return MISSED_HEARTBEATS * default_interval()


async def renew_leases(tx: Transaction, durations: Mapping[UUID, timedelta]) -> None:
    """Renew the leases of flow runs from now; runs that have finished are left as they are.

    Args:
        tx: The transaction.
        durations: For how long each counts as alive, by the id of the run.
    """
    at = now()
    for batch in store.chunks(sorted(durations)):
        ids = await queries.lock_open_flow_runs(tx, batch)
        leases = [{"id": id_, "lease_until": at + durations[id_]} for id_ in ids]
        await store.flow_runs.change(tx, leases, ["lease_until"])
