"""Jobs that act on many flow runs: with a result for each, in batches that outlive a server."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from prefect.server.app import Server
from prefect.server.db.interface import Database
from prefect.server.loops import Environment, bulk_jobs
from prefect.server.services.bulk import jobs
from tests.server.route_client import RouteClient

JOBS = "/ui/bulk/runs"
JOB = "/ui/bulk/runs/{id}"


@pytest.fixture
def environment(database: Database, server: Server) -> Environment:
    """What a round of the loop uses."""
    return Environment(database, server.bus, server.settings)


async def states(call: RouteClient) -> dict[str, str]:
    """Return the names of the states of all flow runs, by name."""
    return {run["name"]: run["state_name"] for run in await call("POST", "/flow_runs/filter", {})}


async def finish(call: RouteClient, environment: Environment, body: dict[str, Any]) -> dict[str, Any]:
    """Run a job to its end, and return it with its results."""
    id_ = (await call("POST", JOBS, body))["id"]
    await bulk_jobs.run_jobs(environment)
    return await call("GET", JOB, id=id_)


def reasons(job: dict[str, Any]) -> dict[str, str | None]:
    """Return why runs were left as they were, by their names."""
    return {each["name"]: each["reason"] for each in job["results"]}


async def test_cancel_acts_on_what_the_query_finds(call: RouteClient, environment: Environment) -> None:
    await call.flow_run("RUNNING", name="one", tags=["x"])
    await call.flow_run("COMPLETED", name="two", tags=["x"])
    await call.flow_run("RUNNING", name="other")
    job = await finish(call, environment, {"action": "cancel", "q": "tag:x"})
    assert (job["status"], job["total"], job["done"], job["left"]) == ("finished", 2, 1, 1)
    assert reasons(job) == {"one": None, "two": "It has ended: Completed."}
    assert await states(call) == {"one": "Cancelling", "two": "Completed", "other": "Running"}


async def test_retry_needs_an_end_and_a_deployment(call: RouteClient, environment: Environment) -> None:
    deployment = (await call("POST", "/deployments/", {"name": "d", "flow_id": await call.flow()}))["id"]
    await call.flow_run("FAILED", name="again", deployment_id=deployment)
    await call.flow_run("FAILED", name="lone")
    await call.flow_run("RUNNING", name="busy", deployment_id=deployment)
    job = await finish(call, environment, {"action": "retry"})
    assert reasons(job) == {
        "again": None,
        "lone": "It has no deployment, so nothing can run it again.",
        "busy": "It has not ended: Running.",
    }
    assert (await states(call))["again"] == "AwaitingRetry"


async def test_tags_are_added_and_removed(call: RouteClient, environment: Environment) -> None:
    ids = [await call.flow_run(name=name, tags=tags) for name, tags in (("one", ["a"]), ("two", ["a", "b"]))]
    added = await finish(call, environment, {"action": "add-tags", "ids": ids, "options": {"tags": ["b"]}})
    assert reasons(added) == {"one": None, "two": "It has them already."}
    await finish(call, environment, {"action": "remove-tags", "ids": ids, "options": {"tags": ["a"]}})
    assert [(await call("GET", "/flow_runs/{id}", id=id_))["tags"] for id_ in ids] == [["b"], ["b"]]


@pytest.mark.parametrize(("action", "between"), [("add-tags", ["a", "b", "c"]), ("remove-tags", [])])
async def test_undo_takes_back_the_tags_that_runs_really_got_or_lost(
    action: str, between: list[str], call: RouteClient, environment: Environment
) -> None:
    before = {await call.flow_run(name=name, tags=tags): tags for name, tags in (("one", ["a"]), ("two", ["b", "c"]))}
    body = {"action": action, "ids": [*before], "options": {"tags": ["a", "b", "c"]}}
    job = await finish(call, environment, body)

    async def read_tags(id_: str) -> list[str]:
        return sorted((await call("GET", "/flow_runs/{id}", id=id_))["tags"])

    assert [await read_tags(id_) for id_ in before] == [between, between]
    undo = await call("POST", JOB + "/undo", id=job["id"])
    assert undo["total"] == 2
    await bulk_jobs.run_jobs(environment)
    assert {id_: await read_tags(id_) for id_ in before} == before


async def test_only_ended_jobs_on_tags_are_undone(call: RouteClient, environment: Environment) -> None:
    await call.flow_run("RUNNING", name="one")
    running = await call("POST", JOBS, {"action": "add-tags", "options": {"tags": ["a"]}})
    assert (await call.send("POST", JOB + "/undo", id=running["id"]))[0] == 409
    await bulk_jobs.run_jobs(environment)
    cancelled = await finish(call, environment, {"action": "cancel"})
    status, answer = await call.send("POST", JOB + "/undo", id=cancelled["id"])
    assert status == 422 and "'cancel' cannot be undone" in answer["detail"]


async def test_states_are_set_regardless_of_the_rules(call: RouteClient, environment: Environment) -> None:
    id_ = await call.flow_run("COMPLETED", name="one")
    options = {"state": "FAILED", "message": "the data were wrong"}
    await finish(call, environment, {"action": "set-state", "ids": [id_], "options": options})
    state = (await call("GET", "/flow_runs/{id}", id=id_))["state"]
    assert (state["type"], state["message"]) == ("FAILED", "the data were wrong")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"action": "set-state", "options": {"state": "DONE"}}, "needs the option 'state'"),
        ({"action": "add-tags"}, "needs the option 'tags'"),
        ({"action": "cancel", "q": "colour:red"}, "have no field"),
        ({"action": "explode"}, "action"),
    ],
)
async def test_wrong_job_is_refused_in_words(call: RouteClient, body: dict[str, Any], words: str) -> None:
    code, answer = await call.send("POST", JOBS, body)
    assert 400 <= code < 500 and words in str(answer)
    assert await call("GET", JOBS) == []


async def test_another_server_goes_on_where_one_has_ended(
    call: RouteClient, environment: Environment, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "BATCH_SIZE", 2)
    for name in "abcde":
        await call.flow_run("COMPLETED", name=name)
    id_ = UUID((await call("POST", JOBS, {"action": "delete"}))["id"])
    assert await database.write(lambda tx: jobs.run_batch(tx, id_))
    half = await call("GET", JOB, id=id_)
    assert (half["status"], half["done"], half["total"]) == ("running", 2, 5)
    await call.flow_run("COMPLETED", name="later")
    await bulk_jobs.run_jobs(environment)
    whole = await call("GET", JOB, id=id_)
    assert (whole["status"], whole["done"]) == ("finished", 5)
    assert await states(call) == {"later": "Completed"}


async def test_failed_batch_leaves_nothing_half_done(
    call: RouteClient, environment: Environment, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "ab":
        await call.flow_run("RUNNING", name=name)
    acted: list[str] = []

    async def act(tx: Any, action: Any, options: Any, row: Any) -> tuple[bool, str | None]:
        acted.append(row["name"])
        if len(acted) == 2:
            raise RuntimeError("the disk is full")
        return await actual(tx, action, options, row)

    actual = jobs.act
    monkeypatch.setattr(jobs, "act", act)
    job = await finish(call, environment, {"action": "cancel"})
    assert (job["status"], job["message"], job["done"]) == ("failed", "RuntimeError: the disk is full", 0)
    assert set((await states(call)).values()) == {"Running"}


async def test_stopped_job_is_not_gone_on_with(call: RouteClient, environment: Environment) -> None:
    await call.flow_run("RUNNING", name="one")
    id_ = (await call("POST", JOBS, {"action": "cancel"}))["id"]
    assert (await call("POST", "/ui/bulk/runs/{id}/stop", {}, id=id_))["status"] == "stopped"
    await bulk_jobs.run_jobs(environment)
    assert await states(call) == {"one": "Running"}


async def test_run_that_is_gone_has_a_reason(
    call: RouteClient, environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    id_ = await call.flow_run("RUNNING", name="one")
    job = (await call("POST", JOBS, {"action": "cancel", "ids": [id_]}))["id"]
    await call("DELETE", "/flow_runs/{id}", id=id_)
    await bulk_jobs.run_jobs(environment)
    whole = await call("GET", JOB, id=job)
    assert (whole["status"], whole["total"], whole["done"]) == ("finished", 1, 0)
