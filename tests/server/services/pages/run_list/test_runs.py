"""The page of runs."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from prefect.server.db.interface import Database
from prefect.server.services.pages.run_list import run_chart
from prefect.types import new_id, now
from tests.server.route_client import RouteClient

PAGE = "/ui/pages/runs"


async def names(call: RouteClient, q: str, **more: Any) -> list[str]:
    """Return the names of the runs that a query finds."""
    return [row["name"] for row in (await call("GET", PAGE, q=q, **more))["rows"]]


async def fill(call: RouteClient) -> None:
    """Add runs of two flows in several states."""
    etl, train = await call.flow("nightly-etl"), await call.flow("train")
    failed = {"type": "FAILED", "message": "TimeoutError: the warehouse did not answer"}
    await call.flow_run("RUNNING", flow_id=etl, name="one", tags=["prod"], parameters={"batch": 8})
    await call.flow_run("COMPLETED", flow_id=etl, name="two", parameters={"batch": 80, "mode": "fast"})
    await call.flow_run(None, flow_id=train, name="three", state=failed, tags=["prod", "gpu"])


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", "one two three"),
        ("state:failed", "three"),
        ("-state:failed", "one two"),
        ("state:failed,running", "one three"),
        ("flow:etl", "one two"),
        ('flow:"etl"', ""),
        ('flow:"nightly-etl"', "one two"),
        ("tag:prod", "one three"),
        ("-tag:prod", "two"),
        ("error:warehouse", "three"),
        ("error:other", ""),
        ("param.batch:8", "one"),
        ("param.mode:fast", "two"),
        ("TWO", "two"),
        ("train", "three"),
        ("since:1h", "one two three"),
        ("until:1h", ""),
        ("duration:>1h", ""),
        ("subflow:yes", ""),
    ],
)
async def test_query_finds_runs(call: RouteClient, query: str, found: str) -> None:
    await fill(call)
    assert sorted(await names(call, query)) == sorted(found.split())


async def test_page_counts_states_as_if_none_were_chosen(call: RouteClient) -> None:
    await fill(call)
    page = await call("GET", PAGE, q="state:failed")
    assert page["total"] == 1
    assert {count["type"]: count["count"] for count in page["states"]} == {"RUNNING": 1, "COMPLETED": 1, "FAILED": 1}


async def test_run_that_is_due_later_is_upcoming_and_in_no_list(call: RouteClient) -> None:
    later = {"type": "SCHEDULED", "state_details": {"scheduled_time": "2099-01-01T00:00:00Z"}}
    await call.flow_run(None, name="later", state=later)
    page = await call("GET", PAGE)
    assert (page["rows"], page["total"], page["upcoming_total"]) == ([], 0, 1)
    assert page["upcoming"][0]["name"] == "later"
    assert await names(call, "state:scheduled") == ["later"]


async def test_row_reports_the_reason_it_failed_and_how_many_tasks_it_has(call: RouteClient) -> None:
    await fill(call)
    run = await call.flow_run("RUNNING", name="four")
    await call.task_run(run)
    rows = {row["name"]: row for row in (await call("GET", PAGE))["rows"]}
    assert rows["three"]["message"] == "TimeoutError: the warehouse did not answer"
    assert rows["two"]["message"] is None
    assert (rows["four"]["tasks_done"], rows["four"]["tasks_total"]) == (0, 1)


@pytest.mark.parametrize(("sort", "order"), [("name", "one three two"), ("-name", "two three one")])
async def test_runs_are_sorted(call: RouteClient, sort: str, order: str) -> None:
    await fill(call)
    assert await names(call, "", sort=sort) == order.split()


async def test_runs_are_sorted_by_how_late_they_are(call: RouteClient) -> None:
    await call.flow_run("RUNNING", name="punctual")
    due = {"type": "SCHEDULED", "state_details": {"scheduled_time": "2026-01-01T00:00:00Z"}}
    await call.flow_run(None, name="late", state=due)
    assert await names(call, "", sort="-lateness") == ["late", "punctual"]
    assert await names(call, "", sort="lateness") == ["punctual", "late"]


async def test_pages_of_the_table_follow_each_other(call: RouteClient) -> None:
    await fill(call)
    assert await names(call, "", sort="name", size=2) == ["one", "three"]
    assert await names(call, "", sort="name", size=2, page=2) == ["two"]


async def test_chart_counts_in_cells_when_points_are_too_many(
    call: RouteClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(call)
    assert len((await call("GET", PAGE))["chart"]["points"]) == 3
    monkeypatch.setattr(run_chart, "MAX_POINTS", 2)
    chart = (await call("GET", PAGE))["chart"]
    assert chart["points"] == [] and sum(cell[3] for cell in chart["cells"]) == 3
    assert (await call("GET", PAGE, chart=False))["chart"] is None


async def test_chart_has_narrower_columns_when_its_runs_are_a_part_of_all(
    call: RouteClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_chart, "MAX_POINTS", 2)
    at, flow = now(), await call.flow()
    for age in (timedelta(days=30), *(timedelta(minutes=minutes) for minutes in (40, 30, 20, 10))):
        started = (at - age).isoformat()
        state = {"id": str(new_id()), "type": "RUNNING", "name": "Running", "timestamp": started}
        name = "old" if age.days else "young"
        record = {
            "kind": "flow_run",
            "id": str(new_id()),
            "flow_id": flow,
            "name": name,
            "created": started,
            "tags": [],
        }
        await call.client.post("/journal", content=json.dumps({**record, "states": [state]}))
    chart = (await call("GET", PAGE, q="name:young"))["chart"]
    width = datetime.fromisoformat(chart["until"]) - datetime.fromisoformat(chart["since"])
    assert timedelta(minutes=30) <= width < timedelta(minutes=32)
    assert (chart["cells"][0][0], chart["cells"][-1][0]) == (0, chart["columns"] - 1)
    assert sum(cell[3] for cell in chart["cells"]) == 4
    every = (await call("GET", PAGE))["chart"]
    assert datetime.fromisoformat(every["until"]) - datetime.fromisoformat(every["since"]) > timedelta(days=29)


async def test_subflow_runs_are_found_by_the_run_that_called_them(call: RouteClient) -> None:
    parent = await call.flow_run("RUNNING", name="caller")
    task = await call.task_run(parent, name="sub-0")
    await call.flow_run("RUNNING", name="called", parent_task_run_id=task)
    await call.flow_run("RUNNING", name="other")
    for query, found in (("run:caller", ["called"]), (f"run:{parent}", ["called"]), ("run:other", [])):
        assert await names(call, query) == found
    assert sorted(await names(call, "-run:caller")) == ["caller", "other"]


async def test_task_runs_have_their_page(call: RouteClient) -> None:
    run = await call.flow_run("RUNNING", name="four")
    await call.task_run(run, name="add-0")
    page = await call("GET", PAGE, kind="task_run", q=f"run:{run}")
    assert [(row["name"], row["flow_run"]["name"]) for row in page["rows"]] == [("add-0", "four")]
    assert (await call("GET", PAGE, kind="task_run", q="run:other"))["rows"] == []


async def test_invalid_query_is_answered_with_a_sentence(call: RouteClient) -> None:
    status, answer = await call.send("GET", PAGE, q="colour:red")
    assert status == 422 and "no field 'colour'" in answer["detail"]


async def test_same_page_is_not_sent_twice(call: RouteClient, database: Database) -> None:
    await call.flow_run("COMPLETED")
    first = await call.client.get(PAGE)
    again = await call.client.get(PAGE, headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    await call.flow_run("COMPLETED")
    assert (await call.client.get(PAGE, headers={"if-none-match": first.headers["etag"]})).status_code == 200


async def test_search_answers_whole_runs_a_page_at_a_time(call: RouteClient) -> None:
    await fill(call)
    found = await call("GET", "/flow_runs/search", q="tag:prod", sort="name")
    assert [(run["name"], run["state"]["type"]) for run in found] == [("one", "RUNNING"), ("three", "FAILED")]
    assert [run["name"] for run in await call("GET", "/flow_runs/search", sort="name", limit=1, offset=1)] == ["three"]


async def test_search_of_task_runs(call: RouteClient) -> None:
    run = await call.flow_run("RUNNING")
    for name, type_ in (("good", "COMPLETED"), ("bad", "FAILED")):
        body = {"flow_run_id": run, "task_key": name, "dynamic_key": "0", "name": name, "state": {"type": type_}}
        await call("POST", "/task_runs/", body)
    assert [each["name"] for each in await call("GET", "/task_runs/search", q=f"state:failed run:{run}")] == ["bad"]


async def test_page_has_the_saved_views_of_its_kind(call: RouteClient) -> None:
    for name, kind in (("failing", "flow_run"), ("slow", "task_run")):
        query = {"object": kind, "property": "query", "type": "string", "operation": "equals", "value": f"name:{name}"}
        await call("PUT", "/saved_searches/", {"name": name, "filters": [query]})
    other = {"object": "flow", "property": "name", "type": "string", "operation": "equals", "value": "etl"}
    await call("PUT", "/saved_searches/", {"name": "of the original", "filters": [other]})
    views = (await call("GET", PAGE))["views"]
    assert [(view["name"], view["query"], view["sort"]) for view in views] == [("failing", "name:failing", "-start")]


async def test_view_that_is_saved_again_is_replaced(call: RouteClient) -> None:
    for sort in ("-start", "duration"):
        values = {"query": "state:failed", "sort": sort}
        filters = [
            {"object": "flow_run", "property": key, "type": "string", "operation": "equals", "value": value}
            for key, value in values.items()
        ]
        await call("PUT", "/saved_searches/", {"name": "failing", "filters": filters})
    assert [(view["query"], view["sort"]) for view in (await call("GET", PAGE))["views"]] == [
        ("state:failed", "duration")
    ]
