"""The page of flow runs and task runs: a table, counts by state, a chart over time, and the next scheduled runs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.services.core import paging, presenters, reading
from prefect.server.services.core.errors import InvalidRequest
from prefect.server.services.pages.core import run_rows
from prefect.server.services.pages.core.shapes import Chart, RunsPage, StateCount
from prefect.server.services.pages.run_list import run_chart, run_query, saved_views
from prefect.server.store import Collection, Condition
from prefect.server.store.queries import run_pages as queries
from prefect.server.store.queries import run_search
from prefect.server.store.queries.run_pages import RunCount
from prefect.server.store.queries.run_search import Term
from prefect.types import now

MAX_PAGE_SIZE = 200

UPCOMING_SIZE = 8


async def build_page(tx: Transaction, kind: str, query: str, sort: str, page: int, size: int, chart: bool) -> RunsPage:
    """Return the page of runs.

    Args:
        tx: The transaction.
        kind: `flow_run` or `task_run`.
        query: Which runs, in the query language.
        sort: Their order: `start`, `end`, `duration`, `lateness` or `name`, with a `-` before it to descend.
        page: The number of the page of the table, from 1.
        size: The most rows of the table.
        chart: Whether the chart is wanted.

    Raises:
        InvalidRequest: The query or the sort is not valid.
    """
    at = now()
    runs = store.flow_runs if kind == "flow_run" else store.task_runs
    terms = run_query.parse_query(query, kind, at)
    where = compile_where(tx, runs, terms, at)
    order = read_order(tx, runs, sort)
    grid = await run_chart.place_grid(tx, runs, terms, at)
    counts = await _count_runs(tx, runs, terms, at, grid)
    chosen = [each for each in counts if is_chosen((each.type, each.name), terms)]
    total = sum(each.number for each in chosen)
    chart_shown: Chart | None = None
    if chart and total > run_chart.MAX_POINTS:
        chart_shown = await run_chart.count_cells(tx, runs, where, grid, chosen)
    elif chart and total:
        few = await run_chart.find_few(tx, runs, where, grid, chosen)
        chart_shown = run_chart.place_points(few, at)
        where = runs.where({"id": [row["id"] for row in few]})  # all runs are read for them once
    rows = await queries.find_runs(tx, runs, where, order, size, (page - 1) * size) if total else []
    upcoming, upcoming_total = await _find_upcoming(tx, terms, at) if runs is store.flow_runs else ([], 0)
    return {
        "rows": await present(tx, runs, rows),
        "total": total,
        "page": page,
        "pages": max(-(-total // size), 1),
        "states": _sum_states(counts),
        "chart": chart_shown,
        "upcoming": await run_rows.present_flow_runs(tx, upcoming, count_tasks=False),
        "upcoming_total": upcoming_total,
        "views": await saved_views.find_views(tx, kind),
    }


async def find_runs(
    tx: Transaction, kind: str, query: str, sort: str, limit: int | None, offset: int
) -> list[presenters.Answer]:
    """Return a page of the runs of a query, as the API shows runs.

    Args:
        tx: The transaction.
        kind: `flow_run` or `task_run`.
        query: Which runs, in the query language.
        sort: Their order, as for `build_page`.
        limit: How many at most; the default of the API if None.
        offset: How many to skip first.

    Raises:
        InvalidRequest: The query, the sort or the limit is not valid.
    """
    at = now()
    runs = store.flow_runs if kind == "flow_run" else store.task_runs
    where = compile_where(tx, runs, run_query.parse_query(query, kind, at), at)
    size = paging.resolve_page_size(limit)
    rows = await queries.find_runs(tx, runs, where, read_order(tx, runs, sort), size, offset)
    if runs is store.flow_runs:
        return await reading.present_flow_runs(tx, rows)
    return [presenters.present_task_run(row) for row in rows]


async def present(tx: Transaction, runs: Collection, rows: list[Any]) -> list[Any]:
    """Return runs as rows of a list."""
    if runs is store.flow_runs:
        return await run_rows.present_flow_runs(tx, rows)
    return await run_rows.present_task_runs(tx, rows)


def read_order(tx: Transaction, runs: Collection, sort: str) -> Any:
    """Return the order that a sort names, or raise `InvalidRequest`."""
    try:
        return queries.run_order(tx, runs, sort)
    except ValueError as error:
        raise InvalidRequest(str(error)) from None


def compile_where(tx: Transaction, runs: Collection, terms: tuple[Term, ...], at: datetime) -> Condition:
    """Return the condition of terms; without a term about states, runs that are due later are left out."""
    condition = run_search.compile_terms(tx, runs, terms)
    if any(term.field == "state" for term in terms):
        return condition
    return runs.where(condition, queries.not_upcoming(runs, at))


async def _count_runs(
    tx: Transaction, runs: Collection, terms: tuple[Term, ...], at: datetime, grid: run_chart.Grid
) -> list[RunCount]:
    """Return the counts of runs as if no term were about states."""
    others = tuple(term for term in terms if term.field != "state")
    condition = run_search.compile_terms(tx, runs, others)
    if len(others) == len(terms):
        condition = runs.where(condition, queries.not_upcoming(runs, at))
    return await queries.count_runs(tx, runs, condition, grid.start, grid.width)


def _sum_states(counts: Sequence[RunCount]) -> list[StateCount]:
    """Return counts by state, the largest first."""
    totals: dict[tuple[str, str], int] = {}
    for count in counts:
        if count.type:
            state = (count.type, count.name)
            totals[state] = totals.get(state, 0) + count.number
    ordered = sorted(totals.items(), key=lambda item: -item[1])
    return [{"type": type_, "name": name, "count": number} for (type_, name), number in ordered]


def is_chosen(state: tuple[str, str], terms: tuple[Term, ...]) -> bool:
    """Return whether the terms about states let runs of a state, by its type and name, through."""
    names = {each.lower() for each in state}
    return all(
        any(value.lower() in names for value in term.values) is not term.negated
        for term in terms
        if term.field == "state"
    )


async def _find_upcoming(tx: Transaction, terms: tuple[Term, ...], at: datetime) -> tuple[list[Any], int]:
    others = tuple(term for term in terms if term.field not in ("state", "since", "until", "duration", "error"))
    return await queries.find_upcoming(tx, run_search.compile_terms(tx, store.flow_runs, others), at, UPCOMING_SIZE)
