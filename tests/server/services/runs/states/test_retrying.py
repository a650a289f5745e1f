"""What a retry of a flow run repeats, and retries from a chosen task run."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from prefect.schemas.runs import RETRY_FROM
from tests.server.route_client import RouteClient

MISSING = "01a228db-0000-7000-8000-000000000000"
OUTLOOK = "/ui/pages/flow-run/{id}/retry"
RETRY = "/flow_runs/{id}/retry"


@pytest.fixture
def call(api: httpx.AsyncClient) -> RouteClient:
    return RouteClient(api)


async def add_flow_run(call: RouteClient, type_: str = "FAILED", **values: Any) -> str:
    """Add a flow run of a deployment and return its id."""
    body = {"name": "prod", "flow_id": await call.flow()}
    deployment = (await call("POST", "/deployments/", body))["id"]
    return await call.flow_run(type_, deployment_id=deployment, name="calm-owl", **values)


async def add_task_run(
    call: RouteClient,
    flow_run: str,
    name: str,
    type_: str = "COMPLETED",
    *,
    key: str | None = None,
    uses: dict[str, list[str]] | None = None,
    expiration: str | None = None,
    **details: Any,
) -> str:
    """Add a task run and return its id.

    Args:
        call: The API.
        flow_run: Its flow run.
        name: Its name, as `load-1`: that of its task, and a number.
        type_: The type of its state.
        key: Where its result is kept.
        uses: The task runs whose results it used, by parameter.
        expiration: When its result expires.
        details: Details of its state.
    """
    inputs = {name: [{"input_type": "task_run", "id": id_} for id_ in ids] for name, ids in (uses or {}).items()}
    task = f"{name.rpartition('-')[0]}-0a1b2c3d"
    id_ = await call.task_run(flow_run, name, name=name, task_key=task, task_inputs=inputs)
    data = {"storage_key": key, "expiration": expiration, "serializer": {"type": "json"}, "prefect_version": "3.9.1"}
    state = {"data": data if key else None, "state_details": details}
    assert (await call.set_state("task", id_, type_, True, **state))[0] < 300
    return id_


async def predict(call: RouteClient, flow_run: str, **query: Any) -> dict[str, Any]:
    return await call("GET", OUTLOOK, id=flow_run, **query)


async def test_outlook_counts_kept_results_and_failed_task_runs(call: RouteClient) -> None:
    run = await add_flow_run(call)
    await add_task_run(call, run, "extract-0", key="a")
    await add_task_run(call, run, "item-0", key="b")
    await add_task_run(call, run, "item-1", "FAILED")
    await add_task_run(call, run, "item-2", "CRASHED")
    await add_task_run(call, run, "load-0", "PENDING")
    assert await predict(call, run) == {
        "refusal": None,
        "kept": 2,
        "lost": [],
        "repeated": 0,
        "failed": 2,
        "failed_of": 3,
        "is_partial": False,
    }


async def test_outlook_names_tasks_whose_results_are_not_found_again(call: RouteClient) -> None:
    run = await add_flow_run(call)
    await add_task_run(call, run, "plain-0")
    await add_task_run(call, run, "plain-1")
    await add_task_run(call, run, "uncached-0", key="a", refresh_cache=True)
    await add_task_run(call, run, "old-0", key="b", expiration="2020-01-01T00:00:00Z")
    await add_task_run(call, run, "fresh-0", key="c", expiration="2920-01-01T00:00:00Z")
    await add_task_run(call, run, "child-0", child_flow_run_id=await call.flow_run("COMPLETED"))
    await add_task_run(call, run, "kept-child-0", key="d", child_flow_run_id=await call.flow_run("COMPLETED"))
    outlook = await predict(call, run)
    assert outlook["kept"] == 2
    assert [(lost["task"], lost["count"], lost["reason"]) for lost in outlook["lost"]] == [
        ("child", 1, "subflow"),
        ("old", 1, "expired"),
        ("plain", 2, "not kept"),
        ("uncached", 1, "not kept"),
    ]


async def test_task_run_that_failed_before_it_completed_has_no_kept_result(call: RouteClient) -> None:
    run = await add_flow_run(call)
    id_ = await add_task_run(call, run, "load-0", "FAILED", key="the exception")
    await call.set_state("task", id_, "COMPLETED", True)
    assert [lost["task"] for lost in (await predict(call, run))["lost"]] == ["load"]


async def test_retry_from_repeats_users_enclosing_task_runs_and_equal_results(call: RouteClient) -> None:
    run = await add_flow_run(call)
    extract = await add_task_run(call, run, "extract-0", key="extract")
    await add_task_run(call, run, "extract-1", key="extract")  # another call with the same result
    outer = await add_task_run(call, run, "outer-0", key="outer")
    inner = await add_task_run(call, run, "inner-0", key="inner", uses={"rows": [extract], "__parents__": [outer]})
    await add_task_run(call, run, "load-0", key="load", uses={"rows": [outer], "wait_for": [inner]})
    await add_task_run(call, run, "other-0", key="other")
    outlook = await predict(call, run, task_run_id=extract)
    assert (outlook["repeated"], outlook["kept"]) == (4, 1)
    assert await call("POST", RETRY, {"task_run_id": extract}, id=run) == outlook
    answer = await call("GET", "/flow_runs/{id}", id=run)
    assert (answer["state"]["name"], answer["state"]["message"]) == (
        "AwaitingRetry",
        "Retried from the task run 'extract-0'.",
    )
    assert await call("GET", RETRY, id=run) == ["extract", "inner", "load", "outer"]


async def test_results_that_the_attempt_has_computed_are_not_refreshed_again(call: RouteClient) -> None:
    run = await add_flow_run(call, "RUNNING")
    extract = await add_task_run(call, run, "extract-0", key="extract")
    await add_task_run(call, run, "load-0", key="load", uses={"rows": [extract]})
    await call.set_state("flow", run, "FAILED", True)
    await call("POST", RETRY, {"task_run_id": extract}, id=run)
    await call.set_state("flow", run, "RUNNING", True)
    again = await call.task_run(run, "extract-1")
    await call.set_state("task", again, "RUNNING")
    await call.set_state("task", again, "COMPLETED", True, data=_metadata("extract"))
    assert await call("GET", RETRY, id=run) == ["load"]


async def test_subflow_is_repeated_with_the_result_that_it_used_and_only_once(call: RouteClient) -> None:
    run = await add_flow_run(call, "RUNNING")
    extract = await add_task_run(call, run, "extract-0", key="extract")
    child = await add_task_run(call, run, "child-0", "RUNNING", uses={"rows": [extract]})
    former = await run_subflow(call, child, "former")
    await add_task_run(call, run, "load-0", key="load", uses={"rows": [former]})
    await call.set_state("flow", run, "FAILED", True)
    assert (await predict(call, run, task_run_id=former))["repeated"] == 2, "the subflow and `load`"
    await call("POST", RETRY, {"task_run_id": extract}, id=run)
    await call.set_state("flow", run, "RUNNING", True)
    assert await call("GET", RETRY, id=run) == ["extract", "former", "load"]
    await run_subflow(call, child, "new")
    assert await call("GET", RETRY, id=run) == ["extract", "load"]


async def run_subflow(call: RouteClient, task_run: str, key: str) -> str:
    """Add a completed subflow run, for which a task run stands, and return its id."""
    id_ = await call.flow_run("RUNNING", parent_task_run_id=task_run)
    await call.set_state("flow", id_, "COMPLETED", True, data=_metadata(key))
    return id_


def _metadata(key: str) -> dict[str, Any]:
    return {"storage_key": key, "expiration": None, "serializer": {"type": "json"}, "prefect_version": "3.9.1"}


async def test_choice_is_dropped_when_the_run_leaves_its_end_again(call: RouteClient) -> None:
    run = await add_flow_run(call, context={"mine": 1})
    extract = await add_task_run(call, run, "extract-0", key="extract")
    await call("POST", RETRY, {"task_run_id": extract}, id=run)
    context = (await call("GET", "/flow_runs/{id}", id=run))["context"]
    assert (context["mine"], context[RETRY_FROM]["task_run"], context[RETRY_FROM]["run_count"]) == (1, extract, 0)
    await call.set_state("flow", run, "CANCELLED", True)
    assert await call("GET", RETRY, id=run) == []
    await call.set_state("flow", run, "SCHEDULED")
    assert (await call("GET", "/flow_runs/{id}", id=run))["context"] == {"mine": 1}


async def test_choice_of_a_deleted_task_run_refreshes_nothing(call: RouteClient) -> None:
    run = await add_flow_run(call)
    extract = await add_task_run(call, run, "extract-0", key="extract")
    await call("POST", RETRY, {"task_run_id": extract}, id=run)
    await call("DELETE", "/task_runs/{id}", id=extract)
    assert await call("GET", RETRY, id=run) == []


async def test_retry_without_a_task_run_chooses_none(call: RouteClient) -> None:
    run = await add_flow_run(call)
    await call("POST", RETRY, {}, id=run)
    answer = await call("GET", "/flow_runs/{id}", id=run)
    assert (answer["state"]["name"], answer["context"]) == ("AwaitingRetry", {})


async def test_retry_refuses_what_cannot_be_retried(call: RouteClient) -> None:
    busy = await add_flow_run(call, "RUNNING")
    lone = await call.flow_run("FAILED", name="lone")
    done = await add_flow_run(call)
    other = await add_task_run(call, lone, "extract-0", key="a")
    for id_, body, status, words in [
        (busy, {}, 409, "Flow run 'calm-owl' is Running. Only a finished flow run can be retried."),
        (lone, {}, 409, f"`prefect flow-run retry {lone} --entrypoint path/to/file.py:flow`"),
        (done, {"task_run_id": other}, 422, "The task run 'extract-0' belongs to another flow run."),
        (done, {"task_run_id": MISSING}, 404, f"There is no task run '{MISSING}'."),
        (MISSING, {}, 404, f"There is no flow run '{MISSING}'."),
    ]:
        assert words in (await call("POST", RETRY, body, status, id=id_))["detail"]
        if status == 409:
            assert words in (await predict(call, id_))["refusal"]
    assert (await call("GET", "/flow_runs/{id}", id=done))["state_name"] == "Failed"
    await call("POST", RETRY, {"task_run_id": other, "force": True}, id=lone)


async def test_retry_of_a_run_whose_result_is_kept_is_refused(call: RouteClient) -> None:
    run = await add_flow_run(call, "RUNNING")
    await call.set_state("flow", run, "COMPLETED", True, data=_metadata("whole"))
    assert "completed already, with a result" in (await call("POST", RETRY, {}, 409, id=run))["detail"]
    await call("POST", RETRY, {"force": True}, id=run)
