"""The pages of a flow run, a task run, flows, deployments, work pools, and the overview."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from prefect.server.bus import Bus
from prefect.server.db.interface import Database
from prefect.server.loops import Environment, scheduler
from prefect.server.store.queries import run_page
from prefect.settings import get_current_settings
from prefect.types import now
from tests.server.route_client import RouteClient

PAGES = "/ui/pages"
LOGS = "/ui/pages/{owner}/{id}/logs"
TRACEBACK = 'Task run failed\nTraceback (most recent call last):\n  File "/srv/a.py", line 1, in x\nValueError: no'
MISSING = "01a228db-0000-7000-8000-000000000000"


async def log(call: RouteClient, run: str, *messages: str, task: str | None = None, level: int = 20) -> None:
    """Add logs of a run, a second apart."""
    logs = [
        {
            "name": "prefect.task_runs" if task else "prefect.flow_runs",
            "level": level,
            "message": message,
            "timestamp": f"2026-01-01T00:00:{second:02}Z",
            "flow_run_id": run,
            "task_run_id": task,
        }
        for second, message in enumerate(messages)
    ]
    await call("POST", "/logs/", logs)


async def deployment(call: RouteClient, **values: Any) -> str:
    """Add a deployment and return its id."""
    flow = await call.flow()
    return (await call("POST", "/deployments/", {"name": "prod", "flow_id": flow, **values}))["id"]


async def test_failed_flow_run_reports_what_failed_first(call: RouteClient) -> None:
    run = await call.flow_run("RUNNING", name="one")
    first, second = await call.task_run(run, "0", name="load-0"), await call.task_run(run, "1", name="load-1")
    for task in (first, second):
        state = {"type": "FAILED", "message": f"ValueError: no ({task})"}
        await call("POST", "/task_runs/{id}/set_state", {"state": state, "force": True}, id=task)
    await log(call, run, "a", "b", task=first)
    await log(call, run, TRACEBACK, task=first, level=40)
    state = {"type": "FAILED", "message": "1/2 states failed."}
    await call("POST", "/flow_runs/{id}/set_state", {"state": state, "force": True}, id=run)
    page = await call("GET", f"{PAGES}/flow-run/{{id}}", id=run)
    failure = page["failure"]
    assert failure["task"] == {"id": first, "name": "load-0"}
    assert failure["failed"] == 2 and failure["not_run"] == 0
    assert "has no deployment" in failure["retry"]["refusal"]
    assert failure["traceback"] == TRACEBACK
    assert [line["message"] for line in failure["logs"]] == ["a", "b"]
    assert [entry["type"] for entry in page["states"]] == ["RUNNING", "FAILED"]


async def test_flow_run_without_failure_has_none(call: RouteClient) -> None:
    page = await call("GET", f"{PAGES}/flow-run/{{id}}", id=await call.flow_run("COMPLETED"))
    assert (page["failure"], page["pause"], page["artifacts"]) == (None, None, [])


async def test_paused_flow_run_shows_its_form(call: RouteClient) -> None:
    run = await call.flow_run("RUNNING")
    schema = '{"type": "object", "properties": {"ok": {"type": "boolean"}}}'
    await call("POST", "/flow_runs/{id}/input", {"key": "s", "value": schema}, id=run)
    await call("POST", "/flow_runs/{id}/input", {"key": "d", "value": '"Send it?"'}, id=run)
    details = {
        "pause_timeout": "2099-01-01T00:00:00Z",
        "run_input_keyset": {"schema": "s", "description": "d", "response": "r"},
    }
    state = {"type": "PAUSED", "state_details": details}
    await call("POST", "/flow_runs/{id}/set_state", {"state": state, "force": True}, id=run)
    pause = (await call("GET", f"{PAGES}/flow-run/{{id}}", id=run))["pause"]
    assert pause["form"]["properties"] == {"ok": {"type": "boolean"}}
    assert (pause["description"], pause["timeout"]) == ("Send it?", "2099-01-01T00:00:00Z")
    overview = await call("GET", f"{PAGES}/overview")
    assert [paused["run"]["id"] for paused in overview["paused"]] == [run]


@pytest.mark.parametrize("kind", ["flow-run", "task-run", "flow", "deployment"])
async def test_object_that_does_not_exist_is_not_found(call: RouteClient, kind: str) -> None:
    status, _ = await call.send("GET", f"{PAGES}/{kind}/{{id}}", id=MISSING)
    assert status == 404


async def test_task_run_knows_what_it_used_and_what_used_it(call: RouteClient) -> None:
    run = await call.flow_run("RUNNING")
    first = await call.task_run(run, "0", name="a")
    inputs = {"x": [{"input_type": "task_run", "id": first}], "y": []}
    second = await call.task_run(run, "1", name="b", task_inputs=inputs)
    page = await call("GET", f"{PAGES}/task-run/{{id}}", id=second)
    assert [(each["name"], [source["name"] for source in each["sources"]]) for each in page["inputs"]] == [
        ("x", ["a"]),
        ("y", []),
    ]
    upstream = await call("GET", f"{PAGES}/task-run/{{id}}", id=first)
    assert [each["name"] for each in upstream["downstream"]] == ["b"]


async def test_graph_has_times_and_edges_by_number(call: RouteClient) -> None:
    run = await call.flow_run("RUNNING")
    first = await call.task_run(run, "0", name="a", state={"type": "RUNNING"})
    inputs = {"x": [{"input_type": "task_run", "id": first}], "__parents__": [{"input_type": "task_run", "id": first}]}
    await call.task_run(run, "1", name="b", task_inputs=inputs)
    graph = await call("GET", f"{PAGES}/flow-run/{{id}}/graph", id=run)
    nodes = {node["name"]: node for node in graph["nodes"]}
    assert nodes["b"]["parents"] == [graph["nodes"].index(nodes["a"])]
    assert nodes["a"]["start"] >= 0 and nodes["b"]["start"] is None
    assert graph["left_out"] == 0


async def test_graph_marks_events_that_are_no_states(call: RouteClient) -> None:
    run = await call.flow_run("RUNNING")
    await call.task_run(run, "0", name="a", state={"type": "RUNNING"})
    event = {
        "id": MISSING,
        "occurred": "2026-01-01T00:00:00Z",
        "event": "orders.imported",
        "resource": {"prefect.resource.id": "shop.berlin"},
        "related": [{"prefect.resource.id": f"prefect.flow-run.{run}", "prefect.resource.role": "flow-run"}],
        "payload": {},
    }
    await call("POST", "/events", [event])
    graph = await call("GET", f"{PAGES}/flow-run/{{id}}/graph", id=run)
    assert [(each["id"], each["name"], each["resource"]) for each in graph["events"]] == [
        (MISSING, "orders.imported", "shop.berlin")
    ]


async def test_log_is_read_by_position_and_searched_as_a_whole(call: RouteClient) -> None:
    run = await call.flow_run("RUNNING")
    task = await call.task_run(run, name="load-0")
    await log(call, run, *(f"line {n}" for n in range(30)))
    await log(call, run, "Needle", task=task, level=40)
    part = await call("GET", LOGS, owner="flow-run", id=run, offset=29, limit=5)
    assert (part["total"], part["offset"], len(part["lines"])) == (31, 29, 2)
    first = await call("GET", LOGS, owner="flow-run", id=run, level=30)
    assert [line["message"] for line in first["lines"]] == ["Needle"]
    assert first["tasks"] == {task: "load-0"}
    choices = await call("GET", f"{LOGS}/choices", owner="flow-run", id=run)
    assert choices == {
        "loggers": ["prefect.flow_runs", "prefect.task_runs"],
        "tasks": [{"id": task, "name": "load-0"}],
    }
    hits = await call("GET", f"{LOGS}/hits", owner="flow-run", id=run, q="LINE 2")
    assert hits["total"] == 11
    messages = [line["message"] for line in (await call("GET", LOGS, owner="flow-run", id=run))["lines"]]
    assert all("line 2" in messages[position] for position in hits["positions"])
    pattern = await call("GET", f"{LOGS}/hits", owner="flow-run", id=run, q=r"/^LINE \d$|ne+dle/")
    found = {messages[position] for position in pattern["positions"]}
    assert found == {*(f"line {n}" for n in range(10)), "Needle"} and pattern["total"] == 11
    wrong = await call("GET", f"{LOGS}/hits", owner="flow-run", id=run, q="/(a/", status=422)
    assert wrong["detail"] == "The pattern /(a/ cannot be read: unclosed group."
    only = await call("GET", f"{LOGS}/hits", owner="flow-run", id=run, q="needle", task=task)
    assert only == {"positions": [0], "total": 1}


@pytest.mark.parametrize(("offset", "limit", "lines"), [(0, 3, [9, 8, 7]), (8, 5, [1, 0]), (10, 5, [])])
async def test_log_is_read_from_its_end(call: RouteClient, offset: int, limit: int, lines: list[int]) -> None:
    run = await call.flow_run("RUNNING")
    await log(call, run, *(str(n) for n in range(10)))
    part = await call("GET", LOGS, owner="flow-run", id=run, offset=offset, limit=limit, newest="true")
    assert [int(line["message"]) for line in part["lines"]] == lines
    assert (part["total"], part["offset"]) == (10, offset)


async def test_flow_run_knows_defaults_that_it_was_not_passed(call: RouteClient) -> None:
    schema = {"type": "object", "properties": {"count": {"default": 12}, "source": {}}}
    flow = await call.flow()
    body = {"name": "prod", "flow_id": flow, "parameter_openapi_schema": schema, "parameters": {"source": "s3"}}
    deployment = (await call("POST", "/deployments/", body))["id"]
    run = await call.flow_run("RUNNING", flow_id=flow, deployment_id=deployment)
    page = await call("GET", f"{PAGES}/flow-run/{{id}}", id=run)
    assert (page["flow_parameters"], page["default_parameters"]) == ({"count": 12}, {"source": "s3"})
    assert page["automation"] is None


async def test_lines_near_a_line_are_those_of_the_whole_run(call: RouteClient) -> None:
    run = await call.flow_run("RUNNING")
    await log(call, run, *(f"line {n}" for n in range(30)))
    found = await call("GET", f"{LOGS}/around", owner="flow-run", id=run, at="2026-01-01T00:00:10Z", lines=2)
    assert [line["message"] for line in found["lines"]] == [f"line {n}" for n in range(8, 13)]
    first = await call("GET", f"{LOGS}/around", owner="flow-run", id=run, at="2026-01-01T00:00:00Z", lines=2)
    assert [line["message"] for line in first["lines"]] == ["line 0", "line 1", "line 2"]


async def test_deep_positions_of_a_log_are_those_of_shallow_ones(
    call: RouteClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = await call.flow_run("RUNNING")
    await log(call, run, *(f"line {n}" for n in range(12)))
    await log(call, run, *(f"same time {n}" for n in range(12)))  # two lines a second
    of_run = {"owner": "flow-run", "id": run}
    shallow = [await call("GET", LOGS, **of_run, offset=n, limit=3) for n in range(26)]
    monkeypatch.setattr(run_page, "DEEP_OFFSET", 0)
    assert [await call("GET", LOGS, **of_run, offset=n, limit=3) for n in range(26)] == shallow


@pytest.mark.parametrize(
    ("format_", "begins"), [("text", "2026-01-01T00:00:00.000"), ("csv", "timestamp,level"), ("json", '{"timestamp"')]
)
async def test_log_is_downloaded_as_the_filter_shows_it(call: RouteClient, format_: str, begins: str) -> None:
    run = await call.flow_run("RUNNING")
    await log(call, run, "a")
    await log(call, run, "b", level=40)
    path = f"{PAGES}/flow-run/{run}/logs/file"
    everything = await call.client.get(path, params={"format": format_})
    assert everything.text.startswith(begins) and "attachment" in everything.headers["content-disposition"]
    errors = await call.client.get(path, params={"format": format_, "level": 40})
    assert len(errors.text) < len(everything.text)


async def test_log_file_has_each_line_once_however_it_is_read(
    call: RouteClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("prefect.server.services.pages.run_detail.logs.EXPORT_BATCH_SIZE", 2)
    run = await call.flow_run("RUNNING")
    at = "2026-01-01T00:00:00Z"  # one time for all, as with many lines a millisecond
    logs = [{"name": "x", "level": 20, "message": f"line {n}", "timestamp": at, "flow_run_id": run} for n in range(7)]
    await call("POST", "/logs/", logs)
    text = (await call.client.get(f"{PAGES}/flow-run/{run}/logs/file")).text
    assert sorted(line.split(" - ")[1] for line in text.splitlines()) == [f"line {n}" for n in range(7)]


async def test_attempt_is_the_lines_between_two_times(call: RouteClient) -> None:
    run = await call.flow_run("RUNNING")
    times = [f"2026-01-01T00:00:0{second}Z" for second in range(5)]
    logs = [{"name": "x", "level": 20, "message": at, "timestamp": at, "flow_run_id": run} for at in times]
    await call("POST", "/logs/", logs)
    bounds = {"since": times[1], "until": times[3]}
    part = await call("GET", LOGS, owner="flow-run", id=run, **bounds)
    assert (part["total"], [line["message"] for line in part["lines"]]) == (2, times[1:3])
    assert (await call("GET", f"{LOGS}/hits", owner="flow-run", id=run, q="00:00", **bounds))["positions"] == [0, 1]


async def test_flows_and_deployments_show_their_latest_and_next_runs(call: RouteClient) -> None:
    schedules = [{"schedule": {"interval": 60.0}, "active": True}]
    id_ = await deployment(call, tags=["x"], schedules=schedules, labels={"team": "data"}, storage_document_id=MISSING)
    run = await call("POST", "/deployments/{id}/create_flow_run", {"state": {"type": "COMPLETED"}}, id=id_)
    await call("POST", "/flow_runs/{id}/set_state", {"state": {"type": "COMPLETED"}, "force": True}, id=run["id"])
    flows = await call("GET", f"{PAGES}/flows")
    assert [(row["name"], row["deployments"]) for row in flows["rows"]] == [("etl", 1)]
    assert [each["id"] for each in flows["rows"][0]["runs"]] == [run["id"]]
    (row,) = (await call("GET", f"{PAGES}/deployments", q="ETL"))["rows"]
    assert row["schedules"][0]["schedule"]["interval"] == 60.0 and row["tags"] == ["x"]
    assert (await call("GET", f"{PAGES}/deployments", q="nothing"))["rows"] == []
    page = await call("GET", f"{PAGES}/deployment/{{id}}", id=id_)
    assert page["row"]["id"] == id_ and page["parameters"] == {}
    assert page["labels"]["team"] == "data" and page["storage"] == MISSING


async def test_pinned_deployments_are_on_the_first_pages(call: RouteClient) -> None:
    ids = {name: await deployment(call, name=name) for name in "abcde"}
    pinned = f"{ids['e']},{ids['c']},{MISSING}"

    async def names(**choice: Any) -> list[str]:
        page = await call("GET", f"{PAGES}/deployments", pinned=pinned, size=2, **choice)
        return [row["name"] for row in page["rows"]]

    assert [await names(page=page) for page in (1, 2, 3)] == [["c", "e"], ["a", "b"], ["d"]]
    assert await names(sort="-name") == ["e", "c"]
    assert await names(q="b") == ["b"]
    assert (await call.send("GET", f"{PAGES}/deployments", pinned="x"))[0] == 422


async def test_scheduled_run_has_the_schedule_that_created_it(call: RouteClient, database: Database) -> None:
    id_ = await deployment(call, schedules=[{"schedule": {"interval": 3600.0}, "active": True}])
    await scheduler.create_scheduled_runs(Environment(database, Bus(), get_current_settings()))
    run = (await call("GET", f"{PAGES}/deployment/{{id}}", id=id_))["upcoming"][0]
    assert (await call("GET", f"{PAGES}/flow-run/{{id}}", id=run["id"]))["schedule"]["interval"] == 3600.0
    started = await call("POST", "/deployments/{id}/create_flow_run", {}, id=id_)
    assert (await call("GET", f"{PAGES}/flow-run/{{id}}", id=started["id"]))["schedule"] is None


async def test_grid_shows_the_worst_state_of_each_task(call: RouteClient) -> None:
    run = await call.flow_run("RUNNING")
    for key, type_ in (("0", "COMPLETED"), ("1", "FAILED")):
        task = await call.task_run(run, key, name=f"load-{key}", task_key="module.load-abc")
        await call("POST", "/task_runs/{id}/set_state", {"state": {"type": type_}, "force": True}, id=task)
    page = await call("GET", f"{PAGES}/flow/{{id}}", id=await call.flow())
    ((cell,),) = [row["cells"] for row in page["grid"]]
    assert page["grid"][0]["task"] == "load"
    assert (cell["run"], cell["state_type"], cell["count"]) == (0, "FAILED", 2)


async def test_work_pool_shows_queues_workers_and_slots(call: RouteClient) -> None:
    await call("POST", "/work_pools/", {"name": "local", "type": "process", "concurrency_limit": 3})
    await call("POST", "/work_pools/{work_pool_name}/workers/heartbeat", {"name": "w"}, work_pool_name="local")
    (row,) = (await call("GET", f"{PAGES}/work-pools"))["rows"]
    assert (row["workers_online"], row["workers"], row["concurrency_limit"], row["slots"]) == (1, 1, 3, 0)
    page = await call("GET", f"{PAGES}/work-pool/{{name}}", name="local")
    assert [queue["name"] for queue in page["queues"]] == ["default"]
    assert [(worker["name"], worker["runs"], worker["facts"]["host"]) for worker in page["workers"]] == [("w", 0, None)]
    status, _ = await call.send("GET", f"{PAGES}/work-pool/{{name}}", name="other")
    assert status == 404


async def test_only_due_runs_wait_in_pools_and_queues(call: RouteClient) -> None:
    await call("POST", "/work_pools/", {"name": "local", "type": "process"})
    for name, hours in (("Scheduled", 1), ("Scheduled", -1), ("Late", -1), ("AwaitingConcurrencySlot", 1)):
        details = {"scheduled_time": str(now() + timedelta(hours=hours))}
        state = {"type": "SCHEDULED", "name": name, "state_details": details}
        await call.flow_run(state=state, work_pool_name="local")
    await call.flow_run(state={"type": "RUNNING", "name": "Retrying"}, work_pool_name="local")
    page = await call("GET", f"{PAGES}/work-pool/{{name}}", name="local")
    for row in (page["pool"], *page["queues"]):
        assert (row["waiting"], row["late"], row["slots"]) == (3, 1, 1)


async def test_work_pool_shows_the_machines_and_the_runs_of_its_workers(call: RouteClient) -> None:
    await call("POST", "/work_pools/", {"name": "local", "type": "process"})
    facts = {"host": "desk", "pid": 7, "version": "1.0", "python": "3.12.1", "limit": 2, "integrations": []}
    for name, metadata in (("ours", facts), ("theirs", {"integrations": [{"name": "prefect-aws", "version": "0.5"}]})):
        body = {"name": name, "metadata": metadata}
        await call("POST", "/work_pools/{work_pool_name}/workers/heartbeat", body, work_pool_name="local")
    for number in range(7):
        labels = {"prefect.worker.name": "ours"} if number else {}
        await call.flow_run("RUNNING", name=f"run-{number}", labels=labels, work_pool_name="local")
    own_worker, other_worker = (await call("GET", f"{PAGES}/work-pool/{{name}}", name="local"))["workers"]
    assert own_worker["facts"] | facts == own_worker["facts"]
    assert (own_worker["runs"], len(own_worker["some_runs"]), own_worker["some_runs"][0]["name"]) == (6, 5, "run-1")
    assert (other_worker["runs"], other_worker["facts"]["host"]) == (0, None)
    assert other_worker["facts"]["integrations"] == [{"name": "prefect-aws", "version": "0.5"}]


async def test_worker_keeps_its_facts_between_heartbeats_and_odd_ones_are_not_kept(call: RouteClient) -> None:
    await call("POST", "/work_pools/", {"name": "local", "type": "process"})

    async def send_heartbeat(**body: Any) -> str | None:
        route = "/work_pools/{work_pool_name}/workers/heartbeat"
        await call("POST", route, {"name": "w", **body}, work_pool_name="local")
        return (await call("GET", f"{PAGES}/work-pool/{{name}}", name="local"))["workers"][0]["facts"]["host"]

    assert await send_heartbeat(metadata={"host": "desk"}) == "desk"
    assert await send_heartbeat() == "desk"
    assert await send_heartbeat(metadata={"host": "d" * 1001}) is None


@pytest.mark.parametrize(("paused", "health"), [("", "not polled"), ("queue", "paused"), ("pool", "paused")])
async def test_runs_show_whether_their_queue_is_polled(call: RouteClient, paused: str, health: str) -> None:
    pool = await call("POST", "/work_pools/", {"name": "local", "type": "process", "is_paused": paused == "pool"})
    queue = {"name": "high", "is_paused": paused == "queue"}
    await call("POST", "/work_pools/{work_pool_name}/queues", queue, work_pool_name="local")
    await call.flow_run("SCHEDULED", work_pool_name="local", work_queue_name="high")
    (row,) = (await call("GET", f"{PAGES}/runs"))["rows"]
    assert (row["work_pool"], row["work_queue"], row["work_queue_health"]) == (pool["name"], "high", health)


@pytest.mark.parametrize("state", ["PENDING", "RUNNING", "PAUSED", "CANCELLING", "COMPLETED"])
async def test_runs_that_no_longer_wait_do_not_show_the_health_of_their_queue(call: RouteClient, state: str) -> None:
    await call("POST", "/work_pools/", {"name": "local", "type": "process"})
    run = await call.flow_run("SCHEDULED", work_pool_name="local")
    await call("POST", "/flow_runs/{id}/set_state", {"state": {"type": state}, "force": True}, id=run)
    (row,) = (await call("GET", f"{PAGES}/runs"))["rows"]
    assert (row["work_queue"], row["work_queue_health"]) == ("default", None)


async def test_overview_names_failures_until_they_are_seen(call: RouteClient) -> None:
    await call.flow_run("RUNNING", name="fine")
    run = await call.flow_run("RUNNING", name="bad")
    await call("POST", "/flow_runs/{id}/set_state", {"state": {"type": "FAILED"}, "force": True}, id=run)
    page = await call("GET", f"{PAGES}/overview")
    assert [each["name"] for each in page["failed"]] == ["bad"] and page["failed_total"] == 1
    assert [each["name"] for each in page["running"]] == ["fine"]
    assert {count["type"]: count["count"] for count in page["states"]} == {"RUNNING": 1, "FAILED": 1}
    seen = await call("GET", f"{PAGES}/overview", looked_at="2099-01-01T00:00:00Z")
    assert seen["failed"] == []


async def test_overview_shows_the_runs_of_its_query(call: RouteClient) -> None:
    for name, tags in (("mine", ["prod"]), ("other", [])):
        run = await call.flow_run("RUNNING", name=name, tags=tags)
        await call.task_run(run, state={"type": "COMPLETED"})
        await call.flow_run("FAILED", name=f"{name}-failed", tags=tags)
        await call.flow_run("PAUSED", name=f"{name}-paused", tags=tags)
    page = await call("GET", f"{PAGES}/overview", q="tag:prod")
    assert [each["name"] for each in page["running"]] == ["mine"]
    assert [each["run"]["name"] for each in page["paused"]] == ["mine-paused"]
    assert {count["type"]: count["count"] for count in page["states"]} == {"RUNNING": 1, "FAILED": 1, "PAUSED": 1}
    counts = await call("GET", f"{PAGES}/overview/task-runs", q="tag:prod")
    assert [(type_, count) for _, type_, count in counts["columns"]] == [("COMPLETED", 1)]
    assert sum(count for *_, count in (await call("GET", f"{PAGES}/overview/task-runs"))["columns"]) == 2
    status, answer = await call.send("GET", f"{PAGES}/overview", q="colour:red")
    assert status == 422 and "colour" in answer["detail"]


async def test_overview_of_an_earlier_time_leaves_out_later_runs(call: RouteClient) -> None:
    await call.task_run(await call.flow_run("RUNNING"), state={"type": "COMPLETED"})
    page = await call("GET", f"{PAGES}/overview", hours=1, back=2)
    assert page["columns"] == [] and len(page["running"]) == 1
    assert (await call("GET", f"{PAGES}/overview/task-runs", hours=1, back=2))["columns"] == []


async def test_lists_are_narrowed_by_tag_and_sorted(call: RouteClient) -> None:
    old = await call.flow("a-old", tags=["x"])
    await call.flow("b-new")
    await call("POST", "/deployments/", {"name": "prod", "flow_id": old, "tags": ["y"]})

    async def list_names(path: str, **query: Any) -> list[str]:
        return [row["name"] for row in (await call("GET", f"{PAGES}/{path}", **query))["rows"]]

    assert await list_names("flows", sort="-name") == ["b-new", "a-old"]
    assert await list_names("flows", sort="-created") == ["b-new", "a-old"]
    assert await list_names("flows", tag="x") == ["a-old"]
    assert await list_names("flows", deployed=True) == ["a-old"]
    assert await list_names("deployments", tag="y") == ["prod"]
    assert await list_names("deployments", tag="x") == []


async def test_search_finds_by_name_and_by_id(call: RouteClient) -> None:
    run = await call.flow_run("RUNNING", name="brave-fox")
    task = await call.task_run(run)
    found = (await call("GET", f"{PAGES}/search", q="BRAVE"))["found"]
    assert [(each["kind"], each["name"], each["detail"]) for each in found] == [("flow-run", "brave-fox", "etl")]
    assert [each["kind"] for each in (await call("GET", f"{PAGES}/search", q=task))["found"]] == ["task-run"]
    assert (await call("GET", f"{PAGES}/search", q=" "))["found"] == []


async def test_search_finds_objects_of_every_kind_with_what_they_belong_to(call: RouteClient) -> None:
    flow = await call.flow("found-flow")
    await call("POST", "/deployments/", {"name": "found-deployment", "flow_id": flow})
    await call("POST", "/work_pools/", {"name": "found-pool", "type": "process"})
    await call("POST", "/work_pools/{work_pool_name}/queues", {"name": "found-queue"}, work_pool_name="found-pool")
    trigger = {"type": "event", "posture": "Reactive", "expect": ["x"], "threshold": 1, "within": 0}
    automation = {"name": "found-automation", "trigger": trigger, "actions": [{"type": "do-nothing"}]}
    await call("POST", "/automations/", automation)
    await call("POST", "/block_types/install_system_block_types")
    secret = await call("GET", "/ui/forms/block-type/{slug}", slug="secret")
    schema = {"block_type_id": secret["type"]["id"], "block_schema_id": secret["schema_id"]}
    await call("POST", "/block_documents/", {"name": "found-block", "data": {"value": "x"}, **schema})
    await call("POST", "/block_documents/", {"is_anonymous": True, "data": {"value": "found"}, **schema})
    await call("POST", "/variables/", {"name": "found_variable", "value": 1})
    await call("POST", "/v2/concurrency_limits/", {"name": "found-limit", "limit": 1})
    for n in range(2):
        await call("POST", "/artifacts/", {"key": "found-artifact", "type": "progress", "data": n})
    found = (await call("GET", f"{PAGES}/search", q="found"))["found"]
    assert [(each["kind"], each["name"], each["detail"]) for each in found] == [
        ("flow", "found-flow", None),
        ("deployment", "found-deployment", "found-flow"),
        ("work-pool", "found-pool", None),
        ("work-queue", "found-queue", "found-pool"),
        ("automation", "found-automation", None),
        ("block", "found-block", "Secret"),
        ("variable", "found_variable", None),
        ("concurrency-limit", "found-limit", None),
        ("artifact", "found-artifact", "progress"),
    ]


async def test_result_shows_its_location_and_not_its_value(call: RouteClient) -> None:
    kept = {"storage_key": "abc", "serializer": {"type": "json"}, "storage_block_id": None, "expiration": None}
    id_ = await call.flow_run("RUNNING")
    await call("POST", "/flow_runs/{id}/set_state", {"state": {"type": "COMPLETED", "data": kept}}, id=id_)
    page = await call("GET", "/ui/pages/flow-run/{id}", id=id_)
    assert page["result"] == {
        "storage_key": "abc",
        "storage_block": None,
        "serializer": "json",
        "expiration": None,
        "is_inline": False,
    }
    other = await call.flow_run("COMPLETED")
    assert (await call("GET", "/ui/pages/flow-run/{id}", id=other))["result"] is None


async def test_form_of_a_run_proposes_names(call: RouteClient) -> None:
    first, second = [await call("GET", "/ui/forms/run-names") for _ in range(2)]
    assert all(re.fullmatch("[a-z]+-[a-z]+", name) for name in first) and first != second
