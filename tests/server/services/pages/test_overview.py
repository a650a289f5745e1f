"""The overview: failed actions of automations, outcomes of work pools, runs of a state by their flow."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from prefect.types import new_id, now
from tests.server.route_client import RouteClient

PAGES = "/ui/pages"


async def run_on(call: RouteClient, deployment: str, type_: str) -> None:
    """Add a flow run of a deployment that ended in a state."""
    run = await call("POST", "/deployments/{id}/create_flow_run", {}, id=deployment)
    await call("POST", "/flow_runs/{id}/set_state", {"state": {"type": type_}, "force": True}, id=run["id"])


async def deploy(call: RouteClient, flow: str = "etl") -> str:
    """Add a deployment on the work pool `local`, and return its id."""
    flow_id = (await call("POST", "/flows/", {"name": flow}))["id"]
    values = {"name": "prod", "flow_id": flow_id, "work_pool_name": "local"}
    return (await call("POST", "/deployments/", values))["id"]


async def test_overview_reports_how_many_runs_of_a_pool_completed(call: RouteClient) -> None:
    await call("POST", "/work_pools/", {"name": "local", "type": "process"})
    await call("POST", "/work_pools/", {"name": "idle", "type": "process"})
    deployment = await deploy(call)
    for type_ in ("COMPLETED", "COMPLETED", "COMPLETED", "FAILED", "RUNNING"):
        await run_on(call, deployment, type_)
    page = await call("GET", f"{PAGES}/overview")
    (outcomes,) = page["outcomes"]
    assert outcomes["pool"] == next(pool["id"] for pool in page["pools"] if pool["name"] == "local")
    assert (outcomes["runs"], outcomes["completed"], outcomes["completed_before"]) == (5, 0.75, None)
    assert {type_: number for _, type_, number in outcomes["columns"]} == {"COMPLETED": 3, "FAILED": 1, "RUNNING": 1}
    assert (await call("GET", f"{PAGES}/overview", back=1))["outcomes"] == []


async def test_overview_ends_at_a_time_of_its_own(call: RouteClient) -> None:
    await call.flow_run("COMPLETED", name="now")
    at = now()
    for until, count in ((at + timedelta(hours=1), 1), (at - timedelta(hours=1), 0)):
        page = await call("GET", f"{PAGES}/overview", hours=2, until=until.isoformat())
        assert sum(count for _, _, count in page["columns"]) == count
        assert [run["name"] for run in page["latest"]] == ["now"] * count
        groups = await call("GET", f"{PAGES}/overview/flows", states="COMPLETED", hours=2, until=until.isoformat())
        assert len(groups["rows"]) == count
        tasks = await call("GET", f"{PAGES}/overview/task-runs", hours=2, until=until.isoformat())
        assert tasks["since"] == page["since"]


async def test_pool_page_reports_how_many_runs_waited_and_for_how_long(call: RouteClient) -> None:
    await call("POST", "/work_pools/", {"name": "local", "type": "process"})
    deployment = await deploy(call)

    async def schedule(minutes: int) -> str:
        due = (now() - timedelta(minutes=minutes)).isoformat()
        state = {"type": "SCHEDULED", "state_details": {"scheduled_time": due}}
        return (await call("POST", "/deployments/{id}/create_flow_run", {"state": state}, id=deployment))["id"]

    await schedule(95)
    begun = await schedule(90)
    await call("POST", "/flow_runs/{id}/set_state", {"state": {"type": "RUNNING"}, "force": True}, id=begun)
    waits = (await call("GET", "/ui/pages/work-pool/{name}", name="local"))["waits"]
    assert len(waits["depth"]) == len(waits["seconds"]) == 49
    assert waits["depth"][-1] == 1 and max(waits["depth"]) == 2 and waits["depth"][0] == 0
    assert [each for each in waits["seconds"] if each is not None] == [pytest.approx(5400, abs=60)]


async def test_overview_lists_automations_of_which_actions_failed(call: RouteClient) -> None:
    trigger = {"type": "event", "posture": "Reactive", "expect": ["x"], "threshold": 1, "within": 0}
    automation = {"name": "tell-the-team", "trigger": trigger, "actions": [{"type": "do-nothing"}]}
    id_ = (await call("POST", "/automations/", automation))["id"]
    gone = str(new_id())

    def failed(automation_id: str, minutes: int, reason: str) -> dict[str, Any]:
        return {
            "id": str(new_id()),
            "event": "prefect.automation.action.failed",
            "occurred": (now() - timedelta(minutes=minutes)).isoformat(),
            "resource": {"prefect.resource.id": f"prefect.automation.{automation_id}"},
            "payload": {"action_index": 0, "action_type": "call-webhook", "reason": reason},
        }

    await call("POST", "/events", [failed(id_, 5, "503"), failed(id_, 2, "refused"), failed(gone, 1, "of no one")])
    (action,) = (await call("GET", f"{PAGES}/overview"))["failed_actions"]
    assert action["automation"] == {"id": id_, "name": "tell-the-team"}
    assert (action["type"], action["reason"], action["count"]) == ("call-webhook", "refused", 2)
    looked = (now() - timedelta(minutes=1, seconds=30)).isoformat().replace("+00:00", "Z")
    assert (await call("GET", f"{PAGES}/overview", looked_at=looked))["failed_actions"] == []


@pytest.mark.parametrize(
    ("states", "expected"),
    [("FAILED,CRASHED", [("etl", 2), ("report", 1)]), ("COMPLETED", [("report", 1)]), ("PAUSED", [])],
)
async def test_runs_of_a_state_are_counted_by_flow(
    call: RouteClient, states: str, expected: list[tuple[str, int]]
) -> None:
    await call("POST", "/work_pools/", {"name": "local", "type": "process"})
    etl, report = await deploy(call, "etl"), await deploy(call, "report")
    for deployment, type_ in ((etl, "FAILED"), (etl, "CRASHED"), (report, "FAILED"), (report, "COMPLETED")):
        await run_on(call, deployment, type_)
    rows = (await call("GET", f"{PAGES}/overview/flows", states=states))["rows"]
    assert [(row["flow"]["name"], row["count"]) for row in rows] == expected
    assert (await call("GET", f"{PAGES}/overview/flows", states=states, back=1))["rows"] == []
