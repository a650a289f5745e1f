"""The answers to the web page about flows, deployments and work pools, the overview and the palette, as types."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from typing_extensions import TypedDict

from prefect.schemas.worker_channel import WorkerFacts
from prefect.server.services.pages.core.shapes import Named, Pause, RunRow, StateCount


class ShortRun(TypedDict):
    """A flow run as a bar: its state and how long it took."""

    id: UUID
    name: str
    state_type: str | None
    state_name: str | None
    start_time: datetime | None
    expected_start_time: datetime | None
    seconds: float


class FlowRow(TypedDict):
    """A flow in a list, with its latest runs, newest first."""

    id: UUID
    name: str
    created: datetime
    tags: list[str]
    deployments: int
    runs: list[ShortRun]
    next: ShortRun | None


class FlowsPage(TypedDict):
    """The page of flows."""

    rows: list[FlowRow]
    total: int
    page: int
    pages: int


class ScheduleEntry(TypedDict):
    """A schedule of a deployment."""

    id: UUID
    active: bool
    slug: str | None
    schedule: dict[str, Any]
    parameters: dict[str, Any]


class DeploymentRow(TypedDict):
    """A deployment in a list, with its latest runs, newest first."""

    id: UUID
    name: str
    flow: Named | None
    status: str | None
    paused: bool
    tags: list[str]
    work_pool: str | None
    work_queue: str | None
    schedules: list[ScheduleEntry]
    runs: list[ShortRun]
    next: ShortRun | None


class DeploymentsPage(TypedDict):
    """The page of deployments."""

    rows: list[DeploymentRow]
    total: int
    page: int
    pages: int


class GridCell(TypedDict):
    """The runs of one task in one flow run: their worst state, how many they are, seconds of the longest."""

    run: int
    state_type: str
    count: int
    seconds: float


class GridRow(TypedDict):
    """One task over the latest runs."""

    task: str
    cells: list[GridCell]


class FlowPage(TypedDict):
    """The page of a flow."""

    flow: FlowRow
    deployments: list[DeploymentRow]
    grid: list[GridRow]


class DeploymentPage(TypedDict):
    """The page of a deployment."""

    row: DeploymentRow
    created: datetime
    updated: datetime
    description: str | None
    version: str | None
    labels: dict[str, Any]
    storage: UUID | None
    """The block of the storage that has the code."""
    entrypoint: str | None
    path: str | None
    concurrency_limit: int | None
    collision_strategy: str | None
    parameters: dict[str, Any]
    form: dict[str, Any]
    enforces_form: bool
    job_variables: dict[str, Any]
    pull_steps: list[Any]
    last_polled: datetime | None
    upcoming: list[ShortRun]
    grid: list[GridRow]


class QueueRow(TypedDict):
    """A work queue."""

    id: UUID
    name: str
    description: str | None
    priority: int
    concurrency_limit: int | None
    status: str | None
    is_paused: bool
    last_polled: datetime | None
    slots: int
    waiting: int
    """Due runs that have not started, late ones too."""
    late: int


class WorkerRow(TypedDict):
    """A worker.

    Attributes:
        runs: How many runs it has.
        some_runs: Those that it has had longest.
        facts: What it reports of itself.
    """

    id: UUID
    name: str
    status: str | None
    last_heartbeat_time: datetime | None
    runs: int
    some_runs: list[Named]
    facts: WorkerFacts


class WorkerPage(TypedDict):
    """The page of a worker, apart from its log, and the type of its pool."""

    worker: WorkerRow
    pool_type: str


class PoolRow(TypedDict):
    """A work pool in a list."""

    id: UUID
    name: str
    type: str
    description: str | None
    status: str | None
    is_paused: bool
    concurrency_limit: int | None
    slots: int
    waiting: int
    """Due runs that have not started, late ones too."""
    late: int
    queues: int
    queues_not_polled: int
    queues_paused: int
    workers_online: int
    workers: int
    last_heartbeat: datetime | None


class PoolsPage(TypedDict):
    """The page of work pools."""

    rows: list[PoolRow]


class PoolWaits(TypedDict):
    """The waiting runs of a work pool over the last day, and how late those that began were.

    Attributes:
        since: The beginning.
        width: Seconds of an interval.
        depth: Runs that were due and had not begun, at the end of each interval.
        seconds: How late the runs that began in each interval were, on average; None where none began.
    """

    since: datetime
    width: float
    depth: list[int]
    seconds: list[float | None]


class PoolPage(TypedDict):
    """The page of a work pool."""

    pool: PoolRow
    queues: list[QueueRow]
    waits: PoolWaits
    workers: list[WorkerRow]
    deployments: list[DeploymentRow]
    base_job_template: dict[str, Any]


class PausedRun(TypedDict):
    """A run that waits for a person, and for what."""

    run: RunRow
    pause: Pause


class PoolOutcomes(TypedDict):
    """The outcomes of the flow runs of a work pool in the time of the overview's chart.

    Attributes:
        pool: The id of the pool.
        runs: How many runs began, or should have.
        completed: The share of those that ended that completed; None if none has ended.
        completed_before: This share in the time before, which is as long.
        late_seconds: How late they began, on average; None without a run.
        columns: Runs by the number of the column, of twelve, type of state and count.
    """

    pool: UUID
    runs: int
    completed: float | None
    completed_before: float | None
    late_seconds: float | None
    columns: list[tuple[int, str, int]]


class FailedAction(TypedDict):
    """An automation whose actions failed: the latest of them, its reason, and how many there are."""

    automation: Named
    type: str
    reason: str | None
    at: datetime
    count: int


class FlowGroup(TypedDict):
    """The flow runs of a flow in some states: how many they are, and when the latest began."""

    flow: Named
    count: int
    latest: datetime


class FlowGroups(TypedDict):
    """Flow runs in some states by their flow, those with the most runs first."""

    rows: list[FlowGroup]


class OverviewPage(TypedDict):
    """The overview: what needs attention, and what happens.

    Attributes:
        failed: Flow runs that failed or crashed since the time that the page was last looked at.
        failed_total: How many there are.
        paused: Runs that wait for a person.
        late: Runs that should have begun.
        stuck: Runs that have been pending for long.
        offline: Workers that have gone silent, with the names of their pools.
        failing: Deployments whose last run failed.
        failed_actions: Automations whose actions failed since the page was last looked at.
        states: Runs by state since the beginning of the chart.
        since: The beginning of the chart.
        width: Seconds of a column of the chart.
        columns: Runs by the number of the column, type of state and count.
        latest: The latest runs of the chart's time, newest first.
        running: Runs that are under way.
        upcoming: What comes next.
        upcoming_total: How many runs are scheduled.
        pools: The work pools.
        outcomes: The outcomes of the runs of work pools that had some.
        flows: How many flows there are.
        deployments: How many deployments there are.
    """

    failed: list[RunRow]
    failed_total: int
    paused: list[PausedRun]
    late: list[RunRow]
    stuck: list[RunRow]
    offline: list[WorkerInPool]
    failing: list[DeploymentRow]
    failed_actions: list[FailedAction]
    states: list[StateCount]
    since: datetime
    width: float
    columns: list[tuple[int, str, int]]
    latest: list[ShortRun]
    running: list[RunRow]
    upcoming: list[RunRow]
    upcoming_total: int
    pools: list[PoolRow]
    outcomes: list[PoolOutcomes]
    flows: int
    deployments: int


class TaskRunCounts(TypedDict):
    """Task runs over the time of the overview's chart.

    Attributes:
        since: The beginning of the chart.
        width: Seconds of a column.
        columns: Task runs by the number of the column, type of state and count.
    """

    since: datetime
    width: float
    columns: list[tuple[int, str, int]]


class WorkerInPool(TypedDict):
    """A worker and its pool."""

    name: str
    pool: str
    last_heartbeat_time: datetime | None


class Found(TypedDict):
    """An object that the palette has found."""

    kind: str
    id: UUID
    name: str
    detail: str | None
    state_type: str | None


class SearchResult(TypedDict):
    """The objects that the palette has found."""

    found: list[Found]
