"""Search of the web page's palette: objects by a part of their name, or by their id."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.services.pages.core import run_rows
from prefect.server.services.pages.core.catalog_shapes import Found, SearchResult
from prefect.server.store import Collection, Condition, Row
from prefect.server.store.queries import catalog as artifact_queries
from prefect.server.store.queries import catalog_pages as queries


@dataclass(frozen=True)
class Kind:
    """A kind of objects that are found.

    Attributes:
        name: What the page calls it.
        collection: The collection.
        owner: The column with the id of what an object belongs to, whose name is shown beside it.
        owners: The collection of what it belongs to.
        newest_first: Whether the newest are shown rather than the first by name.
        named: Whether it is found by its name too, and not only by its id.
    """

    name: str
    collection: Collection
    owner: str = ""
    owners: Collection = store.flows
    newest_first: bool = False
    named: bool = True


KINDS = (
    Kind("flow", store.flows),
    Kind("deployment", store.deployments, "flow_id"),
    Kind("work-pool", store.work_pools),
    Kind("work-queue", store.work_queues, "work_pool_id", store.work_pools),
    Kind("automation", store.automations),
    Kind("block", store.block_documents, "block_type_id", store.block_types),
    Kind("variable", store.variables),
    Kind("concurrency-limit", store.concurrency_limits),
    Kind("flow-run", store.flow_runs, "flow_id", newest_first=True),
    Kind("task-run", store.task_runs, named=False),
)

RESULTS_OF_A_KIND = 6


async def search(tx: Transaction, text: str) -> SearchResult:
    """Return objects whose name holds a text, or the one whose id it is."""
    text = text.strip()
    if not text:
        return {"found": []}
    try:
        id_ = UUID(text)
    except ValueError:
        id_ = None
    found: list[Found] = []
    for kind in KINDS:
        if id_ or kind.named:
            found += await _find(tx, kind, text, id_)
    return {"found": [*found, *await _find_artifacts(tx, text, id_)]}


async def _find(tx: Transaction, kind: Kind, text: str, id_: UUID | None) -> list[Found]:
    collection = kind.collection
    where: Any = {"id": id_} if id_ else queries.search_condition(tx, collection, text)
    parts = [where, {"is_anonymous": False}] if "is_anonymous" in collection.table.kinds else [where]
    order = collection.order("-id") if kind.newest_first else queries.page_order(collection)
    columns = [name for name in ("id", "name", "state_type", kind.owner) if name in collection.table.kinds]
    rows = await collection.find(tx, collection.where(*parts), order, RESULTS_OF_A_KIND, columns=columns)
    owners = await run_rows.find_names(tx, kind.owners, [row.get(kind.owner) for row in rows])
    return [_present(kind.name, row, (owners.get(row.get(kind.owner)) or {}).get("name")) for row in rows]


async def _find_artifacts(tx: Transaction, text: str, id_: UUID | None) -> Sequence[Found]:
    """Return the latest artifacts of keys that hold a text, or the artifact of an id."""
    latest: Condition = artifact_queries.latest_artifacts(tx.dialect.contains("artifact.key", text))
    where = {"id": id_} if id_ else latest
    order = store.artifacts.order("-created", "-id")
    rows = await store.artifacts.find(tx, where, order, RESULTS_OF_A_KIND, columns=("id", "key", "type"))
    return [_present("artifact", {**row, "name": row["key"] or row["type"] or ""}, row["type"]) for row in rows]


def _present(kind: str, row: Row, detail: str | None) -> Found:
    return {
        "kind": kind,
        "id": row["id"],
        "name": row["name"],
        "detail": detail,
        "state_type": row.get("state_type"),
    }
