"""Running deployments from programs: the run takes place where the deployment's runs do."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import nullcontext
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from prefect._io import twin
from prefect._lazy import lazy
from prefect.client import run_waiting
from prefect.context import EngineContext, TaskRunContext
from prefect.engine.dataflow.parameters import collect_inputs, resolve_inputs
from prefect.schemas import run_inputs, states
from prefect.types import now

if TYPE_CHECKING:
    from prefect.client import orchestration
    from prefect.client.orchestration import PrefectClient
    from prefect.schemas.responses import DeploymentResponse
    from prefect.schemas.runs import FlowRun
else:
    orchestration = lazy("prefect.client.orchestration")

__all__ = ["arun_deployment", "run_deployment"]


async def arun_deployment(
    name: str | UUID,
    client: PrefectClient | None = None,
    parameters: dict[str, Any] | None = None,
    scheduled_time: datetime | None = None,
    flow_run_name: str | None = None,
    timeout: float | None = None,
    poll_interval: float | None = 5,
    tags: Iterable[str] | None = None,
    idempotency_key: str | None = None,
    work_queue_name: str | None = None,
    as_subflow: bool | None = True,
    job_variables: dict[str, Any] | None = None,
) -> FlowRun:
    """Start a run of a deployment and wait for its end; return the run, whose state says how it went.

    Args:
        name: The deployment: `"flow/deployment"`, or its id.
        client: The client to use; one of the current settings if None.
        parameters: Arguments, by name, over those of the deployment. Futures and states stand for their results.
        scheduled_time: When the run is due; now if None.
        flow_run_name: The name of the run; made up if None.
        timeout: How many seconds to wait: 0 does not wait, None waits without end. The run continues after it.
        poll_interval: The longest time, in seconds, between two polls of the run, where the server does not say
            immediately that it has ended.
        tags: Tags of the run in addition to the deployment's.
        idempotency_key: A run of the deployment with the same key is returned instead of a new one.
        work_queue_name: The work queue to run in, if not the deployment's.
        as_subflow: Whether a run that is started in a flow run belongs to it.
        job_variables: What the work pool's job template is filled with, over the deployment's.

    Raises:
        ObjectNotFound: There is no such deployment.
        PrefectHTTPStatusError: The arguments do not satisfy the deployment's schema.
        ValueError: The timeout is negative, or the name has no slash.
    """
    if timeout is not None and timeout < 0:
        raise ValueError("`timeout` cannot be negative: 0 does not wait, None waits without end.")
    end = float("inf") if timeout is None else time.monotonic() + timeout
    async with nullcontext(client) if client is not None else orchestration.get_client() as api:
        deployment = await _read_deployment(api, name)
        context = EngineContext.get() if as_subflow else None
        values = parameters or {}
        inputs = collect_inputs(values, context.run_results if context is not None else None)
        parent_id = None
        if context is not None and context.flow_run is not None:
            flow = await api.read_flow(deployment.flow_id)
            title = f"{flow.name}/{deployment.name}"
            parent_id = await create_parent_task_run(api, context, title, deployment.version, inputs.links)
        run = await api.create_flow_run_from_deployment(
            deployment.id,
            parameters=await resolve_inputs(values, inputs, context),
            state=states.Scheduled(scheduled_time=scheduled_time or now()),
            name=flow_run_name,
            tags=tags,
            idempotency_key=idempotency_key,
            parent_task_run_id=parent_id,
            work_queue_name=work_queue_name,
            job_variables=job_variables,
        )
        if end <= time.monotonic() or (run.state is not None and run.state.is_final()):
            return run
        interval = run_waiting.MAX_POLL_INTERVAL_SECONDS if poll_interval is None else poll_interval
        return await run_waiting.wait_until_ended(api, run.id, end, interval)


run_deployment = twin(arun_deployment)


async def _read_deployment(client: PrefectClient, name: str | UUID) -> DeploymentResponse:
    if isinstance(name, str):
        try:
            name = UUID(name)
        except ValueError:
            return await client.read_deployment_by_name(str(name))
    return await client.read_deployment(name)


_LINKS = {"task_run": run_inputs.TaskRunResult, "flow_run": run_inputs.FlowRunResult}


class _StandInTask:
    """The task that stands for flow runs elsewhere in a flow run."""

    def __init__(self, name: str, version: str | None) -> None:
        self.name = self.task_key = name
        self.version = version
        self.tags = frozenset[str]()


async def create_parent_task_run(
    client: PrefectClient, context: EngineContext, name: str, version: str | None, links: dict[str, list[Any]]
) -> UUID:
    """Create the task run that stands for a new run elsewhere in the current flow run, and return its id.

    Args:
        client: The client of the API.
        context: The current flow run.
        name: The name of the task run.
        version: The version of the deployment or flow.
        links: The runs that its parameters come from, by parameter.
    """
    assert context.flow_run is not None
    caller = TaskRunContext.get()
    if caller is not None:
        links["__parents__"] = [{"input_type": "task_run", "id": caller.task_run_id}]
    task_run = await client.create_task_run(
        _StandInTask(name, version),
        context.flow_run.id,
        dynamic_key=str(uuid4()),
        name=name,
        state=states.Pending(),
        task_inputs={
            name: [_LINKS[link["input_type"]](id=link["id"]) for link in each] for name, each in links.items()
        },
    )
    return task_run.id
