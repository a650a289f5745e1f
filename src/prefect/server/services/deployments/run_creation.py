"""Creating flow runs of deployments: the deployment's values apply where a request has none."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from prefect.form_values import json_schemas
from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.services.core import hydration
from prefect.server.services.core.errors import Conflict, InvalidRequest, ServiceError
from prefect.server.services.core.presenters import Answer
from prefect.server.services.deployments import deployments
from prefect.server.services.runs.lifecycle import creation, updates
from prefect.server.services.work import work_queues
from prefect.server.store import Row
from prefect.types import new_id, now
from prefect.types.mappings import Values

MAX_RUNS_PER_REQUEST = 100
"""Runs that one request may create."""

_COPIED = (
    *("name", "context", "empirical_policy", "infrastructure_document_id", "idempotency_key"),
    *("parent_task_run_id", "labels", "created_by"),
)
"""The columns of a run that a request sets unchanged."""


class CannotStart(ServiceError):
    """The request does not fit the deployment."""


class InvalidParameters(ServiceError):
    """The parameters do not satisfy the deployment's schema."""

    status = 409


async def create(tx: Transaction, deployment_id: UUID, values: Values) -> tuple[Answer, bool]:
    """Create a run of a deployment, scheduled for now unless the request has another state.

    Returns:
        The run, and whether it is new: one of the same idempotency key is left as it is.

    Raises:
        CannotStart: The deployment has no pool for the queue, or its parameters cannot be read.
        Conflict: The parameters do not satisfy the deployment's schema.
        InvalidRequest: The job variables do not satisfy the pool's template.
    """
    deployment = await deployments.get(tx, deployment_id)
    try:
        run = await _build_run(tx, deployment, await _find_pool(tx, deployment), values)
    except hydration.HydrationError as error:
        raise CannotStart(f"Error hydrating flow run parameters: {error}") from None
    except InvalidParameters as error:
        raise Conflict(f"Error creating flow run: {error}") from None
    return await creation.create_flow_run(tx, run, run.pop("state"))


async def create_many(tx: Transaction, deployment_id: UUID, requests: Sequence[Values]) -> list[Answer]:
    """Create runs of a deployment in one transaction; a request that is refused does not affect the others.

    Returns:
        A `FlowRunCreateResult` for each.
    """
    if len(requests) > MAX_RUNS_PER_REQUEST:
        raise CannotStart(f"Cannot create more than {MAX_RUNS_PER_REQUEST} flow runs in one request: send several.")
    created = await create_each(tx, deployment_id, requests)
    return [
        {"flow_run_id": None, "status": "FAILED", "error": _describe_refusal(run)}
        if isinstance(run, ServiceError)
        else {"flow_run_id": run, "status": "CREATED", "error": None}
        for run in created
    ]


def _describe_refusal(error: ServiceError) -> str:
    return f"Parameter validation failed: {error}" if isinstance(error, InvalidParameters) else str(error)


async def create_each(tx: Transaction, deployment_id: UUID, requests: Sequence[Values]) -> list[UUID | ServiceError]:
    """Create runs of a deployment in few statements; a request that is refused does not affect the others.

    Returns:
        For each the id of its run, which may be there already under its idempotency key, or why it is refused.

    Raises:
        NotFound: The deployment does not exist.
    """
    deployment = await deployments.get(tx, deployment_id)
    pool = await _find_pool(tx, deployment)
    outcomes: list[Row | ServiceError] = []
    for values in requests:
        try:
            run = {"id": new_id(), **await _build_run(tx, deployment, pool, values)}
            updates.check_parameters(run)
            outcomes.append(run)
        except ServiceError as error:
            outcomes.append(error)
    ids = await creation.create_many_flow_runs(tx, [run for run in outcomes if not isinstance(run, ServiceError)])
    return [run if isinstance(run, ServiceError) else ids[run["id"]] for run in outcomes]


async def _build_run(tx: Transaction, deployment: Row, pool: Row | None, values: Values) -> Row:
    """Return the columns of a requested run, and its first `state`."""
    parameters = {**deployment["parameters"], **await hydration.hydrate(tx, values.get("parameters") or {})}
    _check_parameters(deployment, parameters, values.get("enforce_parameter_schema"))
    job_variables = values.get("job_variables") or {}
    if pool is not None:
        _check_job_variables(pool, deployment, job_variables)
    run = {name: values[name] for name in _COPIED if values.get(name) is not None}
    return run | {
        "flow_id": deployment["flow_id"],
        "deployment_id": deployment["id"],
        "deployment_version": deployment["version"],
        "parameters": parameters,
        "job_variables": job_variables,
        "tags": list(dict.fromkeys([*deployment["tags"], *(values.get("tags") or ())])),
        "auto_scheduled": False,
        "state": values.get("state") or {"type": "SCHEDULED", "state_details": {"scheduled_time": now()}},
        **await _resolve_queue(tx, deployment, pool, values.get("work_queue_name")),
    }


def _check_parameters(deployment: Row, parameters: Values, enforced: bool | None) -> None:
    schema = deployment["parameter_openapi_schema"]
    if not schema or not (deployment["enforce_parameter_schema"] if enforced is None else enforced):
        return
    try:
        json_schemas.validate(parameters, schema)
    except json_schemas.InvalidValues as error:
        raise InvalidParameters(str(error)) from None
    except json_schemas.InvalidSchema as error:
        raise InvalidRequest(f"Error creating flow run: {error}") from None


def _check_job_variables(pool: Row, deployment: Row, job_variables: Values) -> None:
    """Check job variables, but not whether all required ones are there, since a worker may add them."""
    schema = pool["base_job_template"].get("variables") or {}
    try:
        json_schemas.validate({**deployment["job_variables"], **job_variables}, schema, partial=True)
    except (json_schemas.InvalidValues, json_schemas.InvalidSchema) as error:
        raise InvalidRequest(f"Error creating flow run: {error}") from None


async def _resolve_queue(tx: Transaction, deployment: Row, pool: Row | None, name: str | None) -> Row:
    """Return the queue of a run: the one of this name, or the deployment's."""
    if name is None:
        return {"work_queue_id": deployment["work_queue_id"], "work_queue_name": deployment["work_queue_name"]}
    if pool is None:
        raise CannotStart(
            f"The deployment {deployment['name']!r} is in no work pool, so its run cannot be in the queue {name!r}: "
            "leave out work_queue_name."
        )
    return {"work_queue_id": (await work_queues.ensure(tx, pool, name))["id"], "work_queue_name": name}


async def _find_pool(tx: Transaction, deployment: Row) -> Row | None:
    """Return the work pool of a deployment, if it has one."""
    if deployment["work_queue_id"] is None:
        return None
    queue = await store.work_queues.get(tx, deployment["work_queue_id"])
    return await store.work_pools.get(tx, queue["work_pool_id"]) if queue else None
