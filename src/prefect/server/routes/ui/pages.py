"""Endpoints of the web page, each of which returns all data of one page. They are not part of the interface."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from annotated_types import Ge, Le

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.routes.core.operation import RawResponse, Routes
from prefect.server.services.pages import calendar, catalog, limits, overview, search, work
from prefect.server.services.pages.core import catalog_shapes, shapes
from prefect.server.services.pages.run_detail import flow_run, graph, logs, results
from prefect.server.services.pages.run_list import runs
from prefect.server.services.runs.states import retrying
from prefect.types._annotated import AwareDateTime

routes = Routes("Pages", "/ui/pages")

_PAGE: dict[str, Any] = {"documented": False, "etag": True}

PageNumber = Annotated[int, Ge(1)]
Hours = Annotated[int, Ge(1), Le(24 * 31)]
Back = Annotated[int, Ge(0), Le(1000)]
ListSort = Literal["name", "-name", "-created", "-updated"]
PageSize = Annotated[int, Ge(1), Le(runs.MAX_PAGE_SIZE)]


@routes.reads("GET", "/runs", shapes.RunsPage, **_PAGE)
async def read_runs_page(
    tx: Transaction,
    kind: Literal["flow_run", "task_run"] = "flow_run",
    q: str = "",
    sort: str = "-start",
    page: PageNumber = 1,
    size: PageSize = 50,
    chart: bool = True,
) -> Any:
    """Return the page of runs."""
    return await runs.build_page(tx, kind, q, sort, page, size, chart)


@routes.reads("GET", "/flow-run/{id:uuid}", shapes.FlowRunPage, **_PAGE)
async def read_flow_run_page(tx: Transaction, id: UUID) -> Any:
    """Return the page of a flow run."""
    return await flow_run.build_flow_run_page(tx, id)


@routes.reads("GET", "/task-run/{id:uuid}", shapes.TaskRunPage, **_PAGE)
async def read_task_run_page(tx: Transaction, id: UUID) -> Any:
    """Return the page of a task run."""
    return await flow_run.build_task_run_page(tx, id)


@routes.reads("GET", "/flow-run/{id:uuid}/result", shapes.ResultPreview, documented=False)
async def preview_flow_run_result(tx: Transaction, id: UUID) -> Any:
    """Return a look at the result of a flow run."""
    return await results.preview_result(tx, store.flow_runs, id)


@routes.reads("GET", "/task-run/{id:uuid}/result", shapes.ResultPreview, documented=False)
async def preview_task_run_result(tx: Transaction, id: UUID) -> Any:
    """Return a look at the result of a task run."""
    return await results.preview_result(tx, store.task_runs, id)


@routes.reads("GET", "/flow-run/{id:uuid}/retry", retrying.RetryOutlook, documented=False)
async def predict_flow_run_retry(tx: Transaction, id: UUID, task_run_id: UUID | None = None) -> Any:
    """Return what a retry of a flow run repeats, from one of its task runs on if one is named."""
    return await retrying.find_outlook(tx, id, task_run_id)


@routes.reads("GET", "/flow-run/{id:uuid}/graph", shapes.GraphPage, **_PAGE)
async def read_flow_run_graph_page(tx: Transaction, id: UUID) -> Any:
    """Return the graph of a flow run."""
    return await graph.build_graph(tx, id)


@routes.reads("GET", "/{owner}/{id:uuid}/logs", shapes.LogsPart, **_PAGE)
async def read_log_lines(
    tx: Transaction,
    owner: logs.LogOwner,
    id: UUID,
    offset: Annotated[int, Ge(0)] = 0,
    limit: Annotated[int, Ge(0), Le(logs.MAX_LINES)] = 200,
    task: UUID | None = None,
    level: int = 0,
    logger: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
    newest: bool = False,
) -> Any:
    """Return lines of the log of a flow run or a worker by their position, from its end for the newest first."""
    choice = logs.LogChoice(owner, id, task, level, logger, since=since, until=until)
    return await logs.find_part(tx, choice, offset, limit, newest)


@routes.reads("GET", "/{owner}/{id:uuid}/logs/around", shapes.LogContext, **_PAGE)
async def read_log_context(
    tx: Transaction, owner: logs.LogOwner, id: UUID, at: datetime, lines: Annotated[int, Ge(1), Le(100)] = 8
) -> Any:
    """Return the lines of a log around a time, whatever a filter leaves out."""
    return await logs.find_context(tx, logs.LogChoice(owner, id), at, lines)


@routes.reads("GET", "/{owner}/{id:uuid}/logs/choices", shapes.LogChoices, **_PAGE)
async def read_log_choices(tx: Transaction, owner: logs.LogOwner, id: UUID, since: datetime | None = None) -> Any:
    """Return what a log can be narrowed by."""
    return await logs.find_choices(tx, logs.LogChoice(owner, id, since=since))


@routes.reads("GET", "/{owner}/{id:uuid}/logs/hits", shapes.LogHits, **_PAGE)
async def find_log_lines(
    tx: Transaction,
    owner: logs.LogOwner,
    id: UUID,
    q: str,
    task: UUID | None = None,
    level: int = 0,
    logger: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
) -> Any:
    """Return where a text, or a pattern between slashes, is in a log."""
    return await logs.find_hits(tx, logs.LogChoice(owner, id, task, level, logger, since=since, until=until), q)


@routes.reads("GET", "/{owner}/{id:uuid}/logs/file", Any, documented=False)
async def download_log_lines(
    tx: Transaction,
    owner: logs.LogOwner,
    id: UUID,
    format: Literal["text", "csv", "json"] = "text",
    task: UUID | None = None,
    level: int = 0,
    logger: str = "",
    q: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
) -> Any:
    """Return lines of a log as a file."""
    media_type, ending = logs.MEDIA_TYPES[format]
    body = await logs.export(tx, logs.LogChoice(owner, id, task, level, logger, q, since, until), format)
    return RawResponse(body, media_type, {"content-disposition": f'attachment; filename="{id}.{ending}"'})


@routes.reads("GET", "/overview", catalog_shapes.OverviewPage, **_PAGE)
async def read_overview_page(
    tx: Transaction,
    hours: Hours = 24,
    looked_at: datetime | None = None,
    q: str = "",
    back: Back = 0,
    until: AwareDateTime | None = None,
) -> Any:
    """Return the overview."""
    return await overview.build_overview(tx, overview.ChartTime(hours, back, until), looked_at, q)


@routes.reads("GET", "/overview/task-runs", catalog_shapes.TaskRunCounts, **_PAGE)
async def count_overview_task_runs(
    tx: Transaction, hours: Hours = 24, q: str = "", back: Back = 0, until: AwareDateTime | None = None
) -> Any:
    """Return the counts of task runs over the time of the overview's chart."""
    return await overview.count_task_runs(tx, overview.ChartTime(hours, back, until), q)


@routes.reads("GET", "/overview/flows", catalog_shapes.FlowGroups, **_PAGE)
async def group_overview_runs(
    tx: Transaction, states: str, hours: Hours = 24, q: str = "", back: Back = 0, until: AwareDateTime | None = None
) -> Any:
    """Return the flow runs of the overview's chart in some states, as `FAILED,CRASHED`, by their flow."""
    return await overview.group_by_flow(tx, overview.ChartTime(hours, back, until), states.split(","), q)


@routes.reads("GET", "/calendar", calendar.CalendarPage, **_PAGE)
async def read_calendar_page(
    tx: Transaction, since: datetime, days: Annotated[int, Ge(1), Le(31)] = 7, q: str = ""
) -> Any:
    """Return what schedules and scheduled runs begin in some days."""
    return await calendar.build_calendar(tx, since, days, q)


@routes.reads("GET", "/flows", catalog_shapes.FlowsPage, **_PAGE)
async def read_flows_page(
    tx: Transaction,
    q: str = "",
    tag: str = "",
    sort: ListSort = "name",
    deployed: bool = False,
    page: PageNumber = 1,
    size: PageSize = 50,
) -> Any:
    """Return the page of flows."""
    return await catalog.build_flows_page(tx, catalog.ListChoice(q, tag, sort, page, size, deployed))


@routes.reads("GET", "/flow/{id:uuid}", catalog_shapes.FlowPage, **_PAGE)
async def read_flow_page(tx: Transaction, id: UUID) -> Any:
    """Return the page of a flow."""
    return await catalog.build_flow_page(tx, id)


@routes.reads("GET", "/deployments", catalog_shapes.DeploymentsPage, **_PAGE)
async def read_deployments_page(
    tx: Transaction,
    q: str = "",
    tag: str = "",
    sort: ListSort = "name",
    pinned: str = "",
    page: PageNumber = 1,
    size: PageSize = 50,
) -> Any:
    """Return the page of deployments, of which those of some ids come first."""
    choice = catalog.ListChoice(q, tag, sort, page, size, pinned=catalog.parse_ids(pinned))
    return await catalog.build_deployments_page(tx, choice)


@routes.reads("GET", "/deployment/{id:uuid}", catalog_shapes.DeploymentPage, **_PAGE)
async def read_deployment_page(tx: Transaction, id: UUID) -> Any:
    """Return the page of a deployment."""
    return await catalog.build_deployment_page(tx, id)


@routes.reads("GET", "/work-pools", catalog_shapes.PoolsPage, **_PAGE)
async def read_work_pools_page(tx: Transaction) -> Any:
    """Return the page of work pools."""
    return await work.build_pools_page(tx)


@routes.reads("GET", "/work-pool/{name}", catalog_shapes.PoolPage, **_PAGE)
async def read_work_pool_page(tx: Transaction, name: str) -> Any:
    """Return the page of a work pool."""
    return await work.build_pool_page(tx, name)


@routes.reads("GET", "/work-pool/{name}/worker/{worker}", catalog_shapes.WorkerPage, **_PAGE)
async def read_worker_page(tx: Transaction, name: str, worker: str) -> Any:
    """Return the page of a worker."""
    return await work.build_worker_page(tx, name, worker)


@routes.reads("GET", "/concurrency-limits", limits.LimitsPage, **_PAGE)
async def read_concurrency_limits_page(
    tx: Transaction, q: str = "", page: PageNumber = 1, tag_page: PageNumber = 1, size: PageSize = 50
) -> Any:
    """Return the page of concurrency limits."""
    return await limits.build_limits_page(tx, q, page, tag_page, size)


@routes.reads("GET", "/search", catalog_shapes.SearchResult, **_PAGE)
async def search_objects(tx: Transaction, q: str = "") -> Any:
    """Return objects by a part of their name or by their id."""
    return await search.search(tx, q)
