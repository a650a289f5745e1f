"""Changes of runs in the form that open pages show: computed once for all of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from typing_extensions import TypedDict

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.services.core.errors import InvalidRequest
from prefect.server.services.events.run_events import StateKey
from prefect.server.services.pages.core.shapes import RunRow
from prefect.server.services.pages.run_list import run_query, runs
from prefect.server.store import Collection as StoredRuns
from prefect.server.store.queries import run_search
from prefect.server.store.queries.run_search import Term
from prefect.types import now

MAX_RUNS = 100
"""Runs of one message; when more have changed at once, pages load everything again."""

_UNSHOWN = ("result", "context", "labels", "empirical_policy", "job_variables")

Step = tuple[datetime | None, str, str, int]
"""When a run started, the type and the name of a state, and by how much the count of such runs changes."""


class RunChanges(TypedDict):
    """Runs that have changed, for one page.

    Attributes:
        rows: Those that the page may show, as rows of a list.
        gone: Those that were deleted, or do not satisfy the query of the page.
        steps: How counts by state change, of runs that satisfy what the query says of other things than states.
        total: By how much the number of runs that satisfy the query changes.
    """

    rows: list[RunRow]
    gone: list[UUID]
    steps: list[Step]
    total: int


class ChangedRuns(TypedDict):
    """Runs that have changed, for pages of several queries.

    Attributes:
        rows: They as rows of a list.
        gone: Those that were deleted.
        matches: Those that satisfy each query.
        steps: How counts by state change for each query.
        totals: By how much the number of runs of each query changes.
    """

    rows: list[RunRow]
    gone: list[UUID]
    matches: dict[str, set[UUID]]
    steps: dict[str, list[Step]]
    totals: dict[str, int]


async def find_changed_runs(
    tx: Transaction,
    collection: StoredRuns,
    ids: Collection[UUID],
    queries: Iterable[str],
    before: Mapping[UUID, StateKey | None],
    maybe_gone: Collection[UUID] = (),
) -> ChangedRuns:
    """Return runs that have changed.

    Args:
        tx: The transaction.
        collection: Flow runs or task runs.
        ids: The runs.
        queries: The queries of open pages.
        before: The states that the runs have left.
        maybe_gone: Others, which matter only if they were deleted.
    """
    columns = [name for name in collection.table.names if name not in _UNSHOWN]
    found = await collection.get_many(tx, sorted(ids), columns=columns)
    changed: ChangedRuns = {
        "rows": await runs.present(tx, collection, list(found.values())),
        "gone": sorted({*ids, *maybe_gone}.difference(found, await _find_existing(tx, collection, maybe_gone))),
        "matches": {},
        "steps": {},
        "totals": {},
    }
    at = now()
    wanted = set(queries)
    for query in {"", *wanted}:
        try:
            terms = run_query.parse_query(query, "flow_run" if collection is store.flow_runs else "task_run", at)
            where = runs.compile_where(tx, collection, terms, at)
        except InvalidRequest:
            continue  # the page shows what is wrong with it
        if query in wanted:
            changed["matches"][query] = await _find_matching(tx, collection, where, list(found))
        others = tuple(term for term in terms if term.field != "state")
        countable = set(found)
        if others:
            countable = await _find_matching(
                tx, collection, run_search.compile_terms(tx, collection, others), list(found)
            )
        rows = [row for id_, row in found.items() if id_ in countable and id_ in before]
        changed["steps"][query], changed["totals"][query] = _count_steps(rows, before, terms, at)
    return changed


async def _find_matching(tx: Transaction, collection: StoredRuns, where: Any, ids: Sequence[UUID]) -> set[UUID]:
    if not ids:
        return set()
    rows = await collection.find(tx, collection.where(where, {"id": list(ids)}), columns=["id"])
    return {row["id"] for row in rows}


async def _find_existing(tx: Transaction, collection: StoredRuns, ids: Collection[UUID]) -> set[UUID]:
    return set(await collection.get_many(tx, sorted(ids), columns=["id"])) if ids else set()


def _count_steps(
    rows: Iterable[Any], before: Mapping[UUID, StateKey | None], terms: tuple[Term, ...], at: datetime
) -> tuple[list[Step], int]:
    """Return how counts change, and by how much the total does.

    Runs that are due later count only for a query about states, as on the page.
    """
    counts_upcoming = any(term.field == "state" for term in terms)
    steps: list[Step] = []
    total = 0
    for row in rows:
        due = row["next_scheduled_start_time"] or row["expected_start_time"]
        is_upcoming = due is not None and due > at
        type_ = row["state_type"]
        after: StateKey | None = (type_, row["state_name"] or type_.title()) if type_ else None
        for state, by in ((before[row["id"]], -1), (after, 1)):
            if state is None or (state[0] == "SCHEDULED" and is_upcoming and not counts_upcoming):
                continue
            steps.append((row["start_time"] or due, *state, by))
            if runs.is_chosen(state, terms):
                total += by
    return steps, total


def select_for_page(changed: ChangedRuns, run: UUID | None, query: str | None, with_rows: bool = True) -> RunChanges:
    """Return what one page needs of changes: those of its flow run, or those of all with the ones of its query."""
    if run is not None:
        rows = [row for row in changed["rows"] if row["id"] == run]
        return {"rows": rows, "gone": [id_ for id_ in changed["gone"] if id_ == run], "steps": [], "total": 0}
    steps, total = changed["steps"].get(query or "", []), changed["totals"].get(query or "", 0)
    if not with_rows:
        return {"rows": [], "gone": [], "steps": steps, "total": total}
    if query is None:
        return {"rows": changed["rows"], "gone": changed["gone"], "steps": steps, "total": total}
    matches = changed["matches"].get(query, set[UUID]())
    rows = [row for row in changed["rows"] if row["id"] in matches]
    others = [row["id"] for row in changed["rows"] if row["id"] not in matches]
    return {"rows": rows, "gone": [*changed["gone"], *others], "steps": steps, "total": total}
