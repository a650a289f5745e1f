"""Signs of life of flow runs: while its process says that it is alive, a run's lease is renewed.

A lease counts from when the server hears of it, by the server's clock. A run that never had one is nobody's to miss.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.db.sql import Sql, all_of, chunks, one_of
from prefect.server.db.tables import OPEN
from prefect.settings import get_current_settings
from prefect.types import now

MISSED_HEARTBEATS = 3
"""So many heartbeats may be missing before a flow run counts as silent."""

DEFAULT_INTERVAL_SECONDS = 30
"""Seconds between the heartbeats of a flow run, where the settings do not say."""


def default_interval() -> timedelta:
    """How far apart heartbeats are that do not say so themselves."""
    return timedelta(seconds=get_current_settings().flows.heartbeat_frequency or DEFAULT_INTERVAL_SECONDS)


def default_lease_duration() -> timedelta:
    """For how long a run counts as alive after such a heartbeat."""
    return MISSED_HEARTBEATS * default_interval()


async def renew_leases(tx: Transaction, lengths: Mapping[UUID, timedelta]) -> None:
    """These flow runs are alive and count as such for so long from now; one that has ended stays as it is."""
    at = now()
    for some in chunks(sorted(lengths)):
        where = all_of([one_of("flow_run.id", some), Sql(f"flow_run.{OPEN}")])
        found = await store.flow_runs.find(tx, where, "flow_run.id", columns=["id"], lock=True)
        leases = [{"id": row["id"], "lease_until": at + lengths[row["id"]]} for row in found]
        await store.flow_runs.change(tx, leases, ["lease_until"])
