"""Task runs."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from annotated_types import Ge

from prefect.schemas import wire
from prefect.schemas.responses import HistoryResponse
from prefect.schemas.sorting import TaskRunSort
from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.principals import Permission
from prefect.server.routes.core.criteria import TaskRunCriteria, TaskRunCriteriaNotNull
from prefect.server.routes.core.operation import Body, Page, RequestInfo, Routes, Rows, StatusResponse
from prefect.server.routes.runs import run_waiting
from prefect.server.routes.runs.run_bodies import HistoryInterval, build_state_response, read_new_run
from prefect.server.services.core import reading
from prefect.server.services.pages.run_list import runs
from prefect.server.services.runs.lifecycle import creation, deletion, updates
from prefect.server.services.runs.reports import statistics
from prefect.server.services.runs.states import transitions
from prefect.types import now
from prefect.types._annotated import AwareDateTime

routes = Routes("Task Runs", "/task_runs")


@routes.writes("POST", "/", wire.TaskRun, requires=Permission.WORK, brief=True)
async def create_task_run(tx: Transaction, task_run: wire.TaskRunCreate) -> Any:
    """Create a task run, with status 201, or return the one of the same task and dynamic key."""
    values, state = read_new_run(task_run)
    answer, created = await creation.create_task_run(tx, values, state)
    return StatusResponse(201, answer) if created else answer


@routes.writes("PATCH", "/{id:uuid}", requires=Permission.WORK, brief=True)
async def update_task_run(tx: Transaction, task_run: wire.TaskRunUpdate, id: UUID) -> None:
    """Update the fields of a task run that are sent."""
    await updates.change_run(tx, store.task_runs, id, task_run.model_dump(exclude_unset=True))


@routes.reads("POST", "/count", int)
async def count_task_runs(tx: Transaction, criteria: TaskRunCriteriaNotNull) -> Any:
    """Count the task runs that match the filters."""
    return await reading.count(tx, store.task_runs, **criteria.as_filters())


@routes.reads("POST", "/history", list[HistoryResponse])
async def task_run_history(
    tx: Transaction,
    criteria: TaskRunCriteriaNotNull,
    history_start: Body[AwareDateTime],
    history_end: Body[AwareDateTime],
    history_interval: HistoryInterval,
) -> Any:
    """Count task runs by state for each interval of their expected start times."""
    return await statistics.count_by_interval(
        tx, store.task_runs, history_start, history_end, history_interval, **criteria.as_filters()
    )


@routes.reads("GET", "/search", list[wire.TaskRun], documented=False)
async def search_task_runs(
    tx: Transaction, q: str = "", sort: str = "-start", limit: int | None = None, offset: Annotated[int, Ge(0)] = 0
) -> Any:
    """Return the task runs of a query, in the query language."""
    return await runs.find_runs(tx, "task_run", q, sort, limit, offset)


@routes.reads("GET", "/{id:uuid}", wire.TaskRun, brief=True)
async def read_task_run(tx: Transaction, request: RequestInfo, id: UUID) -> Any:
    """Return a task run."""
    return await run_waiting.read_task_run(tx, request, id)


@routes.reads("POST", "/filter", list[wire.TaskRun], brief=True)
async def read_task_runs(
    tx: Transaction, criteria: TaskRunCriteria, rows: Rows, sort: Body[TaskRunSort] = TaskRunSort.ID_DESC
) -> Any:
    """Return the task runs that match the filters."""
    return await reading.find_task_runs(tx, sort, *rows, **criteria.as_filters())


@routes.reads("POST", "/paginate", wire.TaskRunPaginationResponse)
async def paginate_task_runs(
    tx: Transaction, criteria: TaskRunCriteria, page: Page, sort: Body[TaskRunSort] = TaskRunSort.ID_DESC
) -> Any:
    """Return a page of the task runs that match the filters, without some of their fields."""
    return await reading.paginate(
        tx, reading.find_task_run_summaries, store.task_runs, sort, *page, **criteria.as_filters()
    )


routes.deletes_by_key("/{id:uuid}", "delete_task_run", deletion.remove_task_run, "Delete a task run with its logs.")


@routes.writes("POST", "/{id:uuid}/set_state", wire.OrchestrationResult, requires=Permission.WORK, brief=True)
async def set_task_run_state(
    tx: Transaction, id: UUID, state: Body[wire.StateCreate], force: Body[bool] = False
) -> Any:
    """Propose a state for a task run."""
    begun_at = now()
    answer = await transitions.set_task_run_state(tx, id, state.model_dump(exclude_unset=True), force=force)
    return build_state_response(answer, begun_at)
