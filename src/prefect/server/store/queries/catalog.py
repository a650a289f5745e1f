"""Queries about artifacts, blocks, automations, and runs by the id of a state."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.db.sql import Sql, all_of, any_of, chunks, none_of, one_of
from prefect.server.store.collection import Collection, Condition, Row

_LATEST = Sql(
    "artifact.key IS NOT NULL AND artifact.id = (SELECT newer.id FROM artifact AS newer WHERE newer.key = artifact.key"
    " ORDER BY newer.created DESC, newer.id DESC LIMIT 1)"
)


def latest_artifacts(where: Condition) -> Condition:
    """Return a condition that holds for the latest artifact of each key, where it satisfies another condition."""
    return all_of([_LATEST, where])


async def find_latest_artifact(tx: Transaction, key: str) -> Row | None:
    """Return the latest artifact of a key."""
    rows = await store.artifacts.find(tx, {"key": key}, store.artifacts.order("-created", "-id"), 1)
    return rows[0] if rows else None


async def find_existing_keys(tx: Transaction, artifacts: Sequence[Row]) -> set[str]:
    """Return those keys of some artifacts that other stored artifacts have."""
    keys: set[str] = set()
    for some in chunks(artifacts):
        of_others = all_of(
            [
                one_of("artifact.key", [row["key"] for row in some]),
                none_of("artifact.id", [row["id"] for row in some]),
            ]
        )
        text = f"SELECT DISTINCT artifact.key FROM artifact WHERE {of_others.text}"
        keys.update(key for (key,) in await tx.fetch(Sql(text, of_others.values)))
    return keys


async def find_capabilities(tx: Transaction) -> set[str]:
    """Return the capabilities of all block schemas."""
    rows = await store.block_schemas.find(tx, Sql("block_schema.capabilities IS NOT NULL"), columns=["capabilities"])
    return {capability for row in rows for capability in row["capabilities"]}


async def find_related_automations(tx: Transaction, resource_id: str) -> list[Row]:
    """Return the automations that a resource owns or that act on it, by name."""
    where = any_of(
        [
            one_of("automation.owner_resource", [resource_id]),
            tx.dialect.array_has_any("automation.related", [resource_id]),
        ]
    )
    return await store.automations.find(tx, where, store.automations.order("name", "id"))


async def find_runs_mentioning(tx: Transaction, runs: Collection, state_id: UUID) -> list[Row]:
    """Return the runs in whose states an id occurs. This reads all runs: states have no rows of their own."""
    return await runs.find(tx, tx.dialect.contains(f"CAST({runs.table.name}.states AS TEXT)", str(state_id)))
