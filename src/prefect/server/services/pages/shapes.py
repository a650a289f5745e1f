"""The answers to the web page, as types, from which those of its TypeScript are made (`tools.page_api`)."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from typing_extensions import TypedDict


class Named(TypedDict):
    """An object by its id and name."""

    id: UUID
    name: str


class StateCount(TypedDict):
    """How many runs are in a state."""

    type: str
    name: str
    count: int


class RunRow(TypedDict):
    """A flow run or a task run in a list."""

    id: UUID
    name: str
    state_type: str | None
    state_name: str | None
    message: str | None
    flow: Named | None
    flow_run: Named | None
    deployment: Named | None
    work_pool: str | None
    work_queue: str | None
    start_time: datetime | None
    expected_start_time: datetime | None
    end_time: datetime | None
    run_seconds: float
    running_since: datetime | None
    run_count: int
    tags: list[str]
    parameters: dict[str, Any]
    tasks_done: int | None
    tasks_total: int | None
    is_subflow: bool


class Chart(TypedDict):
    """Runs over time: each as a point, or, where they are too many, counted in cells.

    Attributes:
        since: Where the time begins.
        until: Where it ends.
        points: Runs as milliseconds from `since`, seconds of duration, type of state, id and name.
        cells: Counts as the number of the column, the number of the row, type of state and count; None with points.
        columns: How many columns there are.
        rows: The seconds below which a duration is in a row, by row.
    """

    since: datetime
    until: datetime
    points: list[tuple[float, float, str, UUID, str]]
    cells: list[tuple[int, int, str, int]] | None
    columns: int
    rows: list[float]


class RunsPage(TypedDict):
    """The page of runs."""

    rows: list[RunRow]
    total: int
    page: int
    pages: int
    states: list[StateCount]
    chart: Chart | None
    upcoming: list[RunRow]
    upcoming_total: int
