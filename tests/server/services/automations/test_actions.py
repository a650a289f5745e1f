"""Each action of an automation: what it does, to the selected or the inferred object, and how it fails."""

from __future__ import annotations

from typing import Any

import pytest

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.services.automations import jobs
from prefect.server.services.automations.action_context import ActionContext
from tests.server.route_calls import UNKNOWN_ID, call_route
from tests.server.services.automations.reactions import Reactions


def about(kind: str, id_: str) -> dict[str, str]:
    return {"prefect.resource.id": f"prefect.{kind}.{id_}", "prefect.resource.role": kind}


async def make_flow(reactions: Reactions) -> str:
    return (await reactions.api.post("/flows/", json={"name": "etl"})).json()["id"]


async def make_deployment(reactions: Reactions, **values: Any) -> str:
    body = {"name": "daily", "flow_id": await make_flow(reactions), **values}
    return (await call_route(reactions.api, "POST", "/deployments/", body, 201))["id"]


async def make_run(reactions: Reactions, state: str = "RUNNING", **values: Any) -> str:
    body = {"flow_id": await make_flow(reactions), "state": {"type": state}, "name": "owl", **values}
    return (await call_route(reactions.api, "POST", "/flow_runs/", body, 201))["id"]


async def fire(reactions: Reactions, action: dict[str, Any], *related: dict[str, str], **values: Any) -> None:
    """Have an event cause an action."""
    await reactions.automation(None, action)
    await reactions.emit(related=list(related), **values)
    await reactions.react()


async def executed(reactions: Reactions) -> dict[str, Any]:
    """Return the event of the one action that was executed."""
    assert [event["payload"]["reason"] for event in await reactions.events("action.failed")] == []
    (event,) = await reactions.events("action.executed")
    return event


async def failure(reactions: Reactions) -> str:
    """Return why the one action failed."""
    assert await reactions.events("action.executed") == []
    (event,) = await reactions.events("action.failed")
    return event["payload"]["reason"]


# --- deployments -----------------------------------------------------------------------------------------------------


async def test_run_deployment_creates_a_run_with_rendered_parameters(reactions: Reactions) -> None:
    deployment_id = await make_deployment(reactions, parameters={"kept": 1}, tags=["t"])
    parameters = {
        "name": "{{ event.event }} of {{ event.resource.id }}",
        "list": [{"run": "{{ flow_run.name }}"}, 2],
        "event": {"__prefect_kind": "jinja", "template": "{{ event.payload | tojson }}"},
    }
    run = await make_run(reactions)
    action = {"type": "run-deployment", "deployment_id": deployment_id, "parameters": parameters, "schedule_after": 60}
    await fire(reactions, action, about("flow-run", run), payload={"n": 1})
    event = await executed(reactions)
    (target, created) = event["related"][:2]
    assert target == {**about("deployment", deployment_id), "prefect.resource.role": "target"}
    id_ = created["prefect.resource.id"].rpartition(".")[2]
    flow_run = await call_route(reactions.api, "GET", "/flow_runs/{id}", id=id_)
    assert flow_run["parameters"] == {
        "kept": 1,
        "name": "a of x.1",
        "list": [{"run": "owl"}, 2],
        "event": '{"n":1}',
    }
    assert flow_run["state_type"] == "SCHEDULED" and flow_run["tags"] == ["t"]
    assert -float(flow_run["estimated_start_time_delta"]) > 50 or flow_run["next_scheduled_start_time"]
    assert flow_run["created_by"]["type"] == "AUTOMATION" and flow_run["created_by"]["display_value"] == "watch"
    assert flow_run["idempotency_key"] == event["payload"]["invocation"]


@pytest.mark.parametrize("inferred", [True, False])
@pytest.mark.parametrize("paused", [True, False])
async def test_deployments_are_paused_and_resumed(reactions: Reactions, inferred: bool, paused: bool) -> None:
    deployment_id = await make_deployment(reactions, paused=not paused)
    kind = "pause-deployment" if paused else "resume-deployment"
    if inferred:
        run = await make_run(reactions, deployment_id=deployment_id)
        await fire(reactions, {"type": kind, "source": "inferred"}, about("flow-run", run))
    else:
        await fire(reactions, {"type": kind, "deployment_id": deployment_id})
    await executed(reactions)
    answer = await call_route(reactions.api, "GET", "/deployments/{id}", id=deployment_id)
    assert answer["paused"] is paused


# --- flow runs -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "before", "after"),
    [
        ({"type": "change-flow-run-state", "state": "FAILED", "message": "late"}, "RUNNING", "Failed"),
        ({"type": "change-flow-run-state", "state": "CRASHED", "name": "Lost"}, "RUNNING", "Lost"),
        ({"type": "cancel-flow-run"}, "RUNNING", "Cancelling"),
        ({"type": "cancel-flow-run"}, "SCHEDULED", "Cancelled"),
        ({"type": "resume-flow-run"}, "PAUSED", "Running"),
    ],
)
async def test_states_of_flow_runs_are_changed(
    reactions: Reactions, action: dict[str, Any], before: str, after: str
) -> None:
    run = await make_run(reactions, before)
    await fire(reactions, action, about("flow-run", run))
    event = await executed(reactions)
    answer = await call_route(reactions.api, "GET", "/flow_runs/{id}", id=run)
    assert answer["state_name"] == after
    assert event["related"][0] == {**about("flow-run", run), "prefect.resource.role": "target"}


async def test_deployed_flow_run_is_suspended(reactions: Reactions) -> None:
    run = await make_run(reactions, deployment_id=await make_deployment(reactions))
    await fire(reactions, {"type": "suspend-flow-run"}, about("flow-run", run))
    await executed(reactions)
    answer = await call_route(reactions.api, "GET", "/flow_runs/{id}", id=run)
    assert (answer["state_type"], answer["state_name"]) == ("PAUSED", "Suspended")


async def test_flow_run_is_deleted(reactions: Reactions) -> None:
    run = await make_run(reactions)
    await fire(reactions, {"type": "delete-flow-run"}, about("flow-run", run))
    await executed(reactions)
    assert await reactions.rows(store.flow_runs) == []


# --- pools, queues, automations --------------------------------------------------------------------------------------


@pytest.mark.parametrize("paused", [True, False])
async def test_work_pools_and_queues_are_paused_and_resumed(reactions: Reactions, paused: bool) -> None:
    pool = await call_route(reactions.api, "POST", "/work_pools/", {"name": "p", "is_paused": not paused}, 201)
    queue_id = pool["default_queue_id"]
    verb = "pause" if paused else "resume"
    await reactions.automation(None, {"type": f"{verb}-work-pool", "work_pool_id": pool["id"]})
    await reactions.automation(None, {"type": f"{verb}-work-queue", "source": "inferred"})
    await reactions.emit(related=[about("work-queue", queue_id)])
    await reactions.react()
    assert len(await reactions.events("action.executed")) == 2
    assert [row["is_paused"] for row in await reactions.rows(store.work_pools)] == [paused]
    assert (await reactions.rows(store.work_queues))[0]["is_paused"] is paused


async def test_automations_are_paused_and_resumed(reactions: Reactions) -> None:
    sleeping = await reactions.automation({"expect": ["never"]}, enabled=False, name="sleeping")
    awake = await reactions.automation({"expect": ["never"]}, name="awake")
    await reactions.automation(None, {"type": "resume-automation", "automation_id": sleeping})
    await reactions.automation(None, {"type": "pause-automation", "automation_id": awake})
    await reactions.emit()
    await reactions.react()
    enabled = {row["name"]: row["enabled"] for row in await reactions.rows(store.automations)}
    assert (enabled["sleeping"], enabled["awake"]) == (True, False)


# --- failures --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "reason"),
    [
        ({"type": "cancel-flow-run"}, "No flow run could be inferred"),
        ({"type": "pause-deployment", "source": "inferred"}, "No deployment could be inferred"),
        ({"type": "run-deployment", "deployment_id": UNKNOWN_ID}, UNKNOWN_ID),
        ({"type": "pause-work-pool", "work_pool_id": UNKNOWN_ID}, UNKNOWN_ID),
        ({"type": "call-webhook", "block_document_id": UNKNOWN_ID}, UNKNOWN_ID),
    ],
)
async def test_action_without_its_object_fails_with_the_reason(
    reactions: Reactions, action: dict[str, Any], reason: str
) -> None:
    await fire(reactions, action)
    assert reason in await failure(reactions)
    assert await reactions.rows(store.action_jobs) == []


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("{{ event.__class__.__mro__ }}", "unsafe"),
        ("{{ ().__class__.__bases__ }}", "unsafe"),
        ("{% for i in range(99999) %}{% for j in range(99999) %}{{ i }}{% endfor %}{% endfor %}", "steps"),
        ("{% for i in 'a' * 90000 %}{% for j in 'a' * 90000 %}{% endfor %}{% endfor %}", "seconds"),
        ("{{ 1 / 0 }}", "division"),
    ],
)
async def test_template_that_loops_or_leaves_the_sandbox_fails_its_action(
    reactions: Reactions, template: str, reason: str
) -> None:
    action = {
        "type": "run-deployment",
        "deployment_id": await make_deployment(reactions),
        "parameters": {"x": template},
    }
    await fire(reactions, action)
    assert reason in await failure(reactions)
    assert await reactions.rows(store.flow_runs) == []


async def test_failed_action_changes_nothing_and_stops_no_other(reactions: Reactions) -> None:
    deployment_id = await make_deployment(reactions, enforce_parameter_schema=True, parameter_openapi_schema={
        "type": "object", "properties": {"n": {"type": "integer"}},
    })  # fmt: skip
    bad = {"type": "run-deployment", "deployment_id": deployment_id, "parameters": {"n": "x"}}
    await reactions.automation(None, bad, {"type": "pause-deployment", "deployment_id": deployment_id})
    await reactions.emit()
    await reactions.react()
    (failed,) = await reactions.events("action.failed")
    (done,) = await reactions.events("action.executed")
    assert (failed["payload"]["action_index"], done["payload"]["action_index"]) == (0, 1)
    assert failed["related"][0]["prefect.resource.id"] == f"prefect.deployment.{deployment_id}"
    assert await reactions.rows(store.flow_runs) == []


async def test_action_with_a_defect_fails_alone(reactions: Reactions, monkeypatch: pytest.MonkeyPatch) -> None:
    deployment_id = await make_deployment(reactions)

    async def fail(tx: Transaction, context: ActionContext) -> None:
        raise RuntimeError("no such luck")

    monkeypatch.setattr(jobs, "ACTIONS", {**jobs.ACTIONS, "do-nothing": fail})
    pause = {"type": "pause-deployment", "deployment_id": deployment_id}
    await reactions.automation(None, pause, {"type": "do-nothing"}, {**pause, "type": "resume-deployment"})
    await reactions.emit()
    await reactions.emit()
    await reactions.react()
    failed = await reactions.events("action.failed")
    assert [event["payload"]["reason"] for event in failed] == ["RuntimeError: no such luck"] * 2
    assert len(await reactions.events("action.executed")) == 4
    assert await reactions.rows(store.action_jobs) == []


async def test_actions_of_a_firing_are_carried_out_in_their_order(reactions: Reactions) -> None:
    deployment_id = await make_deployment(reactions)
    target = {"deployment_id": deployment_id}
    run = {"type": "run-deployment", **target}
    await reactions.automation(
        None, {"type": "pause-deployment", **target}, run, {"type": "resume-deployment", **target}
    )
    await reactions.emit()
    await reactions.react()
    done = await reactions.events("action.executed")
    assert [event["payload"]["action_index"] for event in done] == [0, 1, 2]
    assert [row["paused"] for row in await reactions.rows(store.deployments)] == [False]
