"""The answers to the web page, as types, from which those of its TypeScript are made (`tools.page_api`)."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from typing_extensions import TypedDict

from prefect.server.services.runs.states.retrying import RetryOutlook


class Named(TypedDict):
    """An object by its id and name."""

    id: UUID
    name: str


QueueHealth = Literal["ready", "paused", "not polled"]
"""The health of a work queue: polled by workers, paused (by itself or with its work pool), or not polled."""


class StateCount(TypedDict):
    """A state and the number of runs in it."""

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
    work_queue_health: QueueHealth | None
    """Of scheduled runs only."""
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


class StateEntry(TypedDict):
    """A state that a run has entered."""

    type: str
    name: str
    timestamp: datetime
    message: str | None


class RunResult(TypedDict):
    """The place of a run's result; the server has its value only where the user chose to store it there.

    Attributes:
        storage_key: Its key in the storage; None where there is no storage.
        storage_block: The block of the storage; None for the default one.
        serializer: How it is written.
        expiration: When it is no longer valid.
        is_inline: Whether the server has the value with the state.
    """

    storage_key: str | None
    storage_block: UUID | None
    serializer: str | None
    expiration: datetime | None
    is_inline: bool


class ResultPreview(TypedDict):
    """A look at the result of a run.

    Attributes:
        reason: Why there is none; None where there is one.
        type: The name of its type.
        size: How many bytes it takes as it is kept; None where that is not known.
        value: The value, or the beginning of it.
        is_cut: Whether it is only the beginning.
    """

    reason: str | None
    type: str | None
    size: int | None
    value: Any
    is_cut: bool


class Failure(TypedDict):
    """Why a run failed.

    Attributes:
        message: The message of its state.
        task: The task run that failed first; None where none did.
        task_message: The message of that task run's state.
        failed: How many task runs failed or crashed.
        not_run: How many task runs were not run because of them.
        traceback: The text of the last traceback that was logged, for the task run or else for the flow run.
        logs: The last lines that were logged by then.
        retry: What a retry of the flow run repeats; None where no task run failed, and for a task run.
    """

    message: str | None
    task: Named | None
    task_message: str | None
    failed: int
    not_run: int
    traceback: str | None
    logs: list[LogLine]
    retry: RetryOutlook | None


class LogLine(TypedDict):
    """A log record."""

    timestamp: datetime
    level: int
    name: str
    message: str
    task_run_id: UUID | None


class Pause(TypedDict):
    """The input that a paused run waits for.

    Attributes:
        timeout: Until when it waits.
        form: The JSON schema of the input; None for none.
        description: A text about it, in Markdown.
    """

    timeout: datetime | None
    form: dict[str, Any] | None
    description: str | None


class ArtifactRow(TypedDict):
    """An artifact in a list."""

    id: UUID
    created: datetime
    key: str | None
    type: str | None
    description: str | None
    flow_run_id: UUID | None
    task_run_id: UUID | None


class FlowRunPage(TypedDict):
    """The page of a flow run; `automation` or `schedule` is what created it."""

    run: RunRow
    created: datetime
    updated: datetime
    automation: UUID | None
    schedule: dict[str, Any] | None
    flow_parameters: dict[str, Any]
    flow_version: str | None
    created_by: str | None
    idempotency_key: str | None
    infrastructure: str | None
    job_variables: dict[str, Any]
    retries: int | None
    retry_delay: float | None
    default_parameters: dict[str, Any]
    states: list[StateEntry]
    task_states: list[StateCount]
    subflows: int
    parent: Named | None
    result: RunResult | None
    failure: Failure | None
    pause: Pause | None
    waits_because: str | None
    artifacts: list[ArtifactRow]


class TaskInput(TypedDict):
    """An argument of a task run, by the name of its parameter."""

    name: str
    sources: list[Named]


class TaskRunPage(TypedDict):
    """The page of a task run; `usual_seconds` is the median of what its task took in the latest runs of its flow."""

    run: RunRow
    created: datetime
    updated: datetime
    task_key: str
    dynamic_key: str
    task_version: str | None
    cache_key: str | None
    cache_expiration: datetime | None
    retries: int | None
    retry_delay: float | None
    states: list[StateEntry]
    inputs: list[TaskInput]
    downstream: list[Named]
    subflow: Named | None
    result: RunResult | None
    usual_seconds: float | None
    failure: Failure | None
    artifacts: list[ArtifactRow]


class LogsPart(TypedDict):
    """A part of a log.

    Attributes:
        total: How many lines there are.
        offset: The position of the first of these lines.
        lines: The lines.
        tasks: The names of the task runs that wrote them, by id.
    """

    total: int
    offset: int
    lines: list[LogLine]
    tasks: dict[UUID, str]


class LogContext(TypedDict):
    """The lines of a log around a time, and the names of the task runs that wrote them, by id."""

    lines: list[LogLine]
    tasks: dict[UUID, str]


class LogChoices(TypedDict):
    """The choices of a log's filters: the names of its loggers, and task runs."""

    loggers: list[str]
    tasks: list[Named]


class LogHits(TypedDict):
    """The lines of a log that contain a text: their positions, and their number."""

    positions: list[int]
    total: int


class GraphNode(TypedDict):
    """A task run, or the subflow run that it stands for.

    Attributes:
        id: Its id.
        kind: `task-run` or `flow-run`.
        name: What it is called.
        group: What mapped runs of one task have in common.
        state_type: The type of its state.
        state_name: The name of its state.
        start: Milliseconds from the start of the flow run; None before it started.
        end: The same of its end.
        parents: The numbers of the nodes whose results it used.
        attempts: Where each attempt began and ended, for a run with several.
    """

    id: UUID
    kind: str
    name: str
    group: str
    state_type: str | None
    state_name: str | None
    start: float | None
    end: float | None
    parents: list[int]
    attempts: list[tuple[float, float | None]]


class GraphEvent(TypedDict):
    """An event about a flow run that is no state of a run.

    Attributes:
        id: Its id.
        name: What happened.
        resource: The kind of what it happened to.
        occurred: When it happened.
        at: Milliseconds from the start of the flow run until then.
    """

    id: UUID
    name: str
    resource: str
    occurred: datetime
    at: float


class GraphPart(TypedDict):
    """Some nodes of the graph of a flow run, and the run's own times and state.

    Attributes:
        start: Where its time begins.
        end: When the flow run ended.
        state_type: The type of the flow run's state.
        nodes: The nodes, in the order in which they started.
        subflows: The task runs that the subflow runs among them stand for, by their ids.
    """

    start: datetime | None
    end: datetime | None
    state_type: str | None
    nodes: list[GraphNode]
    subflows: dict[UUID, UUID]


class GraphPage(GraphPart):
    """The graph of a flow run.

    Attributes:
        left_out: How many nodes are not among them.
        events: The newest events about it.
    """

    left_out: int
    events: list[GraphEvent]


class GraphChanges(GraphPart):
    """Changes in the graph of a flow run: the changed nodes, without their edges.

    Attributes:
        uses: The ids of the task runs whose results a node used, by its id.
        events: New events about the flow run.
    """

    uses: dict[UUID, list[str]]
    events: list[GraphEvent]


class SavedView(TypedDict):
    """A query and an order of runs that were saved under a name."""

    id: UUID
    name: str
    query: str
    sort: str


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
    views: list[SavedView]
