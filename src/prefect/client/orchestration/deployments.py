"""Deployments and their schedules, as the client reads and changes them and starts their runs."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from uuid import UUID

from prefect._lazy import lazy_from
from prefect.client import wire
from prefect.client.orchestration import base as _base
from prefect.client.orchestration.related_filters import RelatedFilters, shows_filters

if TYPE_CHECKING:
    from typing import Unpack

    from prefect.schemas import actions, deployments, responses, sorting, states
    from prefect.schemas import runs as objects
    from prefect.schemas.actions import DeploymentScheduleCreate, DeploymentUpdate
    from prefect.schemas.concurrency import ConcurrencyOptions
    from prefect.schemas.deployments import DeploymentBranchingOptions, VersionInfo
    from prefect.schemas.schedules import SCHEDULE_TYPES
    from prefect.schemas.states import State
else:
    actions, deployments, objects = lazy_from("prefect.schemas", "actions", "deployments", "runs")
    responses, states = lazy_from("prefect.schemas", "responses", "states")


class DeploymentAsyncClient(_base.BaseAsyncClient):
    """Operations on deployments."""

    async def create_deployment(
        self,
        flow_id: UUID,
        name: str,
        version: str | None = None,
        version_info: VersionInfo | None = None,
        schedules: list[DeploymentScheduleCreate] | None = None,
        concurrency_limit: int | None = None,
        concurrency_options: ConcurrencyOptions | None = None,
        parameters: dict[str, Any] | None = None,
        description: str | None = None,
        work_queue_name: str | None = None,
        work_pool_name: str | None = None,
        tags: list[str] | None = None,
        storage_document_id: UUID | None = None,
        path: str | None = None,
        entrypoint: str | None = None,
        infrastructure_document_id: UUID | None = None,
        parameter_openapi_schema: dict[str, Any] | None = None,
        paused: bool | None = None,
        pull_steps: list[dict[str, Any]] | None = None,
        enforce_parameter_schema: bool | None = None,
        job_variables: dict[str, Any] | None = None,
        branch: str | None = None,
        base: UUID | None = None,
        root: UUID | None = None,
    ) -> UUID:
        """Create a deployment of a flow, or change the one of this name.

        Args:
            flow_id: The flow.
            name: The deployment's name.
            version: The version of the flow's code.
            version_info: The source of this version.
            schedules: When it runs by itself.
            concurrency_limit: How many of its runs run at the same time at most.
            concurrency_options: What happens to a run beyond that.
            parameters: Arguments of its runs, by name.
            description: What it is for.
            work_queue_name: The work queue its runs wait in.
            work_pool_name: The work pool that runs it.
            tags: Tags of its runs.
            storage_document_id: The block with its code.
            path: Where its code is, below the storage.
            entrypoint: Which flow it is: `"file.py:function"` or `"module.function"`.
            infrastructure_document_id: The block of its infrastructure.
            parameter_openapi_schema: What its parameters must be, as a JSON schema.
            paused: Whether its schedules make no runs.
            pull_steps: How a worker gets its code.
            enforce_parameter_schema: Whether the parameters of a run must satisfy the schema.
            job_variables: What the work pool's job template is filled with.
            branch: The branch of its code that it stands for.
            base: The deployment that it was branched from.
            root: The deployment at the root of its branches.

        Returns:
            Its id.
        """
        new = actions.DeploymentCreate(
            flow_id=flow_id,
            name=name,
            parameters=parameters or {},
            **_base.drop_none(
                version=version,
                version_info=version_info,
                schedules=schedules,
                concurrency_limit=concurrency_limit,
                concurrency_options=concurrency_options,
                description=description,
                work_queue_name=work_queue_name,
                work_pool_name=work_pool_name,
                tags=None if tags is None else list(tags),
                storage_document_id=storage_document_id,
                path=path,
                entrypoint=entrypoint,
                infrastructure_document_id=infrastructure_document_id,
                parameter_openapi_schema=parameter_openapi_schema,
                paused=paused,
                pull_steps=pull_steps,
                enforce_parameter_schema=enforce_parameter_schema,
                job_variables=job_variables,
                branch=branch,
                base=base,
                root=root,
            ),
        )
        return _base.parse_id((await self._call("POST", "/deployments/", _base.dump_set_fields(new)))["id"])

    async def read_deployment(self, deployment_id: UUID | str) -> responses.DeploymentResponse:
        """Return the deployment with this id.

        Raises:
            ObjectNotFound: There is none.
            ValueError: The value is not an id.
        """
        answer = await self._call("GET", "/deployments/{id}", id=_as_deployment_id(deployment_id))
        return responses.DeploymentResponse.model_validate(answer)

    async def read_deployment_by_name(self, name: str) -> responses.DeploymentResponse:
        """Return the deployment of this name, `"<flow>/<deployment>"`.

        Raises:
            ObjectNotFound: There is none.
            ValueError: The name has another form.
        """
        flow_name, slash, deployment_name = name.partition("/")
        if not slash:
            raise ValueError(f"The name of a deployment is written <flow>/<deployment>, and {name!r} has no slash.")
        route = "/deployments/name/{flow_name}/{deployment_name}"
        answer = await self._call("GET", route, flow_name=flow_name, deployment_name=deployment_name)
        return responses.DeploymentResponse.model_validate(answer)

    @shows_filters(RelatedFilters)
    async def read_deployments(
        self,
        *,
        limit: int | None = None,
        sort: sorting.DeploymentSort | None = None,
        offset: int = 0,
        **related: Unpack[RelatedFilters],
    ) -> list[responses.DeploymentResponse]:
        """Return the deployments that satisfy all filters.

        Args:
            **related: What the objects must satisfy that they are related to, as in `RelatedFilters`.
            limit: How many at most; 200 if None.
            sort: The order; by name if None.
            offset: How many to skip first.
        """
        body = _base.build_query(related, RelatedFilters, sort=sort, limit=limit, offset=offset)
        return _base.parse_many(responses.DeploymentResponse, await self._call("POST", "/deployments/filter", body))

    async def update_deployment(self, deployment_id: UUID, deployment: DeploymentUpdate) -> None:
        """Change what is set of a deployment.

        Raises:
            ObjectNotFound: There is none with this id.
        """
        await self._call("PATCH", "/deployments/{id}", _base.dump_set_fields(deployment), id=deployment_id)

    async def pause_deployment(self, deployment_id: UUID | str) -> None:
        """Pause a deployment: its schedules create no runs.

        Raises:
            ObjectNotFound: There is none with this id.
            ValueError: The value is not an id.
        """
        await self._call("PATCH", "/deployments/{id}", {"paused": True}, id=_as_deployment_id(deployment_id))

    async def resume_deployment(self, deployment_id: UUID | str) -> None:
        """Resume a deployment: its schedules create runs again.

        Raises:
            ObjectNotFound: There is none with this id.
            ValueError: The value is not an id.
        """
        await self._call("PATCH", "/deployments/{id}", {"paused": False}, id=_as_deployment_id(deployment_id))

    async def set_deployment_paused_state(self, deployment_id: UUID, paused: bool) -> None:
        """Former form of `pause_deployment` and `resume_deployment`."""
        await self._call("PATCH", "/deployments/{id}", {"paused": paused}, id=deployment_id)

    async def delete_deployment(self, deployment_id: UUID) -> None:
        """Delete a deployment.

        Raises:
            ObjectNotFound: There is none with this id.
        """
        await self._call("DELETE", "/deployments/{id}", id=deployment_id)

    async def create_deployment_branch(
        self,
        deployment_id: UUID,
        branch: str,
        options: DeploymentBranchingOptions | None = None,
        overrides: DeploymentUpdate | None = None,
    ) -> UUID:
        """Copy a deployment for a branch of its code, which only Prefect Cloud can.

        Args:
            deployment_id: The deployment.
            branch: The branch.
            options: What becomes of its schedules.
            overrides: What else the copy has otherwise.

        Returns:
            The id of the copy.
        """
        new = actions.DeploymentBranch(branch=branch, **_base.drop_none(options=options, overrides=overrides))
        return _base.parse_id(
            (await self._call("POST", "/deployments/{id}/branch", _base.dump_set_fields(new), id=deployment_id))["id"]
        )

    # --- schedules ---

    async def create_deployment_schedules(
        self,
        deployment_id: UUID,
        schedules: list[tuple[SCHEDULE_TYPES, bool]] | list[DeploymentScheduleCreate],
        max_scheduled_runs: int | None = None,
        parameters: dict[str, Any] | None = None,
        slug: str | None = None,
    ) -> list[deployments.DeploymentSchedule]:
        """Add schedules to a deployment.

        Args:
            deployment_id: The deployment.
            schedules: The schedules, each with whether it is active unless it is a whole request.
            max_scheduled_runs: How many runs a schedule makes ahead at most.
            parameters: Arguments of the runs.
            slug: A name for the schedule, where there is one.

        Raises:
            ObjectNotFound: There is no such deployment.
        """
        shared = _base.drop_none(max_scheduled_runs=max_scheduled_runs, parameters=parameters, slug=slug)
        new = [
            actions.DeploymentScheduleCreate(schedule=one[0], active=one[1], **shared)
            if isinstance(one, tuple)
            else one
            for one in schedules
        ]
        body = [_base.dump_set_fields(one) for one in new]
        answer = await self._call("POST", "/deployments/{id}/schedules", body, id=deployment_id)
        return _base.parse_many(deployments.DeploymentSchedule, answer)

    async def read_deployment_schedules(self, deployment_id: UUID) -> list[deployments.DeploymentSchedule]:
        """Return the schedules of a deployment.

        Raises:
            ObjectNotFound: There is no such deployment.
        """
        answer = await self._call("GET", "/deployments/{id}/schedules", id=deployment_id)
        return _base.parse_many(deployments.DeploymentSchedule, answer)

    async def update_deployment_schedule(
        self,
        deployment_id: UUID,
        schedule_id: UUID,
        active: bool | None = None,
        schedule: SCHEDULE_TYPES | None = None,
        max_scheduled_runs: int | None = None,
        parameters: dict[str, Any] | None = None,
        slug: str | None = None,
    ) -> None:
        """Change the fields of a schedule that are passed.

        Raises:
            ObjectNotFound: The deployment has no such schedule.
        """
        changes = _base.drop_none(
            active=active, schedule=schedule, max_scheduled_runs=max_scheduled_runs, parameters=parameters, slug=slug
        )
        body = _base.dump_set_fields(actions.DeploymentScheduleUpdate(**changes))
        route = "/deployments/{id}/schedules/{schedule_id}"
        await self._call("PATCH", route, body, id=deployment_id, schedule_id=schedule_id)

    async def delete_deployment_schedule(self, deployment_id: UUID, schedule_id: UUID) -> None:
        """Delete a schedule of a deployment.

        Raises:
            ObjectNotFound: The deployment has no such schedule.
        """
        route = "/deployments/{id}/schedules/{schedule_id}"
        await self._call("DELETE", route, id=deployment_id, schedule_id=schedule_id)

    # --- runs ---

    async def create_flow_run_from_deployment(
        self,
        deployment_id: UUID,
        *,
        parameters: dict[str, Any] | None = None,
        context: dict[str, Any] | None = None,
        state: State[Any] | None = None,
        name: str | None = None,
        tags: Iterable[str] | None = None,
        idempotency_key: str | None = None,
        parent_task_run_id: UUID | None = None,
        work_queue_name: str | None = None,
        job_variables: dict[str, Any] | None = None,
        labels: dict[str, Any] | None = None,
    ) -> objects.FlowRun:
        """Create a run of a deployment, due now unless `state` is scheduled for another time.

        Args:
            deployment_id: The deployment.
            parameters: Arguments, by name, in place of the deployment's.
            context: Values to keep with the run.
            state: The run's first state.
            name: The run's name; made up if None.
            tags: Tags in addition to the deployment's.
            idempotency_key: A run of the deployment with the same key is returned instead.
            parent_task_run_id: The task run that stands for this run in its parent flow.
            work_queue_name: The work queue it waits in, if not the deployment's.
            job_variables: What the work pool's job template is filled with, in place of the deployment's.
            labels: Labels of the run.

        Raises:
            ObjectNotFound: There is no such deployment.
        """
        new = actions.DeploymentFlowRunCreate(
            parameters=parameters or {},
            context=context or {},
            tags=list(tags or ()),
            **_base.drop_none(
                name=name,
                idempotency_key=idempotency_key,
                parent_task_run_id=parent_task_run_id,
                work_queue_name=work_queue_name,
                job_variables=job_variables,
                labels=labels,
            ),
        )
        values = {**_base.dump_set_fields(new), "state": wire.dump_state(state or states.Scheduled())}
        answer = await self._call("POST", "/deployments/{id}/create_flow_run", values, id=deployment_id)
        return wire.parse_flow_run(answer)

    async def get_scheduled_flow_runs_for_deployments(
        self,
        deployment_ids: list[UUID],
        scheduled_before: datetime.datetime | None = None,
        limit: int | None = None,
    ) -> list[objects.FlowRun]:
        """Return the flow runs of deployments that are due.

        Args:
            deployment_ids: The deployments.
            scheduled_before: Those that are due before this time; all that are scheduled if None.
            limit: How many at most; 200 if None.
        """
        body = _base.drop_none(deployment_ids=deployment_ids, scheduled_before=scheduled_before, limit=limit)
        return _base.parse_many(objects.FlowRun, await self._call("POST", "/deployments/get_scheduled_flow_runs", body))


def _as_deployment_id(value: UUID | str) -> UUID:
    try:
        return _base.parse_id(value)
    except ValueError:
        raise ValueError(f"{value!r} is not the id of a deployment: an id is a UUID.") from None


class DeploymentClient(_base.BaseClient):
    """`DeploymentAsyncClient` for sync code."""

    create_deployment = _base.sync_method(DeploymentAsyncClient.create_deployment)
    create_deployment_branch = _base.sync_method(DeploymentAsyncClient.create_deployment_branch)
    create_deployment_schedules = _base.sync_method(DeploymentAsyncClient.create_deployment_schedules)
    create_flow_run_from_deployment = _base.sync_method(DeploymentAsyncClient.create_flow_run_from_deployment)
    delete_deployment = _base.sync_method(DeploymentAsyncClient.delete_deployment)
    delete_deployment_schedule = _base.sync_method(DeploymentAsyncClient.delete_deployment_schedule)
    get_scheduled_flow_runs_for_deployments = _base.sync_method(
        DeploymentAsyncClient.get_scheduled_flow_runs_for_deployments
    )
    pause_deployment = _base.sync_method(DeploymentAsyncClient.pause_deployment)
    read_deployment = _base.sync_method(DeploymentAsyncClient.read_deployment)
    read_deployment_by_name = _base.sync_method(DeploymentAsyncClient.read_deployment_by_name)
    read_deployment_schedules = _base.sync_method(DeploymentAsyncClient.read_deployment_schedules)
    read_deployments = _base.sync_method(DeploymentAsyncClient.read_deployments)
    resume_deployment = _base.sync_method(DeploymentAsyncClient.resume_deployment)
    set_deployment_paused_state = _base.sync_method(DeploymentAsyncClient.set_deployment_paused_state)
    update_deployment = _base.sync_method(DeploymentAsyncClient.update_deployment)
    update_deployment_schedule = _base.sync_method(DeploymentAsyncClient.update_deployment_schedule)
