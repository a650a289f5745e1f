"""Task runs, as the client reads and changes them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from uuid import UUID

from prefect._lazy import lazy
from prefect.client.orchestration.base import Endpoints, given, models, related
from prefect.client.orchestration.flow_runs import as_id, done
from prefect.client.orchestration.states import as_request, orchestrated

if TYPE_CHECKING:
    from httpx import Response

    from prefect.schemas import filters, responses, sorting, states
    from prefect.schemas import runs as objects
    from prefect.schemas.states import State
else:
    objects = lazy("prefect.schemas.runs")
    states = lazy("prefect.schemas.states")


class TaskRunAsyncClient(Endpoints):
    """Operations on task runs."""

    async def create_task_run(
        self,
        task: Any,
        flow_run_id: UUID | None,
        dynamic_key: str,
        id: UUID | None = None,
        name: str | None = None,
        extra_tags: Iterable[str] | None = None,
        state: State[Any] | None = None,
        task_inputs: dict[str, list[Any]] | None = None,
    ) -> objects.TaskRun:
        """Create a run of a task, in state Pending unless another is given. It is not started.

        Args:
            task: The task.
            flow_run_id: The flow run it belongs to, if any.
            dynamic_key: What distinguishes it from other runs of the task in the flow run.
            id: The run's id; made if None. A run that exists with it is returned as it is.
            name: The run's name; made of the task's name and the dynamic key if None.
            extra_tags: Tags beside the task's own.
            state: The run's first state.
            task_inputs: Where each argument came from.
        """
        retries, delay = getattr(task, "retries", None), getattr(task, "retry_delay_seconds", None)
        run = objects.TaskRun(
            name=name or f"{task.name}-{dynamic_key}",
            flow_run_id=flow_run_id,
            task_key=task.task_key,
            dynamic_key=str(dynamic_key),
            task_version=getattr(task, "version", None),
            tags=sorted({*(getattr(task, "tags", None) or ()), *(extra_tags or ())}),
            task_inputs=task_inputs or {},
            **given(id=id),
        )
        values = {
            **run.model_dump(include={"id", "name", "flow_run_id", "task_key", "dynamic_key", "task_version", "tags"}),
            "task_inputs": run.model_dump(mode="json", include={"task_inputs"})["task_inputs"],
            "empirical_policy": given(
                retries=retries,
                retry_delay=delay,
                retry_jitter_factor=getattr(task, "retry_jitter_factor", None),
            ),
            "state": as_request(state or states.State(type=states.StateType.PENDING)),
        }
        return objects.TaskRun.model_validate(await self._call("POST", "/task_runs/", values))

    async def read_task_run(self, task_run_id: UUID) -> objects.TaskRun:
        """The task run with this id.

        Raises:
            ObjectNotFound: There is none.
        """
        return objects.TaskRun.model_validate(await self._call("GET", "/task_runs/{id}", id=as_id(task_run_id)))

    async def read_task_runs(
        self,
        *,
        flow_filter: filters.FlowFilter | None = None,
        flow_run_filter: filters.FlowRunFilter | None = None,
        task_run_filter: filters.TaskRunFilter | None = None,
        deployment_filter: filters.DeploymentFilter | None = None,
        sort: sorting.TaskRunSort | None = None,
        limit: int | None = None,
        offset: int = 0,
    ) -> list[objects.TaskRun]:
        """The task runs that satisfy all filters.

        Args:
            flow_filter: What the flow of the run's flow run must satisfy.
            flow_run_filter: What the run's flow run must satisfy.
            task_run_filter: What the run must satisfy.
            deployment_filter: What the deployment of its flow run must satisfy.
            sort: The order; newest id first if None.
            limit: How many at most; 200 if None.
            offset: How many to skip first.
        """
        criteria = related(flow_filter, flow_run_filter, task_run_filter, deployment_filter)
        body = {**criteria, "sort": sort, "limit": limit, "offset": offset}
        return models(objects.TaskRun, await self._call("POST", "/task_runs/filter", body))

    async def read_task_run_states(self, task_run_id: UUID) -> list[State[Any]]:
        """All states of a task run, oldest first; none for a run that is not known."""
        return models(states.State, await self._call("GET", "/task_run_states/", task_run_id=as_id(task_run_id)))

    async def set_task_run_state(
        self, task_run_id: UUID, state: State[Any], force: bool = False
    ) -> responses.OrchestrationResult[Any]:
        """Ask for a task run to enter a state; as `set_flow_run_state`.

        Raises:
            ObjectNotFound: There is no such run.
        """
        body = {"state": as_request(state), "force": force}
        return orchestrated(await self._call("POST", "/task_runs/{id}/set_state", body, id=as_id(task_run_id)), state)

    async def set_task_run_name(self, task_run_id: UUID, name: str) -> Response:
        """Give a task run another name.

        Raises:
            ObjectNotFound: There is no such run.
        """
        await self._call("PATCH", "/task_runs/{id}", {"name": name}, id=as_id(task_run_id))
        return done()

    async def delete_task_run(self, task_run_id: UUID) -> None:
        """Delete a task run with its logs.

        Raises:
            ObjectNotFound: There is none with this id.
        """
        await self._call("DELETE", "/task_runs/{id}", id=as_id(task_run_id))
