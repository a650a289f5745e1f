"""Assets: the latest materialization of each, and its sources. Both are derived from the events of assets.

They are noted as the events are stored, so that reading them scans no events, and stay when old events are deleted.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from typing_extensions import TypedDict

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.services.core.errors import NotFound
from prefect.server.store import Row
from prefect.server.store.queries import assets as queries

EVENT_PREFIX = "prefect.asset."
SUCCEEDED = f"{EVENT_PREFIX}materialization.succeeded"
FAILED = f"{EVENT_PREFIX}materialization.failed"
REFERENCED = f"{EVENT_PREFIX}referenced"

MAX_GRAPH_SIZE = 500
"""The most assets of a graph."""

_ID, _ROLE, _NAME = "prefect.resource.id", "prefect.resource.role", "prefect.resource.name"

Event = Mapping[str, Any]


class Materialization(TypedDict):
    """The last run that made an asset, or failed to."""

    outcome: Literal["succeeded", "failed"]
    occurred: datetime
    event_id: UUID
    flow_run_id: UUID | None
    task_run_id: UUID | None
    materialized_by: str | None
    metadata: dict[str, Any]


class AssetAnswer(TypedDict):
    """An asset."""

    key: str
    name: str | None
    description: str | None
    url: str | None
    owners: list[str]
    updated: datetime
    materialized: datetime | None
    last_materialization: Materialization | None


class AssetWithNeighbors(AssetAnswer):
    """An asset, the keys of those that it is made of, and of those that are made of it."""

    sources: list[str]
    targets: list[str]


class AssetEdge(TypedDict):
    """One asset is made of another."""

    source: str
    target: str


class AssetGraph(TypedDict):
    """Assets and what they are made of. `is_complete` is false where there are more than `MAX_GRAPH_SIZE`."""

    assets: list[AssetAnswer]
    edges: list[AssetEdge]
    is_complete: bool


# --- from events -----------------------------------------------------------------------------------------------------


async def record_events(tx: Transaction, events: Iterable[Event]) -> None:
    """Note what events say about assets. An event that is older than what is known changes nothing."""
    chosen = [event for event in events if event["event"] in (SUCCEEDED, FAILED, REFERENCED)]
    if not chosen:
        return
    keys = {event["resource"][_ID] for event in chosen}
    known = await store.assets.get_many(tx, list(keys), lock=True)
    sources: dict[str, Event] = {}
    for event in sorted(chosen, key=lambda event: (event["occurred"], event["id"])):
        key = event["resource"][_ID]
        row = known.setdefault(key, _build_asset(key, event["occurred"]))
        _apply(row, event)
        if event["event"] == SUCCEEDED and row["materialized"] == event["occurred"]:
            sources[key] = event
    for key in sorted(keys):
        await store.assets.put(tx, known[key])
    for key, event in sorted(sources.items()):
        await _replace_sources(tx, key, event)


def _build_asset(key: str, at: datetime) -> Row:
    return {**dict.fromkeys(store.assets.table.names), "key": key, "created": at, "updated": at}


def _apply(row: Row, event: Event) -> None:
    """Change the row of an asset by an event."""
    resource, occurred = event["resource"], event["occurred"]
    if row["updated"] <= occurred:
        row["updated"] = occurred
        labels = {
            "name": resource.get(_NAME),
            "description": resource.get("prefect.asset.description"),
            "url": resource.get("prefect.asset.url"),
            "owners": _parse_owners(resource.get("prefect.asset.owners")),
        }
        row.update({name: value for name, value in labels.items() if value is not None})
    if event["event"] == REFERENCED:
        return
    if event["event"] == SUCCEEDED and (row["materialized"] is None or row["materialized"] <= occurred):
        row["materialized"] = occurred
    if row["occurred"] is None or row["occurred"] <= occurred:
        row.update(
            occurred=occurred,
            outcome=event["event"].rpartition(".")[2],
            event_id=event["id"],
            flow_run_id=_find_run(event, "flow-run"),
            task_run_id=_find_run(event, "task-run"),
            materialized_by=next(_find_related(event, "asset-materialized-by"), None),
            metadata=event["payload"] or {},
        )


def _parse_owners(text: str | None) -> list[str] | None:
    try:
        owners = json.loads(text) if text else None
    except ValueError:
        return None
    return [str(owner) for owner in owners] if isinstance(owners, list) else None


def _find_related(event: Event, role: str) -> Iterator[Any]:
    return (related[_ID] for related in event["related"] if related.get(_ROLE) == role)


def _find_run(event: Event, role: str) -> UUID | None:
    for id_ in _find_related(event, role):
        try:
            return UUID(id_.rpartition(".")[2])
        except ValueError:
            continue
    return None


async def _replace_sources(tx: Transaction, key: str, event: Event) -> None:
    """Set what an asset is made of: the last materialization counts."""
    await store.asset_sources.remove(tx, {"asset_key": key})
    rows = [
        {"asset_key": key, "source_key": source, "seen": event["occurred"]}
        for source in sorted(set(_find_related(event, "asset")))
    ]
    await store.asset_sources.add(tx, rows)


# --- answers ---------------------------------------------------------------------------------------------------------


async def find(tx: Transaction, text: str, limit: int, offset: int) -> list[AssetAnswer]:
    """Return a page of the assets whose key or name contains a text, those that changed last first."""
    return [_present(row) for row in await queries.find_assets(tx, text, limit, offset)]


async def get(tx: Transaction, key: str) -> AssetWithNeighbors:
    """Return an asset by its key.

    Raises:
        NotFound: No event was about it.
    """
    row = await store.assets.get(tx, key)
    if row is None:
        raise NotFound("asset", key)
    edges = await queries.find_edges(tx, [key])
    return {
        **_present(row),
        "sources": sorted(source for source, target in edges if target == key),
        "targets": sorted(target for source, target in edges if source == key),
    }


async def build_graph(tx: Transaction, key: str | None) -> AssetGraph:
    """Return the graph of the assets that an asset is connected with; without a key, of those that changed last.

    Raises:
        NotFound: No event was about the asset.
    """
    if key is None:
        found = await queries.find_assets(tx, "", MAX_GRAPH_SIZE + 1, 0)
        keys = {row["key"] for row in found[:MAX_GRAPH_SIZE]}
        is_complete = len(found) <= MAX_GRAPH_SIZE
        edges = {edge for edge in await queries.find_edges(tx, list(keys)) if set(edge) <= keys}
    else:
        await get(tx, key)
        keys, edges, is_complete = await _walk(tx, key)
    rows = await store.assets.get_many(tx, list(keys))
    return {
        "assets": [_present(rows[each]) for each in sorted(rows)],
        "edges": [{"source": source, "target": target} for source, target in sorted(edges)],
        "is_complete": is_complete,
    }


async def _walk(tx: Transaction, key: str) -> tuple[set[str], set[tuple[str, str]], bool]:
    """Return the assets connected with one, with a query for each step away from it."""
    keys, waiting = {key}, {key}
    edges: set[tuple[str, str]] = set()
    while waiting:
        found = set(await queries.find_edges(tx, list(waiting)))
        waiting = {each for edge in found for each in edge}.difference(keys)
        if len(keys) + len(waiting) > MAX_GRAPH_SIZE:
            return keys, {edge for edge in edges if set(edge) <= keys}, False
        keys |= waiting
        edges |= found
    return keys, edges, True


def _present(row: Row) -> AssetAnswer:
    last: Materialization | None = None
    if row["occurred"] is not None:
        names: Sequence[str] = [*Materialization.__annotations__]
        last = {name: row[name] for name in names}  # pyright: ignore[reportAssignmentType]  # the same names
    return {
        "key": row["key"],
        "name": row["name"],
        "description": row["description"],
        "url": row["url"],
        "owners": row["owners"] or [],
        "updated": row["updated"],
        "materialized": row["materialized"],
        "last_materialization": last,
    }
