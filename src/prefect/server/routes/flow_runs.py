"""Flow runs."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from annotated_types import Ge, Le

from prefect.schemas.responses import HistoryResponse
from prefect.schemas.sorting import FlowRunSort
from prefect.schemas.wire.filters import (
    DeploymentFilter,
    FlowFilter,
    FlowRunFilter,
    TaskRunFilter,
    WorkPoolFilter,
    WorkQueueFilter,
)
from prefect.schemas.wire.graphs import Graph
from prefect.schemas.wire.runs import (
    DependencyResult,
    FlowRunBulkDeleteResponse,
    FlowRunBulkSetStateResponse,
    FlowRunCreate,
    FlowRunInput,
    FlowRunPaginationResponse,
    FlowRunResponse,
    FlowRunUpdate,
)
from prefect.schemas.wire.states import OrchestrationResult, StateCreate
from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.routes.operation import (
    BODY,
    UNSET,
    Body,
    Caller,
    In,
    Limit,
    Offset,
    RawResponse,
    Routes,
    StatusResponse,
)
from prefect.server.services.core import reading
from prefect.server.services.runs import (
    creation,
    deletion,
    graphs,
    inputs,
    log_files,
    resuming,
    statistics,
    transitions,
    updates,
)
from prefect.types import UTC, now
from prefect.types._annotated import DateTime

routes = Routes("Flow Runs", "/flow_runs")

_GRAPH = {"tag": ("Flow Runs", "Flow Run Graph")}

AtOnce = Annotated[int, BODY, Ge(1), Le(deletion.DELETE_BATCH_SIZE)]


@routes.writes("POST", "/", FlowRunResponse)
async def create_flow_run(tx: Transaction, flow_run: FlowRunCreate) -> Any:
    """Create a flow run; one of the same flow and idempotency key is left as it is. A new one has status 201."""
    values = flow_run.model_dump(exclude={"state", "empirical_policy"})
    values["empirical_policy"] = flow_run.empirical_policy.model_dump(mode="json", exclude_defaults=True)
    state = flow_run.state and flow_run.state.model_dump(exclude_unset=True)
    answer, created = await creation.create_flow_run(tx, values, state)
    return StatusResponse(201, answer) if created else answer


@routes.writes("PATCH", "/{id:uuid}")
async def update_flow_run(tx: Transaction, flow_run: FlowRunUpdate, id: UUID) -> None:
    """Change what is given of a flow run."""
    values = flow_run.model_dump(exclude_unset=True)
    if "empirical_policy" in values:
        values["empirical_policy"] = flow_run.empirical_policy.model_dump(mode="json", exclude_defaults=True)
    await updates.change_run(tx, store.flow_runs, id, values)


@routes.reads("POST", "/count", int)
async def count_flow_runs(
    tx: Transaction,
    flows: Body[FlowFilter | None] = None,
    flow_runs: Body[FlowRunFilter | None] = None,
    task_runs: Body[TaskRunFilter | None] = None,
    deployments: Body[DeploymentFilter | None] = None,
    work_pools: Body[WorkPoolFilter | None] = None,
    work_pool_queues: Body[WorkQueueFilter | None] = None,
) -> Any:
    """How many flow runs satisfy filters."""
    return await reading.count(
        tx,
        store.flow_runs,
        flows=flows,
        flow_runs=flow_runs,
        task_runs=task_runs,
        deployments=deployments,
        work_pools=work_pools,
        work_pool_queues=work_pool_queues,
    )


@routes.reads("POST", "/lateness", float | None)
async def average_flow_run_lateness(
    tx: Transaction,
    flows: Body[FlowFilter | None] = None,
    flow_runs: Body[FlowRunFilter | None] = None,
    task_runs: Body[TaskRunFilter | None] = None,
    deployments: Body[DeploymentFilter | None] = None,
    work_pools: Body[WorkPoolFilter | None] = None,
    work_pool_queues: Body[WorkQueueFilter | None] = None,
) -> Any:
    """How late the flow runs that satisfy filters started, or are by now, in seconds on average."""
    return await statistics.average_lateness(
        tx,
        flows=flows,
        flow_runs=flow_runs,
        task_runs=task_runs,
        deployments=deployments,
        work_pools=work_pools,
        work_pool_queues=work_pool_queues,
    )


@routes.reads("POST", "/history", list[HistoryResponse])
async def flow_run_history(
    tx: Transaction,
    history_start: Body[DateTime],
    history_end: Body[DateTime],
    history_interval: Annotated[timedelta, In("body", "history_interval_seconds")],
    flows: Body[FlowFilter | None] = None,
    flow_runs: Body[FlowRunFilter | None] = None,
    task_runs: Body[TaskRunFilter | None] = None,
    deployments: Body[DeploymentFilter | None] = None,
    work_pools: Body[WorkPoolFilter | None] = None,
    work_queues: Body[WorkQueueFilter | None] = None,
) -> Any:
    """Flow runs by when they were expected to start: for each interval how many are in which state."""
    return await statistics.count_by_interval(
        tx,
        store.flow_runs,
        history_start,
        history_end,
        history_interval,
        flows=flows,
        flow_runs=flow_runs,
        task_runs=task_runs,
        deployments=deployments,
        work_pools=work_pools,
        work_queues=work_queues,
    )


@routes.reads("GET", "/{id:uuid}", FlowRunResponse)
async def read_flow_run(tx: Transaction, id: UUID) -> Any:
    """A flow run."""
    return await reading.get_flow_run(tx, id)


@routes.reads("GET", "/{id:uuid}/graph", list[DependencyResult], **_GRAPH)
async def read_flow_run_graph_v1(tx: Transaction, id: UUID) -> Any:
    """The task runs of a flow run, each with those whose results it was given."""
    return await graphs.find_dependencies(tx, id)


@routes.reads("GET", "/{id:uuid}/graph-v2", Graph, **_GRAPH)
async def read_flow_run_graph_v2(tx: Transaction, id: UUID, since: datetime = datetime.min.replace(tzinfo=UTC)) -> Any:
    """The graph of a flow run, without what ended before a time."""
    return await graphs.build_graph(tx, id, since)


@routes.writes("POST", "/{id:uuid}/resume", OrchestrationResult)
async def resume_flow_run(
    tx: Transaction, id: UUID, caller: Caller, run_input: Body[dict[str, Any] | None] = None
) -> Any:
    """Have a paused flow run go on, with the input that it waits for."""
    began = now()
    return _orchestrated(await resuming.resume_flow_run(tx, id, run_input, caller.client_version), began)


@routes.reads("POST", "/filter", list[FlowRunResponse])
async def read_flow_runs(
    tx: Transaction,
    sort: Body[FlowRunSort] = FlowRunSort.ID_DESC,
    limit: Limit = UNSET,
    offset: Offset = 0,
    flows: Body[FlowFilter | None] = None,
    flow_runs: Body[FlowRunFilter | None] = None,
    task_runs: Body[TaskRunFilter | None] = None,
    deployments: Body[DeploymentFilter | None] = None,
    work_pools: Body[WorkPoolFilter | None] = None,
    work_pool_queues: Body[WorkQueueFilter | None] = None,
) -> Any:
    """The flow runs that satisfy filters."""
    return await reading.find_flow_runs(
        tx,
        sort,
        limit,
        offset,
        flows=flows,
        flow_runs=flow_runs,
        task_runs=task_runs,
        deployments=deployments,
        work_pools=work_pools,
        work_pool_queues=work_pool_queues,
    )


@routes.writes("DELETE", "/{id:uuid}")
async def delete_flow_run(tx: Transaction, id: UUID) -> None:
    """Delete a flow run with its task runs, logs and inputs."""
    await deletion.remove_flow_run(tx, id)


@routes.writes("POST", "/bulk_delete", FlowRunBulkDeleteResponse)
async def bulk_delete_flow_runs(
    tx: Transaction, flow_runs: Body[FlowRunFilter | None] = None, limit: AtOnce = deletion.DELETE_BATCH_SIZE
) -> Any:
    """Delete flow runs that satisfy a filter."""
    return {"deleted": await deletion.remove_flow_runs(tx, limit, flow_runs=flow_runs)}


@routes.writes("POST", "/bulk_set_state", FlowRunBulkSetStateResponse)
async def bulk_set_flow_run_state(
    tx: Transaction,
    state: Body[StateCreate],
    caller: Caller,
    flow_runs: Body[FlowRunFilter | None] = None,
    force: Body[bool] = False,
    limit: AtOnce = deletion.DELETE_BATCH_SIZE,
) -> Any:
    """Ask for flow runs that satisfy a filter to enter a state, one after the other."""
    asked = state.model_dump(exclude_unset=True)
    results = await transitions.set_flow_run_states(
        tx, limit, asked, force=force, client_version=caller.client_version, flow_runs=flow_runs
    )
    return {"results": results}


@routes.writes("POST", "/{id:uuid}/set_state", OrchestrationResult)
async def set_flow_run_state(
    tx: Transaction, id: UUID, caller: Caller, state: Body[StateCreate], force: Body[bool] = False
) -> Any:
    """Ask for a flow run to enter a state."""
    began = now()
    asked = state.model_dump(exclude_unset=True)
    answer = await transitions.set_flow_run_state(tx, id, asked, force=force, client_version=caller.client_version)
    return _orchestrated(answer, began)


def _orchestrated(answer: Any, began: datetime) -> Any:
    """The answer to a request for a state: 201 says that the run has entered one since the request began."""
    entered = answer["state"] is not None and answer["state"]["timestamp"] >= began
    return StatusResponse(201, answer) if entered else answer


@routes.writes("POST", "/{id:uuid}/input", Any, 201)
async def create_flow_run_input(
    tx: Transaction, id: UUID, key: Body[str], value: Body[bytes], sender: Body[str | None] = None
) -> None:
    """Leave a value for a flow run under a key."""
    await inputs.add(tx, id, key, value.decode(), sender)


@routes.reads("POST", "/{id:uuid}/input/filter", list[FlowRunInput])
async def filter_flow_run_input(
    tx: Transaction,
    id: UUID,
    prefix: Body[str],
    limit: Body[int] = 1,
    exclude_keys: Body[list[str]] = [],  # noqa: B006
) -> Any:
    """The inputs of a flow run whose keys begin with a prefix."""
    return await inputs.find(tx, id, prefix, limit, exclude_keys)


@routes.reads("GET", "/{id:uuid}/input/{key}", Any)
async def read_flow_run_input(tx: Transaction, id: UUID, key: str) -> Any:
    """The value under a key, as it was left."""
    return RawResponse((await inputs.get(tx, id, key)).encode(), "text/plain")


@routes.writes("DELETE", "/{id:uuid}/input/{key}")
async def delete_flow_run_input(tx: Transaction, id: UUID, key: str) -> None:
    """Delete the value under a key."""
    await inputs.remove(tx, id, key)


@routes.reads("POST", "/paginate", FlowRunPaginationResponse)
async def paginate_flow_runs(
    tx: Transaction,
    sort: Body[FlowRunSort] = FlowRunSort.ID_DESC,
    limit: Limit = UNSET,
    page: Annotated[int, BODY, Ge(1)] = 1,
    flows: Body[FlowFilter | None] = None,
    flow_runs: Body[FlowRunFilter | None] = None,
    task_runs: Body[TaskRunFilter | None] = None,
    deployments: Body[DeploymentFilter | None] = None,
    work_pools: Body[WorkPoolFilter | None] = None,
    work_pool_queues: Body[WorkQueueFilter | None] = None,
) -> Any:
    """A page of the flow runs that satisfy filters."""
    return await reading.paginate(
        tx,
        reading.find_flow_runs,
        store.flow_runs,
        sort,
        page,
        limit,
        flows=flows,
        flow_runs=flow_runs,
        task_runs=task_runs,
        deployments=deployments,
        work_pools=work_pools,
        work_pool_queues=work_pool_queues,
    )


@routes.reads("GET", "/{id:uuid}/logs/download", Any)
async def download_logs(tx: Transaction, id: UUID) -> Any:
    """The logs of a flow run as CSV."""
    name, body = await log_files.export_logs(tx, id)
    return RawResponse(body, "text/csv", {"content-disposition": log_files.content_disposition(name)})


@routes.writes("PATCH", "/{id:uuid}/labels")
async def update_flow_run_labels(tx: Transaction, id: UUID, labels: Annotated[dict[str, Any], In("whole")]) -> None:
    """Add labels to a flow run's, in place of those of the same name."""
    await updates.add_labels(tx, id, labels)
