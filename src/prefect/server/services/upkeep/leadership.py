"""Leader election: the server that does a loop's work is the one that claimed it last, until its claim runs out."""

from __future__ import annotations

from datetime import timedelta

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.store.queries import upkeep
from prefect.types import now


async def claim_leadership(tx: Transaction, name: str, owner: str, duration: timedelta) -> bool:
    """Claim or renew the lead of a loop; return False while another server has it."""
    at = now()
    if await store.leaders.add(tx, [{"name": name, "owner": owner, "until": at + duration}]):
        return True
    return await upkeep.take_leadership(tx, name, owner, at + duration, at)


async def resign_leadership(tx: Transaction, owner: str) -> None:
    """Release the lead of all loops that a server has."""
    await store.leaders.remove(tx, {"owner": owner})
