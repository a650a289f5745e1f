"""Flows, their runs and the runs of tasks over the API, on both databases: statuses and answers as the interface has
them, every answer held to its schema."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from prefect.server import store
from prefect.server.db.interface import Database
from prefect.settings import temporary_settings
from prefect.types import UTC, new_id, now
from tests.server.route_client import RouteClient

Run = dict[str, Any]


@pytest.fixture
def call(api: httpx.AsyncClient) -> RouteClient:
    return RouteClient(api)


async def test_flow_is_created_once_and_changed(call: RouteClient) -> None:
    flow = await call("POST", "/flows/", {"name": "etl", "tags": ["a"], "labels": {"x": 1}}, status=201)
    assert await call("POST", "/flows/", {"name": "etl", "tags": ["b"]}, status=200) == flow
    await call("PATCH", "/flows/{id}", {"tags": ["c"]}, id=flow["id"], status=204)
    assert (await call("GET", "/flows/name/{name}", name="etl"))["tags"] == ["c"]
    assert (await call("POST", "/flows/paginate", {"limit": 1}))["count"] == 1
    for route, name in (("/flows/{id}", new_id()), ("/flows/name/{name}", "nope")):
        assert (await call.send("GET", route, id=name, name=name))[0] == 404
    await call("PATCH", "/flows/{id}", {"tags": []}, id=new_id(), status=404)
    await call("DELETE", "/flows/{id}", id=new_id(), status=404)


async def test_flow_run_inherits_labels(call: RouteClient) -> None:
    flow_id = await call.flow(labels={"x": 1})
    run = await call("POST", "/flow_runs/", {"flow_id": flow_id, "labels": {"y": True}}, status=201)
    assert (run["state_type"], run["job_variables"], len(run["name"].split("-"))) == ("PENDING", {}, 2)
    assert run["labels"] == {"x": 1, "prefect.flow.id": flow_id, "y": True}
    task = await call("POST", "/task_runs/", {"task_key": "t", "dynamic_key": "0", "flow_run_id": run["id"]})
    assert task["labels"] == {**run["labels"], "prefect.flow-run.id": run["id"]}
    await call("PATCH", "/flow_runs/{id}/labels", {"y": 2}, id=run["id"], status=204)
    await call("PATCH", "/flow_runs/{id}/labels", {"z": {}}, id=run["id"], status=422)
    await call("PATCH", "/flow_runs/{id}/labels", {"y": 2}, id=new_id(), status=404)
    assert (await call("GET", "/flow_runs/{id}", id=run["id"]))["labels"]["y"] == 2


async def test_repeated_creation_returns_the_first_run(call: RouteClient, database: Database) -> None:
    flow_id = await call.flow()
    first = await call("POST", "/flow_runs/", {"flow_id": flow_id, "idempotency_key": "k", "name": "x"}, status=201)
    again = await call("POST", "/flow_runs/", {"flow_id": flow_id, "idempotency_key": "k", "name": "y"}, status=200)
    assert (again["id"], again["name"]) == (first["id"], "x")
    other = await call("POST", "/flow_runs/", {"flow_id": await call.flow("other"), "idempotency_key": "k"}, status=201)
    assert other["id"] != first["id"]
    place = {"task_key": "t", "dynamic_key": "0", "flow_run_id": first["id"]}
    task = await call("POST", "/task_runs/", place, status=201)
    assert (await call("POST", "/task_runs/", {**place, "tags": ["b"]}, status=200))["id"] == task["id"]
    await call("POST", "/task_runs/", {"task_key": "t", "dynamic_key": "9", "id": task["id"]}, status=409)
    await call("POST", "/task_runs/", {**place, "flow_run_id": str(new_id())}, status=409)
    await call("POST", "/flow_runs/", {"flow_id": str(new_id())}, status=409)
    await call("POST", "/flow_runs/", {"flow_id": flow_id, "work_pool_name": "nope"}, status=404)
    assert await database.read(lambda tx: store.task_runs.count(tx)) == 1


async def test_change_run_sets_columns(call: RouteClient) -> None:
    run = await call.flow_run()
    for body, status in (
        ({"name": "new", "tags": ["a"], "infrastructure_pid": "p"}, 204),
        ({}, 204),
        ({"foo": 1}, 422),
        ({"job_variables": {"a": 1}}, 400),
        ({"parameters": {"x": "a" * 600_000}}, 422),
        ({"empirical_policy": {"retries": 2}}, 204),
    ):
        await call("PATCH", "/flow_runs/{id}", body, id=run, status=status)
    answer = await call("GET", "/flow_runs/{id}", id=run)
    assert (answer["name"], answer["tags"], answer["empirical_policy"]["retries"]) == ("new", ["a"], 2)
    await call("PATCH", "/flow_runs/{id}", {"name": "x"}, id=new_id(), status=404)
    task = await call.task_run(run)
    await call("PATCH", "/task_runs/{id}", {"name": "renamed"}, id=task, status=204)
    shown = await call("GET", "/ui/task_runs/{id}", id=task)
    assert (shown["name"], shown["flow_run_name"]) == ("renamed", "new")


async def test_pages_respect_limits(call: RouteClient) -> None:
    flow_id = await call.flow()
    ids = [await call.flow_run(flow_id=flow_id, name=f"run-{n}") for n in range(5)]
    for body in ({"limit": 201}, {"limit": -1}):
        for route in ("/flow_runs/filter", "/flow_runs/paginate", "/task_runs/filter", "/flows/filter", "/logs/filter"):
            status, answer = await call.send("POST", route, body)
            assert status == 422
            assert "limit" in answer["detail"]
    for body in ({"limit": "x"}, {"offset": -1}, {"sort": "x"}, {"flow_runs": {"foo": 1}}):
        assert (await call.send("POST", "/flow_runs/filter", body))[0] == 422
    assert await call("POST", "/flow_runs/filter", {"limit": 0}) == []
    page = await call("POST", "/flow_runs/paginate", {"limit": 2, "page": 2, "sort": "NAME_ASC"})
    assert [run["name"] for run in page.pop("results")] == ["run-2", "run-3"]
    assert page == {"count": 5, "limit": 2, "pages": 3, "page": 2}
    assert (await call("POST", "/flow_runs/paginate", {"limit": 0}))["pages"] == 0
    await call("POST", "/flow_runs/paginate", {"page": 0}, status=422)
    await call.task_run(ids[0])
    short = await call("POST", "/task_runs/paginate", {"limit": 1})
    assert (short["count"], len(short["results"])) == (1, 1)


async def _work(call: RouteClient, database: Database) -> dict[str, Any]:
    """A pool with its queue, a deployment on it, and runs: one of the deployment, one of nothing."""
    at, flow_id, other = now(), await call.flow(), await call.flow("other")
    ids = {name: new_id() for name in ("pool", "queue", "deployment")}
    both = {"created": at, "updated": at}

    async def add(tx: Any) -> None:
        pool = {"id": ids["pool"], **both, "name": "pool", "type": "process", "is_paused": False}
        await store.work_pools.add(tx, [{**pool, "default_queue_id": ids["queue"]}])
        queue = {"id": ids["queue"], **both, "name": "default", "work_pool_id": ids["pool"], "is_paused": False}
        await store.work_queues.add(tx, [{**queue, "priority": 1}])
        deployment = {"id": ids["deployment"], **both, "name": "deployed", "flow_id": UUID(flow_id), "paused": False}
        deployment |= {"enforce_parameter_schema": True, "work_queue_id": ids["queue"], "labels": {"d": 1}}
        await store.deployments.add(tx, [deployment])

    await database.write(add)
    run = {"flow_id": flow_id, "deployment_id": str(ids["deployment"]), "work_pool_name": "pool"}
    run_id = await call.flow_run("SCHEDULED", **run, name="deployed-run")
    made = {"run": run_id, "alone": await call.flow_run(flow_id=other, name="alone")}
    return {**ids, **made, "task": await call.task_run(run_id, name="task"), "flow": flow_id, "other": other}


async def test_runs_are_filtered_by_related_objects(call: RouteClient, database: Database) -> None:
    ids = await _work(call, database)
    run = await call("GET", "/flow_runs/{id}", id=ids["run"])
    assert (run["work_pool_name"], run["work_queue_name"]) == ("pool", "default")
    assert (run["work_pool_id"], run["labels"]["d"]) == (str(ids["pool"]), 1)

    async def found(kind: str, body: Any) -> list[str]:
        rows = await call("POST", f"/{kind}/filter", body)
        if kind != "logs":
            assert await call("POST", f"/{kind}/count", body) == len(rows)
        return sorted(row["name"] for row in rows)

    by = {
        "deployments": {"name": {"any_": ["deployed"]}},
        "work_pools": {"name": {"any_": ["pool"]}},
        "work_pool_queues": {"name": {"any_": ["default"]}},
        "task_runs": {"name": {"any_": ["task"]}},
        "flows": {"name": {"any_": ["etl"]}},
    }
    for name, criteria in by.items():
        assert await found("flow_runs", {name: criteria}) == ["deployed-run"], name
    for name in ("deployments", "work_pools", "task_runs"):
        assert await found("flows", {name: by[name]}) == ["etl"], name
    for name in ("deployments", "flows"):
        assert await found("task_runs", {name: by[name]}) == ["task"], name
    assert await found("flows", {"flows": {"deployment": {"is_null_": True}}}) == ["other"]
    assert await found("flows", {"flows": {"deployment": {"is_null_": False}}}) == ["etl"]
    assert await found("flows", {"flows": {"id": {"not_any_": [ids["flow"]]}}}) == ["other"]
    states = {"operator": "or_", "type": {"any_": ["RUNNING"]}, "name": {"any_": ["Late"]}}
    assert await found("flow_runs", {"flow_runs": {"state": states}}) == ["alone"]
    assert await found("flow_runs", {"flow_runs": {"state": {}, "name": {}}}) == ["alone", "deployed-run"]
    assert await found("flow_runs", {"flow_runs": {"id": {"any_": []}}}) == []
    counts = await call("POST", "/ui/flows/count-deployments", {"flow_ids": [ids["flow"], ids["other"]]})
    assert counts == {ids["flow"]: 1, ids["other"]: 0}
    nexts = await call("POST", "/ui/flows/next-runs", {"flow_ids": [ids["flow"], ids["other"]]})
    assert (nexts[ids["flow"]]["name"], nexts[ids["other"]]) == ("deployed-run", None)
    body = {"task_runs": {"start_time": {"after_": now().isoformat()}}, "work_queues": by["work_pool_queues"]}
    assert len(await call("POST", "/ui/task_runs/dashboard/counts", {**body, "work_pools": by["work_pools"]})) == 20


@pytest.mark.parametrize(
    ("criteria", "expected"),
    [
        ({}, ["inside"]),
        ({"any_": None}, ["inside"]),
        ({"is_null_": True}, ["outside"]),
        ({"is_null_": None}, ["inside", "outside"]),
        ({"any_": []}, []),
    ],
)
async def test_task_runs_are_filtered_by_flow_run(call: RouteClient, criteria: Any, expected: list[str]) -> None:
    await call.task_run(await call.flow_run(), name="inside")
    await call.task_run(None, name="outside")
    rows = await call("POST", "/task_runs/filter", {"task_runs": {"flow_run_id": criteria}, "sort": "NAME_ASC"})
    assert [row["name"] for row in rows] == expected


async def test_task_runs_sorted_by_duration_count_running_time_up_to_now(call: RouteClient, database: Database) -> None:
    rows: dict[str, Run] = {
        "pending": {},
        "short": {"total_run_time": timedelta(seconds=5)},
        "long": {"total_run_time": timedelta(hours=2)},
        "running": {"state_type": "RUNNING", "state_timestamp": now() - timedelta(hours=1)},
    }
    for number, (name, values) in enumerate(rows.items()):
        changed = {"id": UUID(await call.task_run(None, str(number), name=name)), **values}
        if values:
            await database.write(lambda tx, row=changed, set=values: store.task_runs.change(tx, [row], [*set]))
    for sort, expected in (
        ("DURATION_ASC", ["pending", "short", "running", "long"]),
        ("DURATION_DESC", ["long", "running", "short", "pending"]),
    ):
        found = await call("POST", "/task_runs/filter", {"sort": sort})
        assert [row["name"] for row in found] == expected


async def test_history_counts_by_interval_and_state(call: RouteClient) -> None:
    flow_id = await call.flow()
    start = datetime(2026, 3, 1, 12, tzinfo=UTC)
    for minutes in (0, 1, 5, 9.999):
        at = (start + timedelta(minutes=minutes)).isoformat()
        await call.flow_run(None, flow_id=flow_id, state={"type": "SCHEDULED", "state_details": {"scheduled_time": at}})
    between = {"history_start": start.isoformat(), "history_end": (start + timedelta(minutes=10)).isoformat()}
    history = await call("POST", "/flow_runs/history", {**between, "history_interval_seconds": 300})
    assert [[state["count_runs"] for state in interval["states"]] for interval in history] == [[2], [2]]
    state = history[0]["states"][0]
    assert (state["state_type"], state["state_name"], state["sum_estimated_run_time"]) == ("SCHEDULED", "Scheduled", 0)
    assert state["sum_estimated_lateness"] > 0
    assert len(await call("POST", "/flow_runs/history", {**between, "history_interval_seconds": 1})) == 500
    await call("POST", "/flow_runs/history", {**between, "history_interval_seconds": 0.5}, status=422)
    backwards = {"history_start": between["history_end"], "history_end": between["history_start"]}
    assert await call("POST", "/task_runs/history", {**backwards, "history_interval_seconds": 60}) == []
    assert await call("POST", "/flow_runs/lateness", {}) > 0
    assert await call("POST", "/flow_runs/lateness", {"flow_runs": {"name": {"any_": ["nothing"]}}}) is None


async def test_dashboard_counts(call: RouteClient) -> None:
    run, task = await call.flow_run(), ""
    for number, type_ in enumerate(("COMPLETED", "FAILED", "CRASHED", "CANCELLED", "RUNNING", "PENDING")):
        task = await call.task_run(run, str(number))
        for entered in ("RUNNING", type_) if type_ != "PENDING" else ():
            await call.set_state("task", task, entered)
    counts = await call("POST", "/ui/task_runs/count", {"flow_runs": {"id": {"any_": [run]}}})
    assert {name for name, count in counts.items() if count} == {
        *("COMPLETED", "FAILED", "CRASHED", "CANCELLED", "RUNNING", "PENDING")
    }
    after, before = ((now() + timedelta(seconds=seconds)).isoformat() for seconds in (-600, 600))
    started = {"task_runs": {"start_time": {"after_": after, "before_": before}}}
    intervals = await call("POST", "/ui/task_runs/dashboard/counts", started)
    assert len(intervals) == 20
    assert [sum(interval[name] for interval in intervals) for name in ("completed", "failed")] == [2, 2]
    await call("POST", "/ui/task_runs/dashboard/counts", {"task_runs": {}}, status=422)
    await call.flow_run(parent_task_run_id=task)
    some = {"flow_run_ids": [run, str(new_id())]}
    assert list((await call("POST", "/ui/flow_runs/count-task-runs", some)).values()) == [5, 0]
    points = await call("POST", "/ui/flow_runs/history", {})
    assert [point["state_type"] for point in points] == ["RUNNING", "RUNNING"]
    await call("POST", "/ui/flow_runs/history", {"limit": 1001}, status=422)


async def test_graph_shows_nodes_and_edges(call: RouteClient) -> None:
    run = await call.flow_run()

    def task_runs_as_input(*ids: str, name: str = "x") -> Any:
        return {name: [{"input_type": "task_run", "id": id_} for id_ in ids]}

    outer = await call.task_run(run, "outer", name="outer")
    inner = await call.task_run(
        run,
        "inner",
        name="inner",
        task_inputs={**task_runs_as_input(outer, str(new_id())), **task_runs_as_input(outer, name="__parents__")},
    )
    third = await call.task_run(run, "third", task_inputs={"p": [{"input_type": "parameter", "name": "p"}]})
    child = await call.flow_run(parent_task_run_id=third, name="child")
    for type_, key in (("progress", "k"), ("markdown", "k"), ("markdown", None)):
        body = {"type": type_, "key": key, "data": 3, "flow_run_id": run, "task_run_id": inner if key else None}
        await call("POST", "/artifacts/", body)
    graph = await call("GET", "/flow_runs/{id}/graph-v2", id=run)
    nodes = dict(graph["nodes"])
    assert graph["root_node_ids"] == [outer, child]
    assert nodes[outer]["children"] == [{"id": inner}]
    assert nodes[inner]["parents"] == nodes[inner]["encapsulating"] == [{"id": outer}]
    assert (nodes[child]["kind"], nodes[child]["label"]) == ("flow-run", "etl / child")
    assert [(made["is_latest"], made["data"]) for made in nodes[inner]["artifacts"]] == [(False, 3), (True, None)]
    assert len(graph["artifacts"]) == 1
    assert [state["name"] for state in graph["states"]] == ["Running"]
    await call.set_state("task", outer, "COMPLETED", force=True)
    later = (now() + timedelta(seconds=60)).isoformat()
    since = await call("GET", "/flow_runs/{id}/graph-v2", id=run, since=later)
    assert outer not in dict(since["nodes"])
    depends = {node["id"]: node["upstream_dependencies"] for node in await call("GET", "/flow_runs/{id}/graph", id=run)}
    assert depends[inner][0] == {"input_type": "task_run", "id": outer}
    for route in ("/flow_runs/{id}/graph", "/flow_runs/{id}/graph-v2"):
        assert (await call.send("GET", route, id=new_id()))[0] == 404


@pytest.mark.parametrize("setting", ["server.flow_run_graph.max_nodes", "server.flow_run_graph.max_artifacts"])
async def test_graph_is_refused_when_too_large(call: RouteClient, setting: str) -> None:
    run = await call.flow_run()
    for key in "12":
        await call.task_run(run, key)
        await call("POST", "/artifacts/", {"key": f"k-{key}", "data": 1, "flow_run_id": run})
    await call("GET", "/flow_runs/{id}/graph-v2", id=run, status=200)
    with temporary_settings({setting: 1}):
        answer = await call("GET", "/flow_runs/{id}/graph-v2", id=run, status=400)
    assert setting in answer["detail"]


async def test_inputs_are_added_found_and_removed(call: RouteClient) -> None:
    run = await call.flow_run()
    path = "/flow_runs/{id}/input"
    for key, value, status in (
        ("a", '"x"', 201),
        ("a", '"y"', 409),
        ("a b", "1", 422),
        ("p-1", "no json", 201),
        ("p-2", "2", 201),
        ("P-3", "3", 201),
    ):
        await call("POST", path, {"key": key, "value": value, "sender": "me"}, id=run, status=status)
    await call("POST", path, {"key": "a", "value": "1"}, id=new_id(), status=404)

    async def keys(**body: Any) -> list[str]:
        return [row["key"] for row in await call("POST", f"{path}/filter", body, id=run)]

    assert await keys(prefix="p") == ["p-1"]
    assert await keys(prefix="p", limit=9, exclude_keys=["p-1"]) == ["p-2"]
    assert await keys(prefix="", limit=9) == ["a", "p-1", "p-2", "P-3"]
    assert await call.send("GET", f"{path}/{{key}}", id=run, key="p-1") == (200, "no json")
    assert (await call.send("GET", f"{path}/{{key}}", id=run, key="zz"))[0] == 404
    await call("DELETE", f"{path}/{{key}}", id=run, key="a", status=204)
    await call("DELETE", f"{path}/{{key}}", id=run, key="a", status=404)


async def test_resume_validates_the_input(call: RouteClient) -> None:
    run = await call.flow_run()
    keys = {"description": "k-description", "response": "k-response", "schema": "k-schema"}
    schema = '{"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}'
    await call("POST", "/flow_runs/{id}/input", {"key": "k-schema", "value": schema}, id=run)
    await call.set_state("flow", run, "PAUSED", state_details={"run_input_keyset": keys})
    for run_input in (None, {"n": "x"}, {"n": {"__prefect_kind": "json", "value": "bad{"}}):
        status, answer = await call.send("POST", "/flow_runs/{id}/resume", {"run_input": run_input}, id=run)
        assert (status, answer["status"], answer["state"]["type"]) == (200, "REJECT", "PAUSED")
        assert answer["details"]["type"] == "abort_details"
    read = {"run_input": {"n": {"__prefect_kind": "json", "value": "5"}}}
    await call("POST", "/flow_runs/{id}/resume", read, id=run, status=201)
    assert await call.send("GET", "/flow_runs/{id}/input/{key}", id=run, key="k-response") == (200, '{"n":5}')


async def test_resume_schedules_a_suspended_run(call: RouteClient, database: Database) -> None:
    run = (await _work(call, database))["run"]
    await call.set_state("flow", run, "RUNNING")
    await call.set_state("flow", run, "PAUSED", name="Suspended", state_details={"pause_reschedule": True})
    answer = await call("POST", "/flow_runs/{id}/resume", id=run, status=201)
    assert (answer["state"]["type"], answer["state"]["name"]) == ("SCHEDULED", "Resuming")
    await call.set_state("flow", run, "CANCELLING")
    assert (await call("GET", "/flow_runs/{id}", id=run))["state_type"] == "CANCELLED"
    await call("POST", "/flow_runs/{id}/resume", id=new_id(), status=404)


async def test_logs_are_found_and_exported(call: RouteClient) -> None:
    run = await call.flow_run(name="my run")
    at = datetime(2026, 3, 1, 12, tzinfo=UTC)
    task = str(new_id())
    log = {"name": "l", "level": 20, "message": 'hi\n"there"', "timestamp": at.isoformat(), "flow_run_id": run}
    later = {**log, "level": 33, "message": "m", "timestamp": (at + timedelta(seconds=1)).isoformat()}
    await call("POST", "/logs/", [later | {"task_run_id": task}, log], status=201)
    await call("POST", "/logs/", [], status=201)
    messages = [row["message"] for row in await call("POST", "/logs/filter", {})]
    assert messages == ['hi\n"there"', "m"]
    response = await call.client.get(f"/flow_runs/{run}/logs/download")
    assert response.text == (
        "timestamp,level,flow_run_id,task_run_id,message\r\n"
        f'2026-03-01 12:00:00+00:00,20,{run},,"hi\n""there"""\r\n'
        f"2026-03-01 12:00:01+00:00,33,{run},{task},m\r\n"
    )
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    assert response.headers["content-disposition"].endswith("filename*=UTF-8''my%20run-logs.csv")
    await call("GET", "/flow_runs/{id}/logs/download", id=new_id(), status=404)


async def test_bulk_requests_change_and_remove_runs(call: RouteClient) -> None:
    flow_id = await call.flow()
    ids = sorted([await call.flow_run(flow_id=flow_id) for _ in range(3)])
    body = {"flow_runs": {"id": {"any_": ids}}, "limit": 2}
    results = (await call("POST", "/flow_runs/bulk_set_state", {**body, "state": {"type": "CANCELLED"}}))["results"]
    assert [(result["flow_run_id"], result["status"]) for result in results] == [(id_, "ACCEPT") for id_ in ids[:2]]
    results = (await call("POST", "/flow_runs/bulk_set_state", {**body, "state": {"type": "PENDING"}}))["results"]
    assert {result["status"] for result in results} == {"ABORT"}
    assert await call("POST", "/flow_runs/bulk_delete", body) == {"deleted": ids[:2]}
    for route in ("/flow_runs/bulk_delete", "/flows/bulk_delete"):
        await call("POST", route, {"limit": 51}, status=422)
        await call("POST", route, {"limit": 0}, status=422)
    assert await call("POST", "/flows/bulk_delete", {}) == {"deleted": [flow_id]}
    assert await call("POST", "/flow_runs/count", {}) == 0


async def test_remove_deletes_objects_of_the_run(call: RouteClient, database: Database) -> None:
    ids = await _work(call, database)
    run, child = ids["run"], await call.flow_run(parent_task_run_id=ids["task"])
    await call("POST", "/flow_runs/{id}/input", {"key": "k", "value": "1"}, id=run)
    log = {"name": "l", "level": 20, "message": "m", "timestamp": now().isoformat(), "flow_run_id": run}
    await call("POST", "/logs/", [log])
    await call("POST", "/artifacts/", {"key": "k", "data": 1, "flow_run_id": run})
    await call("DELETE", "/flow_runs/{id}", id=run, status=204)
    await call("GET", "/task_runs/{id}", id=ids["task"], status=404)
    assert (await call("GET", "/flow_runs/{id}", id=child))["parent_task_run_id"] is None
    assert await call("POST", "/logs/filter", {}) == []
    assert await call("POST", "/flow_runs/{id}/input/filter", {"prefix": ""}, id=run) == []
    assert await call("POST", "/artifacts/filter", {}) == []
    await call("DELETE", "/flow_runs/{id}", id=run, status=404)
    await call("DELETE", "/flows/{id}", id=ids["flow"], status=204)
    assert await database.read(lambda tx: store.deployments.count(tx)) == 0
    await call("DELETE", "/task_runs/{id}", id=await call.task_run(None), status=204)


async def test_insert_flow_runs_skips_existing_keys(call: RouteClient, database: Database) -> None:
    from prefect.server.services.runs.lifecycle import creation

    flow_id = UUID(await call.flow(labels={"x": 1}))
    at = now() + timedelta(hours=1)
    planned = [
        {
            "flow_id": flow_id,
            "idempotency_key": f"scheduled {number}",
            "auto_scheduled": True,
            "state": {"type": "SCHEDULED", "state_details": {"scheduled_time": at + timedelta(hours=number)}},
        }
        for number in range(3)
    ]
    assert len(await database.write(lambda tx: creation.insert_flow_runs(tx, planned[:2]))) == 2
    assert len(await database.write(lambda tx: creation.insert_flow_runs(tx, planned))) == 1
    rows = await call("POST", "/flow_runs/filter", {"sort": "NEXT_SCHEDULED_START_TIME_ASC"})
    assert [row["idempotency_key"] for row in rows] == [plan["idempotency_key"] for plan in planned]
    assert rows[0]["labels"]["x"] == 1
