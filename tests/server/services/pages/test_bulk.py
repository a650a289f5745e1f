"""Acting on many flow runs."""

from __future__ import annotations

import pytest

from prefect.server.services.pages import bulk
from tests.server.route_client import RouteClient

BULK = "/ui/pages/runs/bulk"


async def states(call: RouteClient) -> dict[str, str]:
    """Return the names of the states of all flow runs, by name."""
    return {run["name"]: run["state_name"] for run in await call("POST", "/flow_runs/filter", {})}


async def test_cancel_acts_on_what_the_query_finds(call: RouteClient) -> None:
    await call.flow_run("RUNNING", name="one", tags=["x"])
    await call.flow_run("COMPLETED", name="two", tags=["x"])
    await call.flow_run("RUNNING", name="other")
    answer = await call("POST", BULK, {"action": "cancel", "q": "tag:x"})
    assert {(each["name"], each["done"], each["reason"]) for each in answer["results"]} == {
        ("one", True, None),
        ("two", False, "It has ended: Completed."),
    }
    assert answer["after"] is None
    assert await states(call) == {"one": "Cancelling", "two": "Completed", "other": "Running"}


async def test_retry_needs_an_end_and_a_deployment(call: RouteClient) -> None:
    flow = await call.flow()
    deployment = (await call("POST", "/deployments/", {"name": "d", "flow_id": flow}))["id"]
    await call.flow_run("FAILED", name="again", deployment_id=deployment)
    await call.flow_run("FAILED", name="lone")
    await call.flow_run("RUNNING", name="busy", deployment_id=deployment)
    answer = await call("POST", BULK, {"action": "retry"})
    reasons = {each["name"]: each["reason"] for each in answer["results"]}
    assert reasons == {
        "again": None,
        "lone": "It has no deployment, so nothing can run it again.",
        "busy": "It has not ended: Running.",
    }
    assert (await states(call))["again"] == "AwaitingRetry"


async def test_batches_follow_each_other_and_leave_out_new_runs(
    call: RouteClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "BATCH_SIZE", 2)
    for name in ("a", "b", "c"):
        await call.flow_run("COMPLETED", name=name)
    first = await call("POST", BULK, {"action": "delete"})
    await call.flow_run("COMPLETED", name="new")
    rest = await call("POST", BULK, {"action": "delete", "begun": first["begun"], "after": first["after"]})
    assert len(first["results"]) == 2 and [each["name"] for each in rest["results"]] == ["c"]
    assert await states(call) == {"new": "Completed"}


async def test_chosen_runs_are_acted_on_alone(call: RouteClient) -> None:
    chosen = await call.flow_run("COMPLETED", name="a")
    await call.flow_run("COMPLETED", name="b")
    await call("POST", BULK, {"action": "delete", "ids": [chosen]})
    assert await states(call) == {"b": "Completed"}
