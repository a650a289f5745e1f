"""Flow runs."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from annotated_types import Ge, Le

from prefect.schemas import wire
from prefect.schemas.responses import HistoryResponse
from prefect.schemas.sorting import FlowRunSort
from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.principals import Permission
from prefect.server.routes.core.criteria import FlowRunCriteria, FlowRunHistoryCriteria
from prefect.server.routes.core.operation import (
    BODY,
    Body,
    In,
    Page,
    RawResponse,
    RequestInfo,
    Routes,
    Rows,
    StatusResponse,
)
from prefect.server.routes.runs import run_waiting
from prefect.server.routes.runs.run_bodies import HistoryInterval, build_state_response, read_new_run
from prefect.server.services.core import reading
from prefect.server.services.pages.run_list import runs
from prefect.server.services.runs import inputs
from prefect.server.services.runs.lifecycle import creation, deletion, updates
from prefect.server.services.runs.logs import log_files
from prefect.server.services.runs.reports import graphs, start_reasons, statistics
from prefect.server.services.runs.states import resuming, retrying, transitions
from prefect.types import UTC, now
from prefect.types._annotated import AwareDateTime

routes = Routes("Flow Runs", "/flow_runs")

_GRAPH = ("Flow Runs", "Flow Run Graph")

BulkLimit = Annotated[int, BODY, Ge(1), Le(deletion.DELETE_BATCH_SIZE)]


@routes.writes("POST", "/", wire.FlowRunResponse, requires=Permission.WORK, brief=True)
async def create_flow_run(tx: Transaction, flow_run: wire.FlowRunCreate) -> Any:
    """Create a flow run, with status 201, or return the one of the same flow and idempotency key."""
    values, state = read_new_run(flow_run)
    answer, created = await creation.create_flow_run(tx, values, state)
    return StatusResponse(201, answer) if created else answer


@routes.writes("PATCH", "/{id:uuid}", requires=Permission.WORK, brief=True)
async def update_flow_run(tx: Transaction, flow_run: wire.FlowRunUpdate, id: UUID) -> None:
    """Update the fields of a flow run that are sent."""
    values = flow_run.model_dump(exclude_unset=True)
    if "empirical_policy" in values:
        values["empirical_policy"] = flow_run.empirical_policy.model_dump(mode="json", exclude_defaults=True)
    await updates.change_run(tx, store.flow_runs, id, values)


@routes.reads("POST", "/count", int)
async def count_flow_runs(tx: Transaction, criteria: FlowRunCriteria) -> Any:
    """Count the flow runs that match the filters."""
    return await reading.count(tx, store.flow_runs, **criteria.as_filters())


@routes.reads("POST", "/lateness", float | None)
async def average_flow_run_lateness(tx: Transaction, criteria: FlowRunCriteria) -> Any:
    """Return the average lateness in seconds of the flow runs that match the filters, started or not."""
    return await statistics.average_lateness(tx, **criteria.as_filters())


@routes.reads("POST", "/history", list[HistoryResponse])
async def flow_run_history(
    tx: Transaction,
    criteria: FlowRunHistoryCriteria,
    history_start: Body[AwareDateTime],
    history_end: Body[AwareDateTime],
    history_interval: HistoryInterval,
) -> Any:
    """Count flow runs by state for each interval of their expected start times."""
    return await statistics.count_by_interval(
        tx, store.flow_runs, history_start, history_end, history_interval, **criteria.as_filters()
    )


@routes.reads("GET", "/search", list[wire.FlowRunResponse], documented=False)
async def search_flow_runs(
    tx: Transaction, q: str = "", sort: str = "-start", limit: int | None = None, offset: Annotated[int, Ge(0)] = 0
) -> Any:
    """Return the flow runs of a query, in the query language."""
    return await runs.find_runs(tx, "flow_run", q, sort, limit, offset)


@routes.reads("GET", "/{id:uuid}", wire.FlowRunResponse, brief=True)
async def read_flow_run(tx: Transaction, request: RequestInfo, id: UUID) -> Any:
    """Return a flow run."""
    return await run_waiting.read_flow_run(tx, request, id)


@routes.reads("GET", "/{id:uuid}/why", Any, documented=False)
async def explain_flow_run(tx: Transaction, id: UUID) -> Any:
    """Return why a flow run has not started, in one sentence."""
    return await start_reasons.explain(tx, id)


@routes.reads("GET", "/{id:uuid}/graph", list[wire.DependencyResult], tag=_GRAPH)
async def read_flow_run_graph_v1(tx: Transaction, id: UUID) -> Any:
    """Return the task runs of a flow run, each with its upstream dependencies."""
    return await graphs.find_dependencies(tx, id)


@routes.reads("GET", "/{id:uuid}/graph-v2", wire.Graph, tag=_GRAPH)
async def read_flow_run_graph_v2(tx: Transaction, id: UUID, since: datetime = datetime.min.replace(tzinfo=UTC)) -> Any:
    """Return the graph of a flow run, without nodes that ended before a time."""
    return await graphs.build_graph(tx, id, since)


@routes.writes("POST", "/{id:uuid}/resume", wire.OrchestrationResult)
async def resume_flow_run(
    tx: Transaction, id: UUID, info: RequestInfo, run_input: Body[dict[str, Any] | None] = None
) -> Any:
    """Resume a paused flow run, with the input that it waits for."""
    begun_at = now()
    return build_state_response(await resuming.resume_flow_run(tx, id, run_input, info.client_version), begun_at)


@routes.writes("POST", "/{id:uuid}/retry", retrying.RetryOutlook, documented=False)
async def retry_flow_run(
    tx: Transaction, id: UUID, info: RequestInfo, task_run_id: Body[UUID | None] = None, force: Body[bool] = False
) -> Any:
    """Schedule a finished flow run again, from one of its task runs on if one is named."""
    return await retrying.retry_flow_run(tx, id, task_run_id, force, info.client_version)


@routes.reads("GET", "/{id:uuid}/retry", list[str], documented=False)
async def find_refreshed_results(tx: Transaction, id: UUID) -> Any:
    """Return the storage keys of the results that the present attempt of a flow run must compute anew."""
    return await retrying.find_refreshed_results(tx, id)


@routes.reads("POST", "/filter", list[wire.FlowRunResponse], brief=True)
async def read_flow_runs(
    tx: Transaction, criteria: FlowRunCriteria, rows: Rows, sort: Body[FlowRunSort] = FlowRunSort.ID_DESC
) -> Any:
    """Return the flow runs that match the filters."""
    return await reading.find_flow_runs(tx, sort, *rows, **criteria.as_filters())


routes.deletes_by_key(
    "/{id:uuid}", "delete_flow_run", deletion.remove_flow_run, "Delete a flow run with its task runs, logs and inputs."
)


@routes.writes("POST", "/bulk_delete", wire.FlowRunBulkDeleteResponse)
async def bulk_delete_flow_runs(
    tx: Transaction, flow_runs: Body[wire.FlowRunFilter | None] = None, limit: BulkLimit = deletion.DELETE_BATCH_SIZE
) -> Any:
    """Delete the flow runs that match a filter."""
    return {"deleted": await deletion.remove_flow_runs(tx, limit, flow_runs=flow_runs)}


@routes.writes("POST", "/bulk_set_state", wire.FlowRunBulkSetStateResponse)
async def bulk_set_flow_run_state(
    tx: Transaction,
    state: Body[wire.StateCreate],
    info: RequestInfo,
    flow_runs: Body[wire.FlowRunFilter | None] = None,
    force: Body[bool] = False,
    limit: BulkLimit = deletion.DELETE_BATCH_SIZE,
) -> Any:
    """Propose a state for each flow run that matches a filter, one after the other."""
    proposed = state.model_dump(exclude_unset=True)
    results = await transitions.set_flow_run_states(
        tx, limit, proposed, force=force, client_version=info.client_version, flow_runs=flow_runs
    )
    return {"results": results}


@routes.writes("POST", "/{id:uuid}/set_state", wire.OrchestrationResult, requires=Permission.WORK, brief=True)
async def set_flow_run_state(
    tx: Transaction, id: UUID, info: RequestInfo, state: Body[wire.StateCreate], force: Body[bool] = False
) -> Any:
    """Propose a state for a flow run."""
    begun_at = now()
    proposed = state.model_dump(exclude_unset=True)
    answer = await transitions.set_flow_run_state(
        tx, id, proposed, force=force, client_version=info.client_version, headers=info.headers
    )
    return build_state_response(answer, begun_at)


@routes.writes("POST", "/{id:uuid}/input", Any, 201, requires=Permission.WORK)
async def create_flow_run_input(
    tx: Transaction, id: UUID, key: Body[str], value: Body[bytes], sender: Body[str | None] = None
) -> None:
    """Store an input of a flow run under a key."""
    await inputs.add(tx, id, key, value.decode(), sender)


@routes.reads("POST", "/{id:uuid}/input/filter", list[wire.FlowRunInput])
async def filter_flow_run_input(
    tx: Transaction,
    id: UUID,
    prefix: Body[str],
    limit: Body[int] = 1,
    exclude_keys: Body[list[str]] = [],  # noqa: B006
) -> Any:
    """Return the inputs of a flow run whose keys begin with a prefix."""
    return await inputs.find(tx, id, prefix, limit, exclude_keys)


@routes.reads("GET", "/{id:uuid}/input/{key}", Any)
async def read_flow_run_input(tx: Transaction, id: UUID, key: str) -> Any:
    """Return the input under a key, as it was stored."""
    return RawResponse((await inputs.get(tx, id, key)).encode(), "text/plain")


@routes.writes("DELETE", "/{id:uuid}/input/{key}", requires=Permission.WORK)
async def delete_flow_run_input(tx: Transaction, id: UUID, key: str) -> None:
    """Delete the input under a key."""
    await inputs.remove(tx, id, key)


@routes.reads("POST", "/paginate", wire.FlowRunPaginationResponse)
async def paginate_flow_runs(
    tx: Transaction, criteria: FlowRunCriteria, page: Page, sort: Body[FlowRunSort] = FlowRunSort.ID_DESC
) -> Any:
    """Return a page of the flow runs that match the filters."""
    return await reading.paginate(tx, reading.find_flow_runs, store.flow_runs, sort, *page, **criteria.as_filters())


@routes.reads("GET", "/{id:uuid}/logs/download", Any)
async def download_logs(tx: Transaction, id: UUID) -> Any:
    """Return the logs of a flow run as CSV."""
    name, body = await log_files.export_logs(tx, id)
    return RawResponse(body, "text/csv", {"content-disposition": log_files.content_disposition(name)})


@routes.writes("PATCH", "/{id:uuid}/labels", requires=Permission.WORK)
async def update_flow_run_labels(tx: Transaction, id: UUID, labels: Annotated[dict[str, Any], In("whole")]) -> None:
    """Merge labels into those of a flow run."""
    await updates.add_labels(tx, id, labels)
