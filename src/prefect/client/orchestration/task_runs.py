"""Task runs, as the client reads and changes them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from uuid import UUID

from prefect._lazy import lazy, lazy_from
from prefect.client import wire
from prefect.client.orchestration import base
from prefect.client.orchestration.related_filters import PagedRunFilters, shows_filters

if TYPE_CHECKING:
    from typing import Unpack

    from httpx import Response

    from prefect.schemas import responses, sorting, states
    from prefect.schemas import runs as objects
    from prefect.schemas.actions import runs as actions
    from prefect.schemas.states import State
else:
    actions = lazy("prefect.schemas.actions.runs")
    objects, states = lazy_from("prefect.schemas", "runs", "states")


class TaskRunAsyncClient(base.BaseAsyncClient):
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
        """Create a run of a task, in state Pending by default. It is not started.

        Args:
            task: The task.
            flow_run_id: The flow run it belongs to, if any.
            dynamic_key: What distinguishes it from other runs of the task in the flow run.
            id: The run's id; made if None. A run that exists with it is returned as it is.
            name: The run's name; made of the task's name and the dynamic key if None.
            extra_tags: Tags in addition to the task's own.
            state: The run's first state.
            task_inputs: Where each argument came from.
        """
        policy = base.drop_none(
            retries=getattr(task, "retries", None),
            retry_delay=getattr(task, "retry_delay_seconds", None),
            retry_jitter_factor=getattr(task, "retry_jitter_factor", None),
        )
        new = actions.TaskRunCreate(
            name=name or f"{task.name}-{dynamic_key}",
            flow_run_id=flow_run_id,
            task_key=task.task_key,
            dynamic_key=str(dynamic_key),
            tags=sorted({*(getattr(task, "tags", None) or ()), *(extra_tags or ())}),
            empirical_policy=objects.TaskRunPolicy(**policy),
            **base.drop_none(id=id, task_version=getattr(task, "version", None)),
        )
        first = wire.dump_state(state or states.State(type=states.StateType.PENDING))
        # With defaults: the type of an input is a field that callers do not set.
        inputs = {name: [one.model_dump(mode="json") for one in ones] for name, ones in (task_inputs or {}).items()}
        body = wire.create_task_run_body({**base.dump_set_fields(new), "task_inputs": inputs}, state=first)
        return wire.parse_task_run(await self._call("POST", "/task_runs/", body))

    async def read_task_run(self, task_run_id: UUID) -> objects.TaskRun:
        """Return the task run with this id.

        Raises:
            ObjectNotFound: There is none.
        """
        return wire.parse_task_run(await self._call("GET", "/task_runs/{id}", id=base.parse_id(task_run_id)))

    @shows_filters(PagedRunFilters)
    async def read_task_runs(
        self, *, sort: sorting.TaskRunSort | None = None, **related: Unpack[PagedRunFilters]
    ) -> list[objects.TaskRun]:
        """Return the task runs that satisfy all filters; filters on flows and deployments apply to the run's flow run.

        Args: as for `read_flow_runs`.
        """
        body = base.build_query(related, PagedRunFilters, sort=sort)
        return base.parse_many(objects.TaskRun, await self._call("POST", "/task_runs/filter", body))

    async def read_task_run_states(self, task_run_id: UUID) -> list[State[Any]]:
        """Return all states of a task run, oldest first; none for a run that is not known."""
        return base.parse_many(
            states.State, await self._call("GET", "/task_run_states/", task_run_id=base.parse_id(task_run_id))
        )

    async def set_task_run_state(
        self, task_run_id: UUID, state: State[Any], force: bool = False
    ) -> responses.OrchestrationResult[Any]:
        """Propose a state for a task run; see `set_flow_run_state`.

        Raises:
            ObjectNotFound: There is no such run.
        """
        id = base.parse_id(task_run_id)
        body = wire.propose_state_body(state, force=force, task_run_id=id)
        answer = await self._call("POST", "/task_runs/{id}/set_state", body, id=id)
        return wire.parse_proposal_answer(answer, state, body)

    async def set_task_run_name(self, task_run_id: UUID, name: str) -> Response:
        """Rename a task run.

        Raises:
            ObjectNotFound: There is no such run.
        """
        return await self._call_raw("PATCH", "/task_runs/{id}", {"name": name}, id=base.parse_id(task_run_id))

    async def delete_task_run(self, task_run_id: UUID) -> None:
        """Delete a task run with its logs.

        Raises:
            ObjectNotFound: There is none with this id.
        """
        await self._call("DELETE", "/task_runs/{id}", id=base.parse_id(task_run_id))


class TaskRunClient(base.BaseClient):
    """`TaskRunAsyncClient` for sync code."""

    create_task_run = base.sync_method(TaskRunAsyncClient.create_task_run)
    delete_task_run = base.sync_method(TaskRunAsyncClient.delete_task_run)
    read_task_run = base.sync_method(TaskRunAsyncClient.read_task_run)
    read_task_run_states = base.sync_method(TaskRunAsyncClient.read_task_run_states)
    read_task_runs = base.sync_method(TaskRunAsyncClient.read_task_runs)
    set_task_run_name = base.sync_method(TaskRunAsyncClient.set_task_run_name)
    set_task_run_state = base.sync_method(TaskRunAsyncClient.set_task_run_state)
