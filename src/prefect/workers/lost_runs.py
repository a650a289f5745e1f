"""Pending runs whose infrastructure was removed, or never started, while no worker watched them.

A worker whose infrastructure outlives it labels a run with the engine that it was started on and with the state that it
was claimed by. Any worker of the pool that finds on that engine that the infrastructure is gone reports the run. A run
that has begun sends heartbeats, and is not looked at here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

from prefect.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
    WorkerFilter,
    WorkerFilterStatus,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.schemas.states import StateType
from prefect.schemas.work import WorkerStatus
from prefect.schemas.worker_channel import WORKER_LABEL

if TYPE_CHECKING:
    from prefect.client.orchestration import PrefectClient
    from prefect.schemas.runs import FlowRun

ENGINE_LABEL = "prefect.infrastructure.engine"
"""The label of a run: the engine of its infrastructure and the id of the state that it was claimed by."""
PAGE_SIZE = 200


class Reporter(Protocol):
    """The part of a worker that reports lost runs."""

    name: str
    _submitting_flow_run_ids: set[UUID]

    @property
    def client(self) -> PrefectClient: ...

    async def _propose_crashed_state(self, flow_run: FlowRun, message: str) -> None: ...


def build_engine_label(flow_run: FlowRun, engine: str) -> dict[str, str]:
    """Return the label of a run whose infrastructure was started on an engine."""
    return {ENGINE_LABEL: f"{engine}/{flow_run.state.id if flow_run.state else None}"}


async def read_pending_runs(worker: Reporter, pool: str) -> list[FlowRun]:
    """Return the pending runs of a pool that this worker is not starting."""
    found: list[FlowRun] = []
    while True:
        page = await worker.client.read_flow_runs(
            flow_run_filter=FlowRunFilter(
                state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.PENDING]))
            ),
            work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=[pool])),
            limit=PAGE_SIZE,
            offset=len(found),
        )
        found += page
        if len(page) < PAGE_SIZE:
            return [run for run in found if run.id not in worker._submitting_flow_run_ids]


async def read_offline_workers(worker: Reporter, pool: str) -> set[str]:
    """Return the names of the other workers of a pool that are offline, at most those that were so last."""
    found = await worker.client.read_workers_for_work_pool(
        pool, WorkerFilter(status=WorkerFilterStatus(any_=[WorkerStatus.OFFLINE])), limit=PAGE_SIZE
    )
    return {one.name for one in found} - {worker.name}


def explain_loss(flow_run: FlowRun, engine: str, worker_name: str, worker_start: datetime) -> str | None:
    """Return what has become of a pending run whose infrastructure is not there; None if that cannot be known.

    Args:
        flow_run: The run.
        engine: The engine that was looked at.
        worker_name: The name of the worker that looks.
        worker_start: Since when it runs.
    """
    labels, state = flow_run.labels or {}, flow_run.state
    if state is None:
        return None
    if labels.get(ENGINE_LABEL) == f"{engine}/{state.id}":
        return f"The infrastructure of the run, {flow_run.infrastructure_pid}, was removed before the run began."
    if labels.get(WORKER_LABEL) == worker_name and state.timestamp < worker_start:
        return f"The worker {worker_name!r} ended before it had started the infrastructure of the run."
    return None


async def report_lost_runs(
    worker: Reporter,
    flow_runs: list[FlowRun],
    engine: str,
    worker_start: datetime,
    is_there: Callable[[FlowRun], Awaitable[bool]],
) -> None:
    """Report pending runs as Crashed whose infrastructure does not exist on their engine.

    Args:
        worker: The worker.
        flow_runs: The runs.
        engine: The engine.
        worker_start: Since when the worker runs.
        is_there: Returns whether a run has infrastructure on the engine.
    """
    for flow_run in flow_runs:
        message = explain_loss(flow_run, engine, worker.name, worker_start)
        if message is None or await is_there(flow_run):
            continue
        current = (await worker.client.read_flow_run(flow_run.id)).state
        if current is not None and flow_run.state is not None and current.id == flow_run.state.id:
            await worker._propose_crashed_state(flow_run, message)
