"""Flow runs, as the client reads and changes them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from uuid import UUID

from prefect._lazy import lazy, lazy_from
from prefect.client import wire
from prefect.client.orchestration import base
from prefect.client.orchestration.related_filters import PagedFilters, RelatedFilters, shows_filters

if TYPE_CHECKING:
    from typing import Unpack

    from httpx import Response

    from prefect.schemas import responses, sorting, states
    from prefect.schemas import runs as objects
    from prefect.schemas.actions import runs as actions
    from prefect.schemas.states import State
else:
    actions = lazy("prefect.schemas.actions.runs")
    objects, responses, states = lazy_from("prefect.schemas", "runs", "responses", "states")


class FlowRunAsyncClient(base.BaseAsyncClient):
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
        """Create a run of a flow, in state Pending by default. It is not started.

        Args:
            flow: The flow.
            name: The run's name; made up if None.
            parameters: The flow's arguments, by name.
            context: Values to keep with the run.
            tags: Tags in addition to the flow's own.
            parent_task_run_id: The task run that stands for this run in its parent flow.
            state: The run's first state.
            work_pool_name: The work pool it is for.
            work_queue_name: The work queue it is for.
            job_variables: What the work pool's job template is filled with.
        """
        policy = base.drop_none(
            retries=getattr(flow, "retries", None), retry_delay=int(getattr(flow, "retry_delay_seconds", None) or 0)
        )
        new = actions.FlowRunCreate(
            flow_id=(await self._call("POST", "/flows/", {"name": flow.name}))["id"],
            parameters=parameters or {},
            context=context or {},
            tags=sorted(set(tags or ())),
            empirical_policy=objects.FlowRunPolicy(**policy),
            **base.drop_none(
                name=name,
                flow_version=getattr(flow, "version", None),
                parent_task_run_id=parent_task_run_id,
                work_pool_name=work_pool_name,
                work_queue_name=work_queue_name,
                job_variables=job_variables,
            ),
        )
        first = wire.dump_state(state or states.State(type=states.StateType.PENDING))
        body = wire.create_flow_run_body(base.dump_set_fields(new), state=first)
        return wire.parse_flow_run(await self._call("POST", "/flow_runs/", body))

    async def read_flow_run(self, flow_run_id: UUID) -> objects.FlowRun:
        """Return the flow run with this id.

        Raises:
            ObjectNotFound: There is none.
        """
        return wire.parse_flow_run(await self._call("GET", "/flow_runs/{id}", id=base.parse_id(flow_run_id)))

    @shows_filters(PagedFilters)
    async def read_flow_runs(
        self, *, sort: sorting.FlowRunSort | None = None, **related: Unpack[PagedFilters]
    ) -> list[objects.FlowRun]:
        """Return the flow runs that satisfy all filters.

        Args:
            sort: The order; newest id first if None.
            **related: What the objects must satisfy that they are related to, and the page of them: `PagedFilters`.
        """
        body = base.build_query(related, PagedFilters, sort=sort)
        return base.parse_many(objects.FlowRun, await self._call("POST", "/flow_runs/filter", body))

    @shows_filters(RelatedFilters)
    async def count_flow_runs(self, **related: Unpack[RelatedFilters]) -> int:
        """Return how many flow runs satisfy all filters; what they are about is as in `read_flow_runs`."""
        return await self._call("POST", "/flow_runs/count", base.build_query(related, RelatedFilters))

    async def read_flow_run_states(self, flow_run_id: UUID) -> list[State[Any]]:
        """Return all states of a flow run, oldest first; none for a run that is not known."""
        answer = await self._call("GET", "/flow_run_states/", flow_run_id=base.parse_id(flow_run_id))
        return base.parse_many(states.State, answer)

    async def read_flow_run_state(self, flow_run_state_id: UUID) -> State[Any]:
        """Return the flow run state with this id.

        Raises:
            ObjectNotFound: There is none.
        """
        answer = await self._call("GET", "/flow_run_states/{id}", id=base.parse_id(flow_run_state_id))
        return wire.parse_state(answer)

    async def set_flow_run_state(
        self, flow_run_id: UUID | str, state: State[Any], force: bool = False
    ) -> responses.OrchestrationResult[Any]:
        """Ask for a flow run to enter a state.

        Args:
            flow_run_id: The run.
            state: The state.
            force: Skip the rules that could refuse it.

        Returns:
            Whether it was accepted, and the state the run is in now.

        Raises:
            ObjectNotFound: There is no such run.
        """
        id = base.parse_id(flow_run_id)
        body = wire.propose_state_body(state, force=force, flow_run_id=id)
        answer = await self._call("POST", "/flow_runs/{id}/set_state", body, id=id)
        return wire.parse_proposal_answer(answer, state, body)

    async def resume_flow_run(
        self, flow_run_id: UUID, run_input: dict[str, Any] | None = None
    ) -> responses.OrchestrationResult[Any]:
        """Resume a paused flow run.

        Args:
            flow_run_id: The run.
            run_input: The input it waits for, if any.

        Returns:
            Whether it was accepted, and the state the run is in now.

        Raises:
            ObjectNotFound: There is no such run.
        """
        answer = await self._call("POST", "/flow_runs/{id}/resume", base.drop_none(run_input=run_input), id=flow_run_id)
        return responses.OrchestrationResult.model_validate(answer)

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
        """Change the fields of a flow run that are passed.

        Raises:
            ObjectNotFound: There is no such run.
        """
        values = base.drop_none(
            flow_version=flow_version,
            parameters=parameters,
            name=name,
            tags=None if tags is None else list(tags),
            empirical_policy=empirical_policy and base.dump_set_fields(empirical_policy),
            infrastructure_pid=infrastructure_pid,
            job_variables=job_variables,
        )
        return await self._call_raw("PATCH", "/flow_runs/{id}", values, id=base.parse_id(flow_run_id))

    async def set_flow_run_name(self, flow_run_id: UUID, name: str) -> Response:
        """Rename a flow run.

        Raises:
            ObjectNotFound: There is no such run.
        """
        return await self.update_flow_run(flow_run_id, name=name)

    async def update_flow_run_labels(self, flow_run_id: UUID, labels: dict[str, Any]) -> None:
        """Add labels to a flow run; labels of the same name are replaced.

        Raises:
            ObjectNotFound: There is no such run.
        """
        await self._call("PATCH", "/flow_runs/{id}/labels", labels, id=base.parse_id(flow_run_id))

    async def delete_flow_run(self, flow_run_id: UUID) -> None:
        """Delete a flow run with its task runs and logs.

        Raises:
            ObjectNotFound: There is none with this id.
        """
        await self._call("DELETE", "/flow_runs/{id}", id=base.parse_id(flow_run_id))

    # --- input of a paused run: text by key ---

    async def create_flow_run_input(self, flow_run_id: UUID, key: str, value: str, sender: str | None = None) -> None:
        """Add an input to a flow run.

        Args:
            flow_run_id: The run.
            key: Its name.
            value: What it is, as JSON.
            sender: Who sends it, for instance `"prefect.flow-run.<id>"`.

        Raises:
            ObjectNotFound: There is no such run.
            ObjectAlreadyExists: The run has an input with this key.
        """
        body = {"key": key, "value": value, **base.drop_none(sender=sender)}
        await self._call("POST", "/flow_runs/{id}/input", body, id=flow_run_id)

    async def filter_flow_run_input(
        self, flow_run_id: UUID, key_prefix: str, limit: int, exclude_keys: set[str]
    ) -> list[objects.FlowRunInput]:
        """Return the inputs of a flow run whose keys begin with a prefix, oldest first.

        Args:
            flow_run_id: The run.
            key_prefix: What the keys begin with.
            limit: How many at most.
            exclude_keys: Keys to leave out.
        """
        body = {"prefix": key_prefix, "limit": limit, "exclude_keys": sorted(exclude_keys)}
        answer = await self._call("POST", "/flow_runs/{id}/input/filter", body, id=flow_run_id)
        return base.parse_many(objects.FlowRunInput, answer)

    async def read_flow_run_input(self, flow_run_id: UUID, key: str) -> str:
        """Return the input of a flow run with this key, as JSON.

        Raises:
            ObjectNotFound: There is none.
        """
        return await self._call("GET", "/flow_runs/{id}/input/{key}", id=flow_run_id, key=key)

    async def delete_flow_run_input(self, flow_run_id: UUID, key: str) -> None:
        """Delete the input of a flow run with this key.

        Raises:
            ObjectNotFound: There is none.
        """
        await self._call("DELETE", "/flow_runs/{id}/input/{key}", id=flow_run_id, key=key)


class FlowRunClient(base.BaseClient):
    """`FlowRunAsyncClient` for sync code."""

    count_flow_runs = base.sync_method(FlowRunAsyncClient.count_flow_runs)
    create_flow_run = base.sync_method(FlowRunAsyncClient.create_flow_run)
    create_flow_run_input = base.sync_method(FlowRunAsyncClient.create_flow_run_input)
    delete_flow_run = base.sync_method(FlowRunAsyncClient.delete_flow_run)
    delete_flow_run_input = base.sync_method(FlowRunAsyncClient.delete_flow_run_input)
    filter_flow_run_input = base.sync_method(FlowRunAsyncClient.filter_flow_run_input)
    read_flow_run = base.sync_method(FlowRunAsyncClient.read_flow_run)
    read_flow_run_input = base.sync_method(FlowRunAsyncClient.read_flow_run_input)
    read_flow_run_state = base.sync_method(FlowRunAsyncClient.read_flow_run_state)
    read_flow_run_states = base.sync_method(FlowRunAsyncClient.read_flow_run_states)
    read_flow_runs = base.sync_method(FlowRunAsyncClient.read_flow_runs)
    resume_flow_run = base.sync_method(FlowRunAsyncClient.resume_flow_run)
    set_flow_run_name = base.sync_method(FlowRunAsyncClient.set_flow_run_name)
    set_flow_run_state = base.sync_method(FlowRunAsyncClient.set_flow_run_state)
    update_flow_run = base.sync_method(FlowRunAsyncClient.update_flow_run)
    update_flow_run_labels = base.sync_method(FlowRunAsyncClient.update_flow_run_labels)
