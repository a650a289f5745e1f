"""Which runs are handed out to those who poll, and what takes the slots of pools and queues."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest

from prefect.types import now
from tests.server.path_client import PathClient

SLOTS = ("PENDING", "RUNNING")


@pytest.fixture
def ask(api: httpx.AsyncClient) -> PathClient:
    return PathClient(api)


@pytest.fixture
async def ids(ask: PathClient) -> dict[str, str]:
    """A pool with queues `high`, `default` and `limited` (one run at a time), each with three runs of a deployment."""
    await ask.post("/work_pools/", {"name": "pool", "type": "process"}, 201)
    await ask.post("/work_pools/pool/queues", {"name": "high", "priority": 1}, 201)
    limited = await ask.post("/work_pools/pool/queues", {"name": "limited", "concurrency_limit": 1}, 201)
    flow = await ask.post("/flows/", {"name": "flow"})
    ids = {"limited": limited["id"]}
    for queue in ("default", "limited", "high"):
        body = {"name": queue, "flow_id": flow["id"], "work_pool_name": "pool", "work_queue_name": queue}
        ids[f"{queue} deployment"] = (await ask.post("/deployments/", body, 201))["id"]
    for number in range(3):
        for queue in ("default", "limited", "high"):
            at = (now() + timedelta(seconds=100 * number - 50)).isoformat()
            state = {"type": "SCHEDULED", "state_details": {"scheduled_time": at}}
            path = f"/deployments/{ids[f'{queue} deployment']}/create_flow_run"
            ids[f"{queue} {number}"] = (await ask.post(path, {"name": f"{queue} {number}", "state": state}, 201))["id"]
    return ids


async def due(ask: PathClient, **body: Any) -> list[str]:
    found = await ask.post("/work_pools/pool/get_scheduled_flow_runs", body)
    return [item["flow_run"]["name"] for item in found]


def later(seconds: int) -> str:
    return (now() + timedelta(seconds=seconds)).isoformat()


async def enter(ask: PathClient, run: str, type_: str) -> None:
    # What has not begun is not cancelling: it is cancelled.
    for entered in ["RUNNING", type_] if type_ == "CANCELLING" else [type_]:
        await ask.post(f"/flow_runs/{run}/set_state", {"state": {"type": entered}, "force": True})


HIGH, DEFAULT = [f"high {number}" for number in range(3)], [f"default {number}" for number in range(3)]


class TestPools:
    async def test_pool_runs_are_ordered_by_priority_and_time(self, ask: PathClient, ids: dict[str, str]) -> None:
        assert await due(ask) == [*HIGH, *DEFAULT, "limited 0"]
        assert await due(ask, limit=4) == [*HIGH, "default 0"]
        assert await due(ask, limit=0) == []

    async def test_pool_runs_of_named_queues(self, ask: PathClient, ids: dict[str, str]) -> None:
        assert await due(ask, work_queue_names=["limited", "default"]) == [*DEFAULT, "limited 0"]
        await ask.post("/work_pools/pool/get_scheduled_flow_runs", {"work_queue_names": ["none"]}, 404)
        await ask.post("/work_pools/none/get_scheduled_flow_runs", {}, 404)

    async def test_pool_runs_within_a_period(self, ask: PathClient, ids: dict[str, str]) -> None:
        assert await due(ask, scheduled_before=later(0)) == ["high 0", "default 0", "limited 0"]
        among = {"scheduled_after": later(0), "scheduled_before": later(60)}
        assert await due(ask, **among) == ["high 1", "default 1", "limited 1"]

    async def test_queue_limit_bounds_the_runs(self, ask: PathClient, ids: dict[str, str]) -> None:
        await enter(ask, ids["limited 0"], "PENDING")
        assert await due(ask) == [*HIGH, *DEFAULT]
        await ask.patch("/work_pools/pool/queues/limited", {"concurrency_limit": 2})
        assert await due(ask) == [*HIGH, *DEFAULT, "limited 1"]
        await enter(ask, ids["limited 0"], "COMPLETED")
        assert await due(ask) == [*HIGH, *DEFAULT, "limited 1", "limited 2"]

    @pytest.mark.parametrize("state", SLOTS)
    async def test_pool_limit_bounds_the_runs(self, ask: PathClient, ids: dict[str, str], state: str) -> None:
        await ask.patch("/work_pools/pool", {"concurrency_limit": 3})
        await enter(ask, ids["limited 0"], state)
        assert await due(ask) == ["high 0", "high 1"]
        assert (await ask.get("/work_pools/pool"))["active_slots"] == 1
        await ask.patch("/work_pools/pool", {"concurrency_limit": 0})
        assert await due(ask) == []

    @pytest.mark.parametrize("state", ["CANCELLING", "PAUSED"])
    async def test_other_states_hold_no_slot(self, ask: PathClient, ids: dict[str, str], state: str) -> None:
        await ask.patch("/work_pools/pool", {"concurrency_limit": 1})
        await enter(ask, ids["limited 0"], state)
        assert await due(ask, work_queue_names=["limited"]) == ["limited 1"]
        assert (await ask.get("/work_pools/pool"))["active_slots"] == 0

    async def test_paused_pools_and_queues_have_no_runs(self, ask: PathClient, ids: dict[str, str]) -> None:
        await ask.patch("/work_pools/pool/queues/high", {"is_paused": True})
        assert await due(ask) == [*DEFAULT, "limited 0"]
        await ask.patch("/work_pools/pool", {"is_paused": True})
        assert await due(ask) == []

    async def test_polling_makes_queues_and_deployments_ready(self, ask: PathClient, ids: dict[str, str]) -> None:
        await due(ask, work_queue_names=["high"])
        queues = {queue["name"]: queue for queue in await ask.post("/work_pools/pool/queues/filter")}
        assert {name: queue["status"] for name, queue in queues.items()} == {
            "high": "READY",
            "default": "NOT_READY",
            "limited": "NOT_READY",
        }
        deployments = {found["name"]: found for found in await ask.post("/deployments/filter")}
        assert deployments["high"]["status"] == "READY"
        assert deployments["high"]["last_polled"] is not None
        assert deployments["default"]["status"] == "NOT_READY"
        events = await ask.events("prefect.work-queue.ready", "prefect.deployment.ready")
        assert [event["event"] for event in events] == ["prefect.work-queue.ready", "prefect.deployment.ready"]
        await due(ask)
        await due(ask)
        assert len(await ask.events("prefect.work-queue.ready", "prefect.deployment.ready")) == 6


class TestRunsThatWaitForTheirDeployment:
    """A deployment of one slot, due before everything else of its queue."""

    @pytest.fixture
    async def limited(self, ask: PathClient, ids: dict[str, str]) -> str:
        deployment = ids["default deployment"]
        await ask.patch(f"/deployments/{deployment}", {"concurrency_limit": 1})
        await ask.post("/deployments/", await self._body(ask, "other"), 201)
        return deployment

    async def _body(self, ask: PathClient, name: str) -> dict[str, Any]:
        flow = (await ask.get("/flows/name/flow"))["id"]
        return {"name": name, "flow_id": flow, "work_pool_name": "pool", "work_queue_name": "default"}

    async def _last(self, ask: PathClient) -> None:
        """Create a run of another deployment that is due after all others of the queue."""
        deployment = (await ask.get("/deployments/name/flow/other"))["id"]
        state = {"type": "SCHEDULED", "state_details": {"scheduled_time": later(900)}}
        await ask.post(f"/deployments/{deployment}/create_flow_run", {"name": "last", "state": state}, 201)

    async def test_do_not_hide_other_runs(self, ask: PathClient, ids: dict[str, str], limited: str) -> None:
        await self._last(ask)
        body = {"work_queue_names": ["default"], "limit": 2}
        assert await due(ask, **body) == ["default 0", "last"]
        await ask.post(f"/flow_runs/{ids['default 0']}/set_state", {"state": {"type": "PENDING"}})
        assert await due(ask, **body) == ["last"]
        queue = (await ask.get("/work_pools/pool/queues/default"))["id"]
        assert [run["name"] for run in await ask.post(f"/work_queues/{queue}/get_runs", {})] == ["last"]
        await ask.post(f"/flow_runs/{ids['default 0']}/set_state", {"state": {"type": "COMPLETED"}})
        assert await due(ask, **body) == ["default 1", "last"]

    async def test_do_not_hide_other_runs_of_a_runner(self, ask: PathClient, ids: dict[str, str], limited: str) -> None:
        other = (await ask.get("/deployments/name/flow/other"))["id"]
        await self._last(ask)
        await ask.post(f"/flow_runs/{ids['default 0']}/set_state", {"state": {"type": "PENDING"}})
        body = {"deployment_ids": [limited, other], "limit": 1}
        assert [run["name"] for run in await ask.post("/deployments/get_scheduled_flow_runs", body)] == ["last"]

    async def test_are_found_when_new_runs_are_to_be_cancelled(
        self, ask: PathClient, ids: dict[str, str], limited: str
    ) -> None:
        options = {"collision_strategy": "CANCEL_NEW"}
        await ask.patch(f"/deployments/{limited}", {"concurrency_limit": 1, "concurrency_options": options})
        await ask.post(f"/flow_runs/{ids['default 0']}/set_state", {"state": {"type": "PENDING"}})
        assert await due(ask, work_queue_names=["default"]) == ["default 1", "default 2"]

    async def test_are_found_when_the_limit_is_gone(self, ask: PathClient, ids: dict[str, str], limited: str) -> None:
        await ask.patch(f"/deployments/{limited}", {"concurrency_limit": None})
        assert await due(ask, work_queue_names=["default"]) == DEFAULT


async def test_deployment_runs_are_found_for_their_runner(ask: PathClient, ids: dict[str, str]) -> None:
    deployment_ids = [ids["limited deployment"], ids["high deployment"]]
    body = {"deployment_ids": deployment_ids, "scheduled_before": later(60)}
    found = await ask.post("/deployments/get_scheduled_flow_runs", body)
    assert [run["name"] for run in found] == ["limited 0", "high 0", "limited 1", "high 1"]
    assert await ask.post("/deployments/get_scheduled_flow_runs", {"deployment_ids": []}) == []


class TestQueues:
    async def test_queue_runs_are_found(self, ask: PathClient, ids: dict[str, str]) -> None:
        path = f"/work_queues/{ids['limited']}/get_runs"
        assert [run["name"] for run in await ask.post(path)] == ["limited 0"]
        assert (await ask.get(f"/work_queues/{ids['limited']}"))["status"] == "READY"

    async def test_web_page_requests_do_not_count_as_polls(self, ask: PathClient, ids: dict[str, str]) -> None:
        path = f"/work_queues/{ids['limited']}/get_runs"
        response = await ask.client.post(path, json={}, headers={"X-Prefect-UI": "true"})
        assert response.status_code == 200
        assert (await ask.get(f"/work_queues/{ids['limited']}"))["last_polled"] is None

    async def test_queue_filter_selects_runs(self, ask: PathClient, ids: dict[str, str]) -> None:
        criteria = {"deployment_ids": [ids["high deployment"]]}
        queue = await ask.post("/work_queues/", {"name": "old", "filter": criteria}, 201)
        found = await ask.post(f"/work_queues/{queue['id']}/get_runs", {"limit": 2})
        assert [run["name"] for run in found] == ["high 0", "high 1"]
        checked = await ask.get(f"/deployments/{ids['high deployment']}/work_queue_check")
        assert [queue["name"] for queue in checked] == ["high", "old"]


class TestOccupancy:
    async def test_queue_usage_lists_occupying_runs(self, ask: PathClient, ids: dict[str, str]) -> None:
        for number in range(3):
            await enter(ask, ids[f"limited {number}"], "RUNNING" if number else "PENDING")
        path = f"/work_queues/{ids['limited']}/concurrency_status"
        status = await ask.post(path, {"limit": 2})
        assert (status["active_slots"], status["count"], status["pages"], status["concurrency_limit"]) == (3, 3, 2, 1)
        assert [run["name"] for run in status["flow_runs"]] == ["limited 0", "limited 1"]
        assert [run["name"] for run in (await ask.post(path, {"limit": 2, "page": 2}))["flow_runs"]] == ["limited 2"]

    async def test_pool_usage_lists_queues_and_runs(self, ask: PathClient, ids: dict[str, str]) -> None:
        for number in range(3):
            await enter(ask, ids[f"limited {number}"], "RUNNING" if number else "PENDING")
        await enter(ask, ids["high 0"], "RUNNING")
        status = await ask.post("/work_pools/pool/concurrency_status", {"flow_run_limit": 2})
        assert (status["active_slots"], status["count"], status["pages"]) == (4, 3, 1)
        shown = [
            (queue["queue_name"], queue["active_slots"], [run["name"] for run in queue["flow_runs"]])
            for queue in status["queues"]
        ]
        assert shown == [("high", 1, ["high 0"]), ("default", 0, []), ("limited", 3, ["limited 0", "limited 1"])]
        second = await ask.post("/work_pools/pool/concurrency_status", {"limit": 1, "page": 2, "flow_run_limit": 0})
        assert [queue["queue_name"] for queue in second["queues"]] == ["default"]


async def test_web_page_lists_flows(ask: PathClient, ids: dict[str, str]) -> None:
    flow = (await ask.get("/flows/name/flow"))["id"]
    other = (await ask.post("/flows/", {"name": "other"}))["id"]
    body = {"flow_ids": [flow, other]}
    assert await ask.post("/ui/flows/count-deployments", body) == {flow: 3, other: 0}
    shown = await ask.post("/ui/flows/next-runs", body)
    assert (shown[flow]["name"], shown[other]) == ("default 0", None)
