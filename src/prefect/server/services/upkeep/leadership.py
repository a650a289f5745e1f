"""Leader election: the server that does a loop's work is the one that claimed it last, until its claim runs out.

A server that was killed is followed immediately by one on the same host, which sees that its process is gone.
"""

from __future__ import annotations

import os
from datetime import timedelta
from uuid import UUID

from prefect import _processes
from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.store.queries import upkeep
from prefect.types import now


def describe_owner(id_: UUID) -> str:
    """Return a server of this process as the owner of leaderships."""
    return " ".join((str(id_), _processes.host(), str(os.getpid()), _processes.start_mark() or ""))


def _is_gone(owner: str) -> bool:
    """Return whether the process of a server on this host does not run any more."""
    _, host, pid, mark = (*owner.split(" "), "", "", "")[:4]
    return host == _processes.host() and bool(mark) and not _processes.is_alive(int(pid), mark)


async def claim_leadership(tx: Transaction, name: str, owner: str, duration: timedelta) -> bool:
    """Claim or renew the lead of a loop; return False while another server has it."""
    at = now()
    if await store.leaders.add(tx, [{"name": name, "owner": owner, "until": at + duration}]):
        return True
    if await upkeep.take_leadership(tx, name, owner, at + duration, at):
        return True
    leader = await store.leaders.get(tx, name, lock=True)
    if leader is None or not _is_gone(leader["owner"]):
        return False
    await store.leaders.change(tx, [{"name": name, "owner": owner, "until": at + duration}], ("owner", "until"))
    return True


async def resign_leadership(tx: Transaction, owner: str) -> None:
    """Release the lead of all loops that a server has."""
    await store.leaders.remove(tx, {"owner": owner})
