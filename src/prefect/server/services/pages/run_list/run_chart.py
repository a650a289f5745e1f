"""The chart of the page of runs: each run as a point, or, where they are too many, counted in the cells of a grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from prefect.server.db.interface import Transaction
from prefect.server.services.core import presenters
from prefect.server.services.pages.core.shapes import Chart
from prefect.server.store import Collection, Condition, Row
from prefect.server.store.queries import run_pages as queries
from prefect.server.store.queries.run_pages import RunCount
from prefect.server.store.queries.run_search import Term

MAX_POINTS = 1000
"""More runs than this are counted in the cells of a grid, so that none is left out."""

COLUMNS = 96

MIN_WIDTH = timedelta(milliseconds=10)
"""Of a column: all of them are a second then."""


@dataclass(frozen=True)
class Grid:
    """The columns in which runs are counted.

    Attributes:
        start: Where the first one begins.
        width: The width of each.
    """

    start: datetime
    width: timedelta

    @classmethod
    def between(cls, start: datetime, end: datetime) -> Grid:
        """Return the grid between two times."""
        return cls(start, max((end - start) / COLUMNS, MIN_WIDTH))


async def place_grid(tx: Transaction, runs: Collection, terms: tuple[Term, ...], at: datetime) -> Grid:
    """Return the grid from when the first of all runs started, or the terms of a query say, until now."""
    first = await queries.find_first_start(tx, runs) or at
    since, until = (
        [value for term in terms if term.field == field and not term.negated for value in term.values]
        for field in ("since", "until")
    )
    start = max([first, *since])
    return Grid.between(start, max(min([at, *until]), start))


async def count_cells(
    tx: Transaction, runs: Collection, where: Condition, grid: Grid, counts: Sequence[RunCount]
) -> Chart:
    """Return the chart of runs that are counted, anew in narrower columns if they are in few.

    Args:
        tx: The transaction.
        runs: Flow runs or task runs.
        where: The condition of the runs.
        grid: The columns in which they were counted.
        counts: Their counts.
    """
    first, last = _find_ends(counts)
    while last - first < COLUMNS // 2 and grid.width > MIN_WIDTH:
        grid = Grid.between(grid.start + grid.width * first, grid.start + grid.width * (last + 1))
        since = runs.where(where, queries.started_since(runs, grid.start))
        counts = await queries.count_runs(tx, runs, since, grid.start, grid.width)
        first, last = _find_ends(counts)
    cells: dict[tuple[int, int, str], int] = {}
    for each in counts:
        if each.column is not None and each.type:
            cell = (min(each.column, last) - first, each.row, each.type)
            cells[cell] = cells.get(cell, 0) + each.number
    since = grid.start + grid.width * first
    chart = _empty(since, grid.start + grid.width * (last + 1))
    return {**chart, "cells": [(*cell, number) for cell, number in cells.items()], "columns": last - first + 1}


async def find_few(
    tx: Transaction, runs: Collection, where: Condition, grid: Grid, counts: Sequence[RunCount]
) -> list[Row]:
    """Return the runs that are counted, as points of the chart; runs before the first of them are not read."""
    if all(each.column is not None for each in counts):
        first, _ = _find_ends(counts)
        where = runs.where(where, queries.started_since(runs, grid.start + grid.width * first))
    return await queries.find_chart_rows(tx, runs, where, MAX_POINTS)


def _find_ends(counts: Sequence[RunCount]) -> tuple[int, int]:
    """Return the first and the last column with runs; what is due later is in the last of all."""
    columns = [min(each.column, COLUMNS - 1) for each in counts if each.column is not None]
    return min(columns, default=0), max(columns, default=COLUMNS - 1)


def place_points(rows: Sequence[Row], at: datetime) -> Chart | None:
    """Return the chart of a few runs; None if none of them has a time."""
    started = [(row["start_time"] or row["expected_start_time"], row) for row in rows if row["state_type"]]
    times = [time for time, _ in started if time is not None]
    if not times:
        return None
    start = min(times)
    chart = _empty(start, max(min(at, max(times)), start + timedelta(seconds=1)))
    for time, row in started:
        if time is not None:
            milliseconds = round((time - start) / timedelta(milliseconds=1), 1)
            seconds = presenters.estimate_run_time(row, at).total_seconds()
            chart["points"].append((milliseconds, seconds, row["state_type"], row["id"], row["name"]))
    return chart


def _empty(since: datetime, until: datetime) -> Chart:
    rows = list(queries.DURATION_STEPS)
    return {"since": since, "until": until, "points": [], "cells": None, "columns": COLUMNS, "rows": rows}
