"""Changes of state over the API: the facts are those that the interface has, each recorded from its own server."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import orjson
import pytest

from prefect.rules import POLICIES
from prefect.server import store
from prefect.server.db.interface import Database
from prefect.server.services.concurrency import limits
from prefect.server.services.runs.ingestion.journal_ingestion import apply_records
from prefect.server.services.runs.states import transitions
from prefect.types import new_id, now
from tests.server.route_client import RouteClient

Step = tuple[Any, ...]
"""A proposed state and its outcome: the HTTP status, the verdict, and the type and name of the state
that the run is in then."""


@pytest.fixture
def call(api: httpx.AsyncClient) -> RouteClient:
    return RouteClient(api)


async def steps(call: RouteClient, kind: str, id_: str, *expected: Step) -> None:
    for proposed, *facts in expected:
        type_, options = proposed if isinstance(proposed, tuple) else (proposed, {})
        status, answer = await call.set_state(kind, id_, type_, **options)
        state = answer["state"]
        assert [status, answer["status"], state["type"], state["name"]] == facts, (proposed, answer)


STORED = {"type": "reference", "storage_key": "k"}


async def test_flow_run_from_creation_to_completion(call: RouteClient) -> None:
    run = await call.flow_run(None)
    await steps(
        call, "flow", run,
        ("RUNNING", 201, "ACCEPT", "RUNNING", "Running"),
        ("RUNNING", 201, "ACCEPT", "RUNNING", "Running"),
        ("PENDING", 200, "ABORT", "RUNNING", "Running"),
        ("SCHEDULED", 201, "ACCEPT", "SCHEDULED", "Scheduled"),
        ("COMPLETED", 201, "ACCEPT", "COMPLETED", "Completed"),
        ("RUNNING", 201, "ACCEPT", "RUNNING", "Running"),
        (("COMPLETED", {"data": STORED}), 201, "ACCEPT", "COMPLETED", "Completed"),
        ("COMPLETED", 200, "REJECT", "COMPLETED", "Completed"),
        (("COMPLETED", {"force": True}), 200, "REJECT", "COMPLETED", "Completed"),
        ("RUNNING", 200, "REJECT", "COMPLETED", "Completed"),
        ("CRASHED", 200, "ABORT", "COMPLETED", "Completed"),
        ("FAILED", 201, "ACCEPT", "FAILED", "Failed"),
        (("COMPLETED", {"data": {"a": 1}}), 201, "ACCEPT", "COMPLETED", "Completed"),
    )  # fmt: skip
    answer = await call("GET", "/flow_runs/{id}", id=run)
    assert (answer["run_count"], answer["state_type"], answer["state"]["data"]) == (3, "COMPLETED", {"a": 1})
    states = await call("GET", "/flow_run_states/", flow_run_id=run)
    names = ["Pending", "Running", "Running", "Scheduled", "Completed", "Running", "Completed", "Failed", "Completed"]
    assert [state["name"] for state in states] == names
    assert await call("GET", "/flow_run_states/{id}", id=states[3]["id"]) == states[3]
    assert states[3]["state_details"]["scheduled_time"] == states[3]["timestamp"]
    await call("GET", "/flow_run_states/{id}", id=new_id(), status=404)


async def test_pauses_by_key_and_with_timeout(call: RouteClient) -> None:
    run = await call.flow_run()
    task = await call.task_run(run)
    soon, past = ((now() + timedelta(seconds=seconds)).isoformat() for seconds in (100, -1))
    await steps(
        call, "flow", run,
        ("PAUSED", 201, "ACCEPT", "PAUSED", "Paused"),
        ("PENDING", 200, "REJECT", "PAUSED", "Paused"),
    )  # fmt: skip
    await steps(call, "task", task, ("RUNNING", 201, "REJECT", "PAUSED", "NotReady"))
    assert (await call.send("POST", "/flow_runs/{id}/resume", id=run))[0] == 201
    status, answer = await call.send("POST", "/flow_runs/{id}/resume", id=run)
    assert (status, answer["status"], answer["state"]) == (200, "ABORT", None)
    keyed = {"state_details": {"pause_key": "1", "pause_timeout": soon}}
    await steps(
        call, "flow", run,
        (("PAUSED", keyed), 201, "ACCEPT", "PAUSED", "Paused"),
        ("RUNNING", 201, "ACCEPT", "RUNNING", "Running"),
        (("PAUSED", {"state_details": {"pause_key": "1"}}), 200, "REJECT", "RUNNING", "Running"),
        (("PAUSED", {"state_details": {"pause_reschedule": True}}), 200, "ABORT", "RUNNING", "Running"),
        (("PAUSED", {"state_details": {"pause_timeout": past}}), 201, "ACCEPT", "PAUSED", "Paused"),
        ("RUNNING", 201, "REJECT", "FAILED", "Failed"),
    )  # fmt: skip
    policy = (await call("GET", "/flow_runs/{id}", id=run))["empirical_policy"]
    assert (policy["pause_keys"], policy["resuming"]) == (["1"], False)


@pytest.mark.parametrize(
    ("types", "counts"),
    [
        (("PAUSED", "RUNNING", "PAUSED", "RUNNING", "RUNNING", "PAUSED", "RUNNING"), [1, 2, 2, 2, 2, 2, 3]),
        (("PAUSED", "SCHEDULED", "PENDING", "RUNNING", "RUNNING"), [1, 1, 1, 1, 2]),
        (("PAUSED", "FAILED", "RUNNING"), [1, 1, 2]),
    ],
)
async def test_run_count_after_a_pause(call: RouteClient, types: tuple[str, ...], counts: list[int]) -> None:
    run = await call.flow_run()
    found: list[int] = []
    for type_ in types:
        await call.set_state("flow", run, type_)
        found.append((await call("GET", "/flow_runs/{id}", id=run))["run_count"])
    assert found == counts


async def test_scheduled_run_waits_and_is_cancelled(call: RouteClient) -> None:
    at = (now() + timedelta(seconds=60)).isoformat()
    run = await call.flow_run(None, state={"type": "SCHEDULED", "state_details": {"scheduled_time": at}})
    status, answer = await call.set_state("flow", run, "RUNNING")
    assert (status, answer["status"]) == (200, "WAIT")
    assert 50 <= answer["details"]["delay_seconds"] <= 60
    await steps(
        call, "flow", run,
        ("PENDING", 201, "ACCEPT", "PENDING", "Pending"),
        ("RUNNING", 200, "WAIT", "PENDING", "Pending"),
        (("PENDING", {"name": "Submitting"}), 201, "ACCEPT", "PENDING", "Submitting"),
        ("CANCELLING", 201, "ACCEPT", "CANCELLING", "Cancelling"),
        ("RUNNING", 200, "REJECT", "CANCELLING", "Cancelling"),
        ("CANCELLED", 201, "ACCEPT", "CANCELLED", "Cancelled"),
        ("SCHEDULED", 200, "ABORT", "CANCELLED", "Cancelled"),
        ("PENDING", 200, "ABORT", "CANCELLED", "Cancelled"),
        ("CANCELLING", 200, "ABORT", "CANCELLED", "Cancelled"),
        (("SCHEDULED", {"force": True}), 201, "ACCEPT", "SCHEDULED", "Scheduled"),
        ("CANCELLING", 201, "REJECT", "CANCELLED", "Cancelled"),
        ("PAUSED", 200, "ABORT", "CANCELLED", "Cancelled"),
    )  # fmt: skip


async def test_failed_run_is_retried(call: RouteClient) -> None:
    run = await call.flow_run(empirical_policy={"retries": 1, "retry_delay": 0})
    again = {"state_details": {"transition_id": str(new_id())}}
    await steps(
        call, "flow", run,
        (("FAILED", {"message": "boom"}), 201, "REJECT", "SCHEDULED", "AwaitingRetry"),
        (("RUNNING", again), 201, "ACCEPT", "RUNNING", "Running"),
        (("RUNNING", again), 200, "REJECT", "RUNNING", "Running"),
        ("FAILED", 201, "ACCEPT", "FAILED", "Failed"),
    )  # fmt: skip
    answer = await call("GET", "/flow_runs/{id}", id=run)
    assert (answer["run_count"], answer["empirical_policy"]["retry_type"]) == (2, None)


async def test_task_run_from_creation_to_completion(call: RouteClient) -> None:
    run = await call.flow_run()
    task = await call.task_run(run)
    await steps(
        call, "task", task,
        ("RUNNING", 201, "ACCEPT", "RUNNING", "Running"),
        (("FAILED", {"message": "m"}), 201, "ACCEPT", "FAILED", "Failed"),
        ("RUNNING", 201, "ACCEPT", "RUNNING", "Running"),
        ("COMPLETED", 201, "ACCEPT", "COMPLETED", "Completed"),
        ("PENDING", 201, "ACCEPT", "PENDING", "Pending"),
        ("CRASHED", 201, "ACCEPT", "CRASHED", "Crashed"),
        ("COMPLETED", 201, "ACCEPT", "COMPLETED", "Completed"),
    )  # fmt: skip
    answer = await call("GET", "/task_runs/{id}", id=task)
    assert (answer["run_count"], answer["flow_run_run_count"]) == (0, 1)
    states = await call("GET", "/task_run_states/", task_run_id=task)
    assert len(states) == 8
    assert await call("GET", "/task_run_states/{id}", id=states[1]["id"]) == states[1]


async def test_background_task_run_becomes_pending_once(call: RouteClient) -> None:
    details = {"deferred": True, "task_parameters_id": str(new_id())}
    task = await call.task_run(None, state={"type": "SCHEDULED", "state_details": details})
    deferred = {"state_details": {"deferred": True}}
    await steps(
        call, "task", task,
        (("PENDING", deferred), 201, "ACCEPT", "PENDING", "Pending"),
        (("PENDING", deferred), 200, "ABORT", "PENDING", "Pending"),
        (("RUNNING", deferred), 201, "ACCEPT", "RUNNING", "Running"),
    )  # fmt: skip
    kept = (await call("GET", "/task_runs/{id}", id=task))["state"]["state_details"]
    assert kept["task_parameters_id"] == details["task_parameters_id"]


async def test_cached_state_is_found_by_its_key(call: RouteClient) -> None:
    first, second = await call.task_run(None, "1"), await call.task_run(None, "2")
    keyed = {"state_details": {"cache_key": "k"}}
    await steps(
        call, "task", first,
        (("RUNNING", keyed), 201, "ACCEPT", "RUNNING", "Running"),
        (("COMPLETED", {**keyed, "data": STORED}), 201, "ACCEPT", "COMPLETED", "Completed"),
    )  # fmt: skip
    await steps(call, "task", second, (("RUNNING", keyed), 201, "REJECT", "COMPLETED", "Cached"))
    assert (await call("GET", "/task_runs/{id}", id=second))["state"]["data"] == STORED
    fresh = {"state_details": {"cache_key": "k", "refresh_cache": True}}
    third = await call.task_run(None, "3")
    await steps(call, "task", third, (("RUNNING", fresh), 201, "ACCEPT", "RUNNING", "Running"))
    long = {"state_details": {"cache_key": "k" * 3000}}
    await steps(call, "task", third, (("COMPLETED", long), 201, "REJECT", "COMPLETED", "Completed"))


async def test_subflow_state_is_mirrored_to_its_task_run(call: RouteClient) -> None:
    parent = await call.flow_run()
    task = await call.task_run(parent)
    child = await call.flow_run("PENDING", parent_task_run_id=task)
    for type_ in ("RUNNING", "COMPLETED"):
        await call.set_state("flow", child, type_)
        answer = await call("GET", "/task_runs/{id}", id=task)
        details = answer["state"]["state_details"]
        assert (answer["state_type"], details["child_flow_run_id"], details["flow_run_id"]) == (type_, child, parent)
    assert answer["run_count"] == 1
    assert (await call("GET", "/flow_runs/{id}", id=child))["state"]["state_details"]["task_run_id"] == task


async def test_tag_limit_makes_task_runs_wait(call: RouteClient, database: Database) -> None:
    await database.write(lambda tx: limits.add(tx, {"name": "tag:slow", "limit_": 1}))
    await database.write(lambda tx: limits.add(tx, {"name": "tag:never", "limit_": 0}))
    first, second = [await call.task_run(None, key, tags=["slow", "free"]) for key in "12"]
    never = await call.task_run(None, "3", tags=["never"])
    await steps(call, "task", first, ("RUNNING", 201, "ACCEPT", "RUNNING", "Running"))
    await steps(call, "task", second, ("RUNNING", 200, "WAIT", "PENDING", "Pending"))
    await steps(call, "task", never, ("RUNNING", 200, "ABORT", "PENDING", "Pending"))
    await steps(call, "task", first, ("COMPLETED", 201, "ACCEPT", "COMPLETED", "Completed"))
    await steps(call, "task", second, ("RUNNING", 201, "ACCEPT", "RUNNING", "Running"))
    assert (await database.read(lambda tx: limits.read(tx, "tag:slow")))["active_slots"] == 1


# --- slots of deployments --------------------------------------------------------------------------------------------

NEW = "3.9.1"
OLD = "3.3.0"


async def deployed(call: RouteClient, database: Database, number: int, limit: int = 1, **options: Any) -> list[Any]:
    """Scheduled runs of a deployment with a limit."""
    flow_id, at, deployment_id = await call.flow(), now(), new_id()

    async def add(tx: Any) -> None:
        row = await limits.add(tx, {"name": f"deployment:{deployment_id}", "limit_": limit})
        deployment = {"id": deployment_id, "created": at, "updated": at, "name": "d", "flow_id": UUID(flow_id)}
        deployment |= {"paused": False, "enforce_parameter_schema": True}
        deployment |= {"concurrency_limit_id": row["id"], "concurrency_options": options}
        await store.deployments.add(tx, [deployment])

    await database.write(add)
    found = [await call.flow_run("SCHEDULED", flow_id=flow_id, deployment_id=str(deployment_id)) for _ in range(number)]
    return [UUID(id_) for id_ in found]


async def taken(database: Database) -> tuple[int, int]:
    """How many slots are taken, and how many leases there are."""

    async def count(tx: Any) -> tuple[int, int]:
        found = await limits.find(tx, None, 0)
        return found[0]["active_slots"], await store.leases.count(tx)

    return await database.read(count)


async def change(database: Database, run: Any, type_: str, version: str | None = NEW, **state: Any) -> list[str]:
    answer = await database.write(
        lambda tx: transitions.set_flow_run_state(tx, run, {"type": type_, **state}, client_version=version)
    )
    return [answer["status"], answer["state"]["type"], answer["state"]["name"]]


async def test_deployment_slot_is_held_from_pending_to_the_end(call: RouteClient, database: Database) -> None:
    first, second = await deployed(call, database, 2)
    assert await change(database, first, "PENDING") == ["ACCEPT", "PENDING", "Pending"]
    assert await taken(database) == (1, 1)
    assert await change(database, second, "PENDING") == ["REJECT", "SCHEDULED", "AwaitingConcurrencySlot"]
    assert await change(database, first, "RUNNING") == ["ACCEPT", "RUNNING", "Running"]
    assert await change(database, first, "CANCELLING") == ["ACCEPT", "CANCELLING", "Cancelling"]
    assert await taken(database) == (1, 1)
    assert await change(database, first, "CANCELLED") == ["ACCEPT", "CANCELLED", "Cancelled"]
    assert await taken(database) == (0, 0)
    assert await change(database, second, "PENDING") == ["ACCEPT", "PENDING", "Pending"]


async def test_old_client_holds_its_slot_without_renewals(call: RouteClient, database: Database) -> None:
    (run,) = await deployed(call, database, 1)
    await change(database, run, "PENDING", OLD)
    await change(database, run, "RUNNING", OLD)
    leases = await database.read(lambda tx: store.leases.find(tx))
    assert [lease["expires"] for lease in leases] == [None]
    await change(database, run, "COMPLETED", OLD)
    assert await taken(database) == (0, 0)


async def test_recorded_end_releases_the_deployment_slot(call: RouteClient, database: Database) -> None:
    (run,) = await deployed(call, database, 1)
    await change(database, run, "PENDING")
    await change(database, run, "RUNNING")
    assert await taken(database) == (1, 1)
    record = {"kind": "state", "of": "flow_run", "run_id": str(run), "id": str(new_id()), "type": "COMPLETED"}
    line = orjson.dumps({**record, "timestamp": now().isoformat()})
    for _ in range(2):
        await database.write(lambda tx: apply_records(tx, line))
    assert await taken(database) == (0, 0)


async def test_run_with_a_lost_lease_takes_a_slot_or_is_cancelled(call: RouteClient, database: Database) -> None:
    first, second = await deployed(call, database, 2)
    await change(database, first, "PENDING")
    await database.write(_lose_leases)
    assert await change(database, first, "RUNNING") == ["ACCEPT", "RUNNING", "Running"]
    assert await taken(database) == (1, 1)
    await change(database, first, "COMPLETED")
    await change(database, second, "PENDING")
    await database.write(_lose_leases)
    await database.write(_fill)
    assert await change(database, second, "RUNNING") == ["REJECT", "CANCELLED", "Cancelled"]


async def _lose_leases(tx: Any) -> None:
    from prefect.server.services.concurrency import leases

    for lease in await store.leases.find(tx):
        await leases.end_lease(tx, lease["id"])


async def _fill(tx: Any) -> None:
    rows = await store.concurrency_limits.find(tx)
    assert await limits.take_slots(tx, [rows[0]["id"]])


async def test_collision_strategy_decides_when_no_slot_is_free(call: RouteClient, database: Database) -> None:
    first, second, third = await deployed(call, database, 3, collision_strategy="CANCEL_NEW")
    await change(database, first, "PENDING")
    assert await change(database, second, "PENDING") == ["REJECT", "CANCELLED", "Cancelled"]
    late = await database.write(
        lambda tx: transitions.set_flow_run_state(
            tx, third, {"type": "SCHEDULED", "name": "Late"}, policy=POLICIES["MarkLateRunsPolicy"]
        )
    )
    assert (late["status"], late["state"]["type"]) == ("REJECT", "CANCELLED")


async def test_limit_of_zero_starts_nothing(call: RouteClient, database: Database) -> None:
    (run,) = await deployed(call, database, 1, limit=0)
    assert await change(database, run, "PENDING") == ["ABORT", "SCHEDULED", "Scheduled"]


# --- at the same time ------------------------------------------------------------------------------------------------


async def test_simultaneous_proposals_for_a_run_accept_one(call: RouteClient, database: Database) -> None:
    run = UUID(await call.flow_run("SCHEDULED"))
    answers = await asyncio.gather(*(change(database, run, "PENDING", NEW) for _ in range(12)))
    assert sorted(status for status, *_ in answers) == ["ABORT"] * 11 + ["ACCEPT"]


async def test_simultaneous_runs_never_exceed_the_slots(call: RouteClient, database: Database) -> None:
    runs = await deployed(call, database, 8, limit=3)
    answers = await asyncio.gather(*(change(database, run, "PENDING") for run in runs))
    assert sum(status == "ACCEPT" for status, *_ in answers) == 3
    assert await taken(database) == (3, 3)


async def test_missing_run_is_not_found(call: RouteClient) -> None:
    for kind in ("flow", "task"):
        status, answer = await call.set_state(kind, str(new_id()), "RUNNING")
        assert status == 404
        assert "There is no" in answer["detail"]


async def test_state_and_event_are_one_transaction(call: RouteClient, database: Database) -> None:
    run = await call.flow_run("SCHEDULED")
    await call.set_state("flow", run, "RUNNING")
    await call.set_state("flow", run, "PENDING")
    events = await database.read(lambda tx: store.events.find(tx, order="event.occurred"))
    names = [row["event"] for row in events if str(row["flow_run_id"]) == run]
    states = await call("GET", "/flow_run_states/", flow_run_id=run)
    assert len(names) == 2
    assert [str(row["id"]) for row in events][-2:] == [state["id"] for state in states]


# --- what nobody would ask for ---------------------------------------------------------------------------------------


async def test_times_at_the_ends_of_the_calendar_are_handled(call: RouteClient) -> None:
    early, late = "0001-01-01T00:00:00+14:00", "9999-12-31T00:00:00Z"
    scheduled = {"type": "SCHEDULED", "state_details": {"scheduled_time": early}}
    await call("POST", "/flow_runs/", {"flow_id": await call.flow(), "state": scheduled}, status=422)
    run = await call.flow_run(empirical_policy={"retries": 1, "retry_delay": 1 << 62})
    await steps(call, "flow", run, ("FAILED", 201, "REJECT", "SCHEDULED", "AwaitingRetry"))
    task = await call.task_run(None, state={"type": "RUNNING"}, empirical_policy={"retries": 1, "retry_delay": [1e300]})
    await steps(call, "task", task, ("FAILED", 201, "REJECT", "SCHEDULED", "AwaitingRetry"))
    between = {"history_start": late, "history_end": "9999-12-31T23:59:59Z"}
    for seconds in (3, 1e11, 1e13):
        await call("POST", "/flow_runs/history", {**between, "history_interval_seconds": seconds}, status=200)


async def test_resume_is_rejected_without_an_input_schema(call: RouteClient) -> None:
    run = await call.flow_run()
    await call.set_state("flow", run, "PAUSED", state_details={"run_input_keyset": {"foo": "bar"}})
    answer = await call("POST", "/flow_runs/{id}/resume", {"run_input": {"a": 1}}, id=run, status=200)
    assert (answer["status"], answer["state"]["type"]) == ("REJECT", "PAUSED")


async def test_failure_that_is_not_retriable_stays_failed(call: RouteClient) -> None:
    task = await call.task_run(None, state={"type": "RUNNING"}, empirical_policy={"retries": 1})
    final = {"state_details": {"retriable": False, "deferred": False}}
    await steps(call, "task", task, (("FAILED", final), 201, "ACCEPT", "FAILED", "Failed"))
    assert (await call("GET", "/task_runs/{id}", id=task))["state"]["state_details"]["retriable"] is False
