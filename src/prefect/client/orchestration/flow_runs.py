"""Flow runs, as the client reads and changes them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from uuid import UUID

from prefect._lazy import lazy
from prefect.client.orchestration.base import Endpoints, given, models, related
from prefect.client.orchestration.states import as_request, orchestrated

if TYPE_CHECKING:
    from httpx import Response

    from prefect.schemas import filters, responses, sorting, states
    from prefect.schemas import runs as objects
    from prefect.schemas.states import State
else:
    objects = lazy("prefect.schemas.runs")
    states = lazy("prefect.schemas.states")


class FlowRunAsyncClient(Endpoints):
    """Operations on flow runs."""

    async def create_flow_run(
        self,
        flow: Any,
        name: str | None = None,
        parameters: dict[str, Any] | None = None,
        context: dict[str, Any] | None = None,
        tags: Iterable[str] | None = None,
        parent_task_run_id: UUID | None = None,
        state: State[Any] | None = None,
        work_pool_name: str | None = None,
        work_queue_name: str | None = None,
        job_variables: dict[str, Any] | None = None,
    ) -> objects.FlowRun:
        """Create a run of a flow, in state Pending unless another is given. It is not started.

        Args:
            flow: The flow.
            name: The run's name; made up if None.
            parameters: The flow's arguments, by name.
            context: Values to keep with the run.
            tags: Tags beside the flow's own.
            parent_task_run_id: The task run that stands for this run in its parent flow.
            state: The run's first state.
            work_pool_name: The work pool it is for.
            work_queue_name: The work queue it is for.
            job_variables: What the work pool's job template is filled with.
        """
        if work_pool_name is not None:
            raise NotImplementedError("A flow run for a work pool needs the server's work pools (issue 3).")
        policy = given(
            retries=getattr(flow, "retries", None), retry_delay=int(getattr(flow, "retry_delay_seconds", None) or 0)
        )
        run = objects.FlowRun(
            flow_id=(await self._call("POST", "/flows/", {"name": flow.name}))["id"],
            flow_version=getattr(flow, "version", None),
            parameters=parameters or {},
            context=context or {},
            tags=sorted(set(tags or ())),
            parent_task_run_id=parent_task_run_id,
            job_variables=job_variables,
            work_queue_name=work_queue_name,
            **given(name=name),
        )
        values = {
            **run.model_dump(include=_CREATED),
            "parameters": run.model_dump(mode="json", include={"parameters"})["parameters"],
            "empirical_policy": policy,
            "state": as_request(state or states.State(type=states.StateType.PENDING)),
        }
        return objects.FlowRun.model_validate(await self._call("POST", "/flow_runs/", values))

    async def read_flow_run(self, flow_run_id: UUID) -> objects.FlowRun:
        """The flow run with this id.

        Raises:
            ObjectNotFound: There is none.
        """
        return objects.FlowRun.model_validate(await self._call("GET", "/flow_runs/{id}", id=as_id(flow_run_id)))

    async def read_flow_runs(
        self,
        *,
        flow_filter: filters.FlowFilter | None = None,
        flow_run_filter: filters.FlowRunFilter | None = None,
        task_run_filter: filters.TaskRunFilter | None = None,
        deployment_filter: filters.DeploymentFilter | None = None,
        work_pool_filter: filters.WorkPoolFilter | None = None,
        work_queue_filter: filters.WorkQueueFilter | None = None,
        sort: sorting.FlowRunSort | None = None,
        limit: int | None = None,
        offset: int = 0,
    ) -> list[objects.FlowRun]:
        """The flow runs that satisfy all filters.

        Args:
            flow_filter: What the run's flow must satisfy.
            flow_run_filter: What the run must satisfy.
            task_run_filter: What one of its task runs must satisfy.
            deployment_filter: What its deployment must satisfy.
            work_pool_filter: What its work pool must satisfy.
            work_queue_filter: What its work queue must satisfy.
            sort: The order; newest id first if None.
            limit: How many at most; 200 if None.
            offset: How many to skip first.
        """
        criteria = related(
            flow_filter, flow_run_filter, task_run_filter, deployment_filter, work_pool_filter, work_queue_filter
        )
        body = {**criteria, "sort": sort, "limit": limit, "offset": offset}
        return models(objects.FlowRun, await self._call("POST", "/flow_runs/filter", body))

    async def count_flow_runs(
        self,
        *,
        flow_filter: filters.FlowFilter | None = None,
        flow_run_filter: filters.FlowRunFilter | None = None,
        task_run_filter: filters.TaskRunFilter | None = None,
        deployment_filter: filters.DeploymentFilter | None = None,
        work_pool_filter: filters.WorkPoolFilter | None = None,
        work_queue_filter: filters.WorkQueueFilter | None = None,
    ) -> int:
        """How many flow runs satisfy all filters; what they are about is as in `read_flow_runs`."""
        criteria = related(
            flow_filter, flow_run_filter, task_run_filter, deployment_filter, work_pool_filter, work_queue_filter
        )
        return await self._call("POST", "/flow_runs/count", criteria)

    async def read_flow_run_states(self, flow_run_id: UUID) -> list[State[Any]]:
        """All states of a flow run, oldest first; none for a run that is not known."""
        answer = await self._call("GET", "/flow_run_states/", flow_run_id=as_id(flow_run_id))
        return models(states.State, answer)

    async def read_flow_run_state(self, flow_run_state_id: UUID) -> State[Any]:
        """The flow run state with this id.

        Raises:
            ObjectNotFound: There is none.
        """
        answer = await self._call("GET", "/flow_run_states/{id}", id=as_id(flow_run_state_id))
        return states.State.model_validate(answer)

    async def set_flow_run_state(
        self, flow_run_id: UUID | str, state: State[Any], force: bool = False
    ) -> responses.OrchestrationResult[Any]:
        """Ask for a flow run to enter a state.

        Args:
            flow_run_id: The run.
            state: The state.
            force: Skip the rules that could refuse it. Without a server there are none that could.

        Returns:
            Whether it was accepted, and the state the run is in now.

        Raises:
            ObjectNotFound: There is no such run.
        """
        body = {"state": as_request(state), "force": force}
        return orchestrated(await self._call("POST", "/flow_runs/{id}/set_state", body, id=as_id(flow_run_id)), state)

    async def update_flow_run(
        self,
        flow_run_id: UUID,
        flow_version: str | None = None,
        parameters: dict[str, Any] | None = None,
        name: str | None = None,
        tags: Iterable[str] | None = None,
        empirical_policy: objects.FlowRunPolicy | None = None,
        infrastructure_pid: str | None = None,
        job_variables: dict[str, Any] | None = None,
    ) -> Response:
        """Change what is given of a flow run.

        Raises:
            ObjectNotFound: There is no such run.
        """
        values = given(
            flow_version=flow_version,
            parameters=parameters,
            name=name,
            tags=None if tags is None else list(tags),
            empirical_policy=empirical_policy and empirical_policy.model_dump(mode="json", exclude_unset=True),
            infrastructure_pid=infrastructure_pid,
            job_variables=job_variables,
        )
        await self._call("PATCH", "/flow_runs/{id}", values, id=as_id(flow_run_id))
        return done()

    async def set_flow_run_name(self, flow_run_id: UUID, name: str) -> Response:
        """Give a flow run another name.

        Raises:
            ObjectNotFound: There is no such run.
        """
        return await self.update_flow_run(flow_run_id, name=name)

    async def update_flow_run_labels(self, flow_run_id: UUID, labels: dict[str, Any]) -> None:
        """Add labels to a flow run's, in place of those of the same name.

        Raises:
            ObjectNotFound: There is no such run.
        """
        await self._call("PATCH", "/flow_runs/{id}/labels", labels, id=as_id(flow_run_id))

    async def delete_flow_run(self, flow_run_id: UUID) -> None:
        """Delete a flow run with its task runs and logs.

        Raises:
            ObjectNotFound: There is none with this id.
        """
        await self._call("DELETE", "/flow_runs/{id}", id=as_id(flow_run_id))


_CREATED = {
    *("name", "flow_id", "flow_version", "context", "tags", "parent_task_run_id", "job_variables", "work_queue_name"),
}


def as_id(value: UUID | str) -> UUID:
    """An id that may have been given as text."""
    return value if isinstance(value, UUID) else UUID(value)


def done() -> Response:
    """The HTTP response of an operation that answers nothing: programs may look at its status."""
    import httpx

    return httpx.Response(204)
