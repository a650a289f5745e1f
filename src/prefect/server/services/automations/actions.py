"""Actions on what the store holds: each is executed in the transaction that ends its job, so exactly once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, TypeAlias
from uuid import UUID

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.services.automations import automations
from prefect.server.services.automations.action_context import ActionContext, ActionFailed, find_target, read_variables
from prefect.server.services.core import hydration
from prefect.server.services.core.errors import NotFound, ServiceError
from prefect.server.services.core.reading import get_row
from prefect.server.services.deployments import deployments, run_creation
from prefect.server.services.runs.lifecycle import deletion
from prefect.server.services.runs.states import resuming, transitions
from prefect.server.services.work import pool_members, work_pools
from prefect.types import now
from prefect.types.mappings import Values

RUN_DEPLOYMENT = "run-deployment"

ExecuteAction: TypeAlias = Callable[[Transaction, ActionContext], Awaitable[None]]


async def _do_nothing(tx: Transaction, context: ActionContext) -> None:
    pass


# --- deployments -----------------------------------------------------------------------------------------------------


async def run_deployments(tx: Transaction, contexts: Sequence[ActionContext]) -> list[ServiceError | None]:
    """Create the flow runs of actions; runs of the same deployment are created together.

    Returns:
        For each why it was not created; None where it was.
    """
    failures: dict[UUID, ServiceError] = {}
    requests: dict[UUID, list[tuple[ActionContext, Values]]] = {}
    for context, variables in zip(contexts, await read_variables(tx, contexts), strict=True):
        try:
            deployment_id = await find_target(tx, context, "deployment", "deployment_id")
            requests.setdefault(deployment_id, []).append((context, await _build_request(tx, context, variables)))
        except ServiceError as error:
            failures[context.job_id] = error
    for deployment_id, wanted in requests.items():
        try:
            created = await run_creation.create_each(tx, deployment_id, [request for _, request in wanted])
        except NotFound as error:
            created = [error] * len(wanted)
        for (context, _), run in zip(wanted, created, strict=True):
            if isinstance(run, ServiceError):
                failures[context.job_id] = run
            else:
                context.add_target("flow-run", run, role="flow-run")
                context.details["status_code"] = 201
    return [failures.get(context.job_id) for context in contexts]


async def _build_request(tx: Transaction, context: ActionContext, variables: Values) -> Values:
    """Return the columns of the flow run that an action asks for, and its first `state`."""
    action = context.action
    parameters = _mark_templates(action.get("parameters") or {})
    due = now() + timedelta(seconds=action.get("schedule_after") or 0)
    return {
        "parameters": await hydration.hydrate(tx, parameters, variables),
        "job_variables": action.get("job_variables") or {},
        "idempotency_key": str(context.job_id),
        "state": {"type": "SCHEDULED", "state_details": {"scheduled_time": due}},
        "created_by": {
            "id": str(context.automation_id),
            "type": "AUTOMATION",
            "display_value": context.automation["prefect.resource.name"],
        },
    }


def _mark_templates(value: Any) -> Any:
    """Return parameters in which texts with placeholders are rendered like values of the kind `jinja`."""
    if isinstance(value, Mapping):
        if hydration.KIND in value:
            return value
        return {name: _mark_templates(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_mark_templates(item) for item in value]
    if isinstance(value, str) and ("{{" in value or "{%" in value):
        return {hydration.KIND: "jinja", "template": value}
    return value


# --- flow runs -------------------------------------------------------------------------------------------------------


def _set_state(build_state: Callable[[Mapping[str, Any]], dict[str, Any]]) -> ExecuteAction:
    async def execute(tx: Transaction, context: ActionContext) -> None:
        run_id = await find_target(tx, context, "flow-run")
        force = bool(context.action.get("force"))
        answer = await transitions.set_flow_run_state(tx, run_id, build_state(context.action), force=force)
        _check_accepted(answer)
        context.details["status_code"] = 201

    return execute


def _check_accepted(answer: Mapping[str, Any]) -> None:
    """Fail the action unless the state was entered, or the run is in it already."""
    if answer["status"] not in ("ACCEPT", "REJECT"):
        reason = (answer["details"] or {}).get("reason") or answer["status"]
        raise ActionFailed(f"The flow run's state was not changed: {reason}")


def _chosen_state(action: Mapping[str, Any]) -> dict[str, Any]:
    message = action.get("message") or "State changed by an automation"
    return {"type": action["state"], "name": action.get("name"), "message": message}


def _cancelling(action: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "CANCELLING", "message": "Cancelled by an automation"}


def _suspended(action: Mapping[str, Any]) -> dict[str, Any]:
    timeout = now() + timedelta(days=365_000)
    return {
        "type": "PAUSED",
        "name": "Suspended",
        "message": "Suspended by an automation",
        "state_details": {"pause_timeout": timeout, "pause_reschedule": True},
    }


async def _resume_flow_run(tx: Transaction, context: ActionContext) -> None:
    answer = await resuming.resume_flow_run(tx, await find_target(tx, context, "flow-run"))
    _check_accepted(answer)
    context.details["status_code"] = 201


async def _delete_flow_run(tx: Transaction, context: ActionContext) -> None:
    await deletion.remove_flow_run(tx, await find_target(tx, context, "flow-run"))
    context.details["status_code"] = 204


# --- pools, queues, automations --------------------------------------------------------------------------------------


def _switch(kind: str, switch: Callable[[Transaction, UUID, bool], Awaitable[None]], *, on: bool) -> ExecuteAction:
    """Return an action that switches the object it selects on or off."""

    async def execute(tx: Transaction, context: ActionContext) -> None:
        await switch(tx, await find_target(tx, context, kind, f"{kind.replace('-', '_')}_id"), on)
        context.details["status_code"] = 200 if kind == "deployment" else 204

    return execute


async def _set_pool_paused(tx: Transaction, id_: UUID, paused: bool) -> None:
    pool = await get_row(tx, store.work_pools, id_)
    await work_pools.change(tx, pool["name"], {"is_paused": paused})


async def _set_queue_paused(tx: Transaction, id_: UUID, paused: bool) -> None:
    await pool_members.change_queue_by_id(tx, id_, {"is_paused": paused})


async def _set_automation_enabled(tx: Transaction, id_: UUID, enabled: bool) -> None:
    await automations.change(tx, id_, {"enabled": enabled})


ACTIONS: Mapping[str, ExecuteAction] = {
    "do-nothing": _do_nothing,
    "pause-deployment": _switch("deployment", deployments.set_paused, on=True),
    "resume-deployment": _switch("deployment", deployments.set_paused, on=False),
    "change-flow-run-state": _set_state(_chosen_state),
    "cancel-flow-run": _set_state(_cancelling),
    "suspend-flow-run": _set_state(_suspended),
    "resume-flow-run": _resume_flow_run,
    "delete-flow-run": _delete_flow_run,
    "pause-work-pool": _switch("work-pool", _set_pool_paused, on=True),
    "resume-work-pool": _switch("work-pool", _set_pool_paused, on=False),
    "pause-work-queue": _switch("work-queue", _set_queue_paused, on=True),
    "resume-work-queue": _switch("work-queue", _set_queue_paused, on=False),
    "pause-automation": _switch("automation", _set_automation_enabled, on=False),
    "resume-automation": _switch("automation", _set_automation_enabled, on=True),
}
"""How each action on the store is executed, by its type, besides `RUN_DEPLOYMENT`."""
