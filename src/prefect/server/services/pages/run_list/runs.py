"""The page of flow runs and task runs: a table, counts by state, a chart over time, and what comes next."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.services.core import paging, presenters, reading
from prefect.server.services.core.errors import InvalidRequest
from prefect.server.services.pages.core import run_rows
from prefect.server.services.pages.core.shapes import Chart, RunsPage, StateCount
from prefect.server.services.pages.run_list import run_query, saved_views
from prefect.server.store import Collection, Condition
from prefect.server.store.queries import run_pages as queries
from prefect.server.store.queries import run_search
from prefect.server.store.queries.run_search import Term
from prefect.types import now

MAX_PAGE_SIZE = 200

MAX_POINTS = 1000
"""More runs than this are counted in the cells of a grid, so that none is left out."""

CHART_COLUMNS = 96

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
    rows = await queries.find_runs(tx, runs, where, read_order(tx, runs, sort), size, (page - 1) * size)
    states, spans = await _count_states(tx, runs, terms, at)
    total = sum(count["count"] for count in states if is_chosen((count["type"], count["name"]), terms))
    upcoming, upcoming_total = await _find_upcoming(tx, terms, at) if runs is store.flow_runs else ([], 0)
    return {
        "rows": await present(tx, runs, rows),
        "total": total,
        "page": page,
        "pages": max(-(-total // size), 1),
        "states": states,
        "chart": await _build_chart(tx, runs, where, total, spans, terms, at) if chart and total else None,
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


async def _count_states(
    tx: Transaction, runs: Collection, terms: tuple[Term, ...], at: datetime
) -> tuple[list[StateCount], list[tuple[datetime, datetime]]]:
    """Return the counts by state as if no term were about states, and the times of those that the terms choose."""
    others = tuple(term for term in terms if term.field != "state")
    condition = run_search.compile_terms(tx, runs, others)
    if len(others) == len(terms):
        condition = runs.where(condition, queries.not_upcoming(runs, at))
    counts: list[StateCount] = []
    spans: list[tuple[datetime, datetime]] = []
    for type_, name, number, first, last in await queries.count_states(tx, runs, condition):
        count: StateCount = {"type": type_, "name": name or type_.title(), "count": number}
        counts.append(count)
        if first is not None and is_chosen((count["type"], count["name"]), terms):
            spans.append((first, last))
    return counts, spans


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


async def _build_chart(
    tx: Transaction,
    runs: Collection,
    where: Condition,
    total: int,
    spans: list[tuple[datetime, datetime]],
    terms: tuple[Term, ...],
    at: datetime,
) -> Chart | None:
    if not spans:
        return None
    sinces = [value for term in terms if term.field == "since" and not term.negated for value in term.values]
    start = max([*sinces, min(first for first, _ in spans)])
    end = max(min(at, max(last for _, last in spans)), start + timedelta(seconds=1))
    rows: list[float] = list(queries.DURATION_STEPS)
    chart: Chart = {"since": start, "until": end, "points": [], "cells": None, "columns": CHART_COLUMNS, "rows": rows}
    if total > MAX_POINTS:
        width = max((end - start) / CHART_COLUMNS, timedelta(microseconds=1))
        cells = await queries.count_cells(tx, runs, where, start, width)
        last = CHART_COLUMNS - 1
        chart["cells"] = [(min(column, last), row, type_, count) for column, row, type_, count in cells]
        return chart
    for row in await queries.find_chart_rows(tx, runs, where, MAX_POINTS):
        started = row["start_time"] or row["expected_start_time"]
        if started is not None:
            milliseconds = round((started - start) / timedelta(milliseconds=1), 1)
            seconds = presenters.estimate_run_time(row, at).total_seconds()
            chart["points"].append((milliseconds, seconds, row["state_type"], row["id"], row["name"]))
    return chart
