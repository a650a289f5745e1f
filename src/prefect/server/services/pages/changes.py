"""What changed of flow runs, as open pages of the web page show it: computed once for all of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TypedDict
from uuid import UUID

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.services.core.errors import InvalidRequest
from prefect.server.services.pages import run_query, run_rows, runs
from prefect.server.services.pages.shapes import RunRow
from prefect.types import now

MAX_RUNS = 100
"""Runs of one message; when more have changed at once, pages load everything again."""

_UNSHOWN = ("result", "context", "labels", "empirical_policy", "job_variables")


class RunChanges(TypedDict):
    """Flow runs that have changed, for one page.

    Attributes:
        rows: Those that the page may show, as rows of a list.
        gone: Those that were deleted, or do not satisfy the query of the page.
    """

    rows: list[RunRow]
    gone: list[UUID]


class ChangedRuns(TypedDict):
    """Flow runs that have changed, for pages of several queries.

    Attributes:
        rows: They as rows of a list.
        gone: Those that were deleted.
        matches: Those that satisfy each query.
    """

    rows: list[RunRow]
    gone: list[UUID]
    matches: dict[str, set[UUID]]


async def find_changed_runs(
    tx: Transaction, ids: Collection[UUID], queries: Iterable[str], maybe_gone: Collection[UUID] = ()
) -> ChangedRuns:
    """Return flow runs that have changed.

    Args:
        tx: The transaction.
        ids: The flow runs.
        queries: The queries of open pages.
        maybe_gone: Others, which matter only if they were deleted.
    """
    columns = [name for name in store.flow_runs.table.names if name not in _UNSHOWN]
    found = await store.flow_runs.get_many(tx, sorted(ids), columns=columns)
    matches: dict[str, set[UUID]] = {}
    at = now()
    for query in queries:
        try:
            where = runs.compile_where(tx, store.flow_runs, run_query.parse_query(query, "flow_run", at), at)
        except InvalidRequest:
            continue  # the page shows what is wrong with it
        chosen = store.flow_runs.where(where, {"id": list(found)})
        rows = await store.flow_runs.find(tx, chosen, columns=["id"]) if found else []
        matches[query] = {row["id"] for row in rows}
    return {
        "rows": await run_rows.present_flow_runs(tx, list(found.values())),
        "gone": sorted({*ids, *maybe_gone}.difference(found, await _find_existing(tx, maybe_gone))),
        "matches": matches,
    }


async def _find_existing(tx: Transaction, ids: Collection[UUID]) -> set[UUID]:
    return set(await store.flow_runs.get_many(tx, sorted(ids), columns=["id"])) if ids else set()


def select_for_page(changed: ChangedRuns, run: UUID | None, query: str | None) -> RunChanges:
    """Return what one page needs of changes: those of its flow run, or those of all with the ones of its query."""
    if run is not None:
        rows = [row for row in changed["rows"] if row["id"] == run]
        return {"rows": rows, "gone": [id_ for id_ in changed["gone"] if id_ == run]}
    if query is None:
        return {"rows": changed["rows"], "gone": changed["gone"]}
    matches = changed["matches"].get(query, set[UUID]())
    rows = [row for row in changed["rows"] if row["id"] in matches]
    others = [row["id"] for row in changed["rows"] if row["id"] not in matches]
    return {"rows": rows, "gone": [*changed["gone"], *others]}
