"""The logs of workers: the id under which they arrive, and how they are read."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from prefect.server import store
from prefect.server.db.interface import Database
from prefect.types import new_id
from tests.server.route_client import RouteClient

PAGE = "/ui/pages/work-pool/{name}/worker/{worker}"
LINES = "/ui/pages/{owner}/{id}/logs"
FILTER = "/work_pools/{work_pool_name}/workers/{name}/logs/filter"


@pytest.fixture
async def call(api: httpx.AsyncClient) -> RouteClient:
    call = RouteClient(api)
    for name in ("shed", "barn"):
        await call("POST", "/work_pools/", {"name": name, "type": "process"})
    return call


async def send_heartbeat(call: RouteClient, name: str = "one", pool: str = "shed", **more: Any) -> Any:
    route = "/work_pools/{work_pool_name}/workers/heartbeat"
    return await call("POST", route, {"name": name, "return_id": True, **more}, work_pool_name=pool)


def line(worker_id: str, message: str, second: int = 0, level: int = 20, **more: Any) -> dict[str, Any]:
    time = f"2026-01-01T00:00:{second:02}Z"
    return {
        "name": "prefect.worker",
        "level": level,
        "message": message,
        "timestamp": time,
        "worker_id": worker_id,
    } | more


async def messages(call: RouteClient, worker_id: str, **query: Any) -> list[str]:
    part = await call("GET", LINES, owner="worker", id=worker_id, **query)
    return [each["message"] for each in part["lines"]]


async def test_heartbeat_returns_the_id_of_the_worker_where_it_is_requested(call: RouteClient) -> None:
    id_ = await send_heartbeat(call)
    assert await send_heartbeat(call) == id_
    assert (await call("GET", PAGE, name="shed", worker="one"))["worker"]["id"] == id_
    assert (await call("GET", PAGE, name="shed", worker=id_))["worker"]["name"] == "one"
    await call("GET", PAGE, name="barn", worker=id_, status=404)
    assert len({id_, await send_heartbeat(call, "two"), await send_heartbeat(call, pool="barn")}) == 3
    assert await send_heartbeat(call, return_id=None) is None


async def test_removed_worker_returns_with_its_id(call: RouteClient) -> None:
    id_ = await send_heartbeat(call)
    await call("POST", "/logs/", [line(id_, "hello")])
    await call("DELETE", "/work_pools/{work_pool_name}/workers/{name}", work_pool_name="shed", name="one")
    await call("GET", PAGE, name="shed", worker="one", status=404)
    assert await send_heartbeat(call) == id_
    assert await messages(call, id_) == ["hello"]


@pytest.mark.parametrize("way", ["logs", "journal"])
async def test_lines_are_read_with_their_worker(call: RouteClient, way: str) -> None:
    one, two = await send_heartbeat(call), await send_heartbeat(call, "two")
    run = await call.flow_run("RUNNING")
    lines = [
        line(one, "late", 2),
        line(one, "early", 1),
        line(two, "other"),
        {**line(one, "of a run"), "flow_run_id": run, "worker_id": None},
    ]
    if way == "logs":
        await call("POST", "/logs/", lines)
        await call("POST", "/logs/", lines)  # sent again
    else:
        body = "\n".join(json.dumps({"kind": "log", "id": str(new_id()), **each}) for each in lines)
        assert (await call.client.post("/journal", content=body)).json()["dead_lettered"] == 0
    assert await messages(call, one) == ["early", "late"]
    found = await call("POST", FILTER, {"logs": {"level": {"ge_": 20}}}, work_pool_name="shed", name="one")
    assert [each["message"] for each in found] == ["early", "late"]
    newest = {"sort": "TIMESTAMP_DESC", "limit": 1}
    (last,) = await call("POST", FILTER, newest, work_pool_name="shed", name="one")
    assert last["message"] == "late"
    of_run = await call("GET", LINES, owner="flow-run", id=run)
    assert [each["message"] for each in of_run["lines"]] == ["of a run"]


async def test_logs_of_an_unknown_worker_are_not_found(call: RouteClient) -> None:
    await call("POST", FILTER, {}, work_pool_name="shed", name="nobody", status=404)
    await call("POST", FILTER, {}, work_pool_name="nowhere", name="nobody", status=404)
    await call("GET", LINES, owner="nothing", id=str(new_id()), status=422)


async def test_log_of_a_worker_is_filtered_and_searched(call: RouteClient) -> None:
    id_ = await send_heartbeat(call)
    lines = [
        line(id_, "started", 1),
        line(id_, "bad", 2, 40, name="prefect.workers.process.one"),
        line(id_, "ended", 3),
    ]
    await call("POST", "/logs/", lines)
    assert await messages(call, id_, level=30) == ["bad"]
    assert await messages(call, id_, since="2026-01-01T00:00:02Z") == ["bad", "ended"]
    choices = await call("GET", f"{LINES}/choices", owner="worker", id=id_)
    assert choices == {"loggers": ["prefect.worker", "prefect.workers.process.one"], "tasks": []}
    since = await call("GET", f"{LINES}/choices", owner="worker", id=id_, since="2026-01-01T00:00:03Z")
    assert since["loggers"] == ["prefect.worker"]
    assert (await call("GET", f"{LINES}/hits", owner="worker", id=id_, q="ed"))["positions"] == [0, 2]
    context = await call("GET", f"{LINES}/around", owner="worker", id=id_, at="2026-01-01T00:00:02Z", lines=1)
    assert [each["message"] for each in context["lines"]] == ["started", "bad", "ended"]
    file = await call.client.get(f"/ui/pages/worker/{id_}/logs/file", params={"level": 30})
    assert file.text.strip().endswith("bad")


async def test_worker_of_a_line_is_stored_and_not_in_answers_of_the_interface(
    call: RouteClient, database: Database
) -> None:
    id_ = await send_heartbeat(call)
    await call("POST", "/logs/", [line(id_, "hello")])
    (row,) = await database.read(store.logs.find)
    assert str(row["worker_id"]) == id_
    (log,) = await call("POST", "/logs/filter", {})
    assert "worker_id" not in log
