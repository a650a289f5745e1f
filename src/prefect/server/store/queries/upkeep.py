"""Queries of the server's upkeep: which server leads a loop, CSRF tokens, and rows that are old or orphaned."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.db.sql import Sql, all_of, any_of
from prefect.server.db.times import to_micros
from prefect.server.store.collection import Collection, Condition


async def take_leadership(tx: Transaction, name: str, owner: str, until: datetime, at: datetime) -> bool:
    """Make a server the leader of a loop, if it is already or the leader's time has run out.

    Args:
        tx: The transaction.
        name: The loop.
        owner: The server.
        until: When its time runs out.
        at: The present.
    """
    text = "UPDATE leader SET owner = ?, until = ? WHERE name = ? AND (owner = ? OR until < ?)"
    return await tx.run(Sql(text, (owner, until, name, owner, at))) == 1


async def remove_expired_csrf_tokens(tx: Transaction, at: datetime) -> None:
    """Remove the CSRF tokens that have expired."""
    await store.csrf_tokens.remove(tx, Sql("csrf_token.expiration < ?", (at,)))


async def find_csrf_token(tx: Transaction, client: str, at: datetime) -> str | None:
    """Return the CSRF token of a client, unless it has none or it has expired."""
    where = Sql("csrf_token.client = ? AND csrf_token.expiration >= ?", (client, at))
    rows = await store.csrf_tokens.find(tx, where, columns=["token"])
    return rows[0]["token"] if rows else None


async def remove_older(tx: Transaction, collection: Collection, time: datetime, limit: int) -> int:
    """Remove rows of a collection whose ids were made before a time, oldest first; return how many."""
    return await _remove(tx, collection, _is_created_before(collection, time), limit)


async def has_older(tx: Transaction, collection: Collection, time: datetime) -> bool:
    """Return whether a collection has rows whose ids were made before a time."""
    return bool(await collection.find(tx, _is_created_before(collection, time), limit=1, columns=["id"]))


async def remove_orphans(tx: Transaction, collection: Collection, time: datetime, limit: int) -> int:
    """Remove rows whose run or worker does not exist and whose ids were made before a time; return how many."""
    table = collection.table
    orphaned = _without_owner(table.name, "flow_run")
    if "task_run_id" in table.kinds:
        of_no_flow_run = all_of([Sql(f"{table.name}.flow_run_id IS NULL"), _without_owner(table.name, "task_run")])
        orphaned = any_of([orphaned, of_no_flow_run])
    if "worker_id" in table.kinds:
        of_no_run = Sql(f"{table.name}.flow_run_id IS NULL AND {table.name}.task_run_id IS NULL")
        orphaned = any_of([orphaned, all_of([of_no_run, _without_owner(table.name, "worker")])])
    return await _remove(tx, collection, collection.where(orphaned, _is_created_before(collection, time)), limit)


def _without_owner(table: str, owners: str) -> Condition:
    """Return the condition that rows name a row of a table of runs or workers that does not exist."""
    name = f"{table}.{owners}_id"
    return Sql(f"({name} IS NOT NULL AND NOT EXISTS (SELECT 1 FROM {owners} WHERE {owners}.id = {name}))")


def _is_created_before(collection: Collection, time: datetime) -> Condition:
    # Ids are UUIDv7: they begin with the time, and are indexed.
    return Sql(f"{collection.table.name}.id < ?", (UUID(int=(to_micros(time) // 1000) << 80),))


async def _remove(tx: Transaction, collection: Collection, where: Condition, limit: int) -> int:
    rows = await collection.find(tx, where, collection.order("id"), limit, columns=["id"])
    return await collection.remove(tx, {"id": [row["id"] for row in rows]}) if rows else 0
