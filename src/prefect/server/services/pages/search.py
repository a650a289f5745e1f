"""Search of the web page's palette: objects by a part of their name, or by their id."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.services.pages.core import run_rows
from prefect.server.services.pages.core.catalog_shapes import Found, SearchResult
from prefect.server.store import Collection
from prefect.server.store.queries import catalog_pages as queries

KINDS: tuple[tuple[str, Collection], ...] = (
    ("flow", store.flows),
    ("deployment", store.deployments),
    ("work-pool", store.work_pools),
    ("flow-run", store.flow_runs),
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
    for kind, collection in (*KINDS, *((("task-run", store.task_runs),) if id_ else ())):
        where: Any = {"id": id_} if id_ else queries.search_condition(tx, collection, text)
        columns = [name for name in ("id", "name", "flow_id", "state_type") if name in collection.table.kinds]
        order = collection.order("-id") if collection is store.flow_runs else queries.page_order(collection)
        rows = await collection.find(tx, where, order, RESULTS_OF_A_KIND, columns=columns)
        flows = await run_rows.find_names(tx, store.flows, [row.get("flow_id") for row in rows])
        for row in rows:
            flow = flows.get(row.get("flow_id"))
            found.append(
                {
                    "kind": kind,
                    "id": row["id"],
                    "name": row["name"],
                    "detail": flow["name"] if flow else None,
                    "state_type": row.get("state_type"),
                }
            )
    return {"found": found}
