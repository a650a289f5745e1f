"""Which server does a loop's work: the one that said so last, until the time that it said."""

from __future__ import annotations

from datetime import timedelta

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.db.sql import Sql, one_of
from prefect.types import now


async def claim_leadership(tx: Transaction, name: str, owner: str, length: timedelta) -> bool:
    """Take the lead of a loop, or keep it, for some time; False while another server has it."""
    at = now()
    row = {"name": name, "owner": owner, "until": at + length}
    if await store.leaders.add(tx, [row]):
        return True
    text = "UPDATE leader SET owner = ?, until = ? WHERE name = ? AND (owner = ? OR until < ?)"
    return await tx.run(Sql(text, (owner, row["until"], name, owner, at))) == 1


async def resign_leadership(tx: Transaction, owner: str) -> None:
    """Give up the lead of all loops."""
    await store.leaders.remove(tx, one_of("leader.owner", [owner]))
