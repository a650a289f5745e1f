"""What the server does to runs by itself, on both databases: a round of each loop, and two servers at once."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import orjson
import pytest

from prefect.outbox import api_connection, shipper
from prefect.schemas import liveness
from prefect.server import store
from prefect.server.app import Server
from prefect.server.db.errors import StoreUnavailable
from prefect.server.db.interface import Database
from prefect.server.db.sql import Sql
from prefect.server.loops import (
    Environment,
    Loop,
    Loops,
    all_loops,
    sweeps,
    zombies,
)
from prefect.server.services.runs.ingestion.journal_ingestion import apply_records
from prefect.server.services.runs.liveness import heartbeat_intervals
from prefect.types import new_id, now
from tests.server import journal_records
from tests.server.clock import Clock
from tests.server.route_client import RouteClient


@pytest.fixture
def call(api: httpx.AsyncClient) -> RouteClient:
    return RouteClient(api)


@pytest.fixture
def environment(server: Server, database: Database) -> Environment:
    return Environment(database, server.bus, server.settings)


async def get_state(call: RouteClient, kind: str, id_: str) -> tuple[str, str]:
    answer = await call("GET", f"/{kind}_runs/{{id}}", id=id_)
    return answer["state_type"], answer["state_name"]


def scheduled(seconds: float, name: str = "Scheduled") -> dict[str, Any]:
    at = (now() + timedelta(seconds=seconds)).isoformat()
    return {"type": "SCHEDULED", "name": name, "state_details": {"scheduled_time": at}}


def test_all_loops_are_listed(server: Server) -> None:
    names = {loop.name for loop in all_loops(server.settings) if loop.enabled}
    assert {"MarkLateRuns", "FailExpiredPauses", "CancellationCleanup", "Zombies"} <= names


async def test_loop_logs_one_line_when_the_database_is_unavailable(
    environment: Environment, caplog: pytest.LogCaptureFixture
) -> None:
    tried = asyncio.Event()

    async def in_vain(_: Environment) -> None:
        raise StoreUnavailable("The database cannot be reached.")

    loops = Loops(environment.database, environment.bus, environment.settings, lambda *_: tried.set())
    loops.start([Loop("Zombies", in_vain, 3600)])
    await asyncio.wait_for(tried.wait(), 60)
    await loops.stop()
    (record,) = [record for record in caplog.records if record.name == "prefect.server.loops"]
    assert record.exc_info is None
    assert record.getMessage().endswith("3600 s. The database cannot be reached.")


async def test_late_runs_loop_marks_runs_that_have_not_started(call: RouteClient, environment: Environment) -> None:
    flow_id = await call.flow()
    states = {"late": scheduled(-60), "soon": scheduled(-5), "retry": scheduled(-60, "AwaitingRetry")}
    ids = {name: await call.flow_run(None, flow_id=flow_id, state=state) for name, state in states.items()}
    at = (await call("GET", "/flow_runs/{id}", id=ids["late"]))["next_scheduled_start_time"]
    await asyncio.gather(sweeps.mark_late_runs(environment), sweeps.mark_late_runs(environment))
    found = {name: (await get_state(call, "flow", id_))[1] for name, id_ in ids.items()}
    assert found == {"late": "Late", "soon": "Scheduled", "retry": "AwaitingRetry"}
    late = await call("GET", "/flow_runs/{id}", id=ids["late"])
    assert late["next_scheduled_start_time"] == late["expected_start_time"] == at
    assert len(await call("GET", "/flow_run_states/", flow_run_id=ids["late"])) == 2


async def test_pauses_loop_fails_runs_a_grace_period_after_the_timeout(
    call: RouteClient, environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch, now())
    runs = [await call.flow_run() for _ in range(3)]
    for run, seconds in zip(runs, (1, 60, None), strict=True):
        ends = None if seconds is None else (clock.at + timedelta(seconds=seconds)).isoformat()
        await call.set_state("flow", run, "PAUSED", state_details={"pause_timeout": ends})

    async def sweep() -> list[str]:
        await asyncio.gather(sweeps.fail_expired_pauses(environment), sweeps.fail_expired_pauses(environment))
        return [(await get_state(call, "flow", run))[0] for run in runs]

    clock.advance(seconds=1 + 10)  # a process that polls every ten seconds has yet to report its timeout
    assert await sweep() == ["PAUSED", "PAUSED", "PAUSED"]
    clock.advance(seconds=10.1)
    assert await sweep() == ["FAILED", "PAUSED", "PAUSED"]
    assert len(await call("GET", "/flow_run_states/", flow_run_id=runs[0])) == 3


async def test_cancellation_loop_cancels_children_of_cancelled_runs(
    call: RouteClient, environment: Environment
) -> None:
    run = await call.flow_run()
    done, task = await call.task_run(run, "1"), await call.task_run(run, "2")
    await call.set_state("task", done, "COMPLETED", force=True)
    child = await call.flow_run(parent_task_run_id=task)
    grandchild = await call.flow_run(parent_task_run_id=await call.task_run(child, "3"))
    deployed = await call.flow_run(parent_task_run_id=await call.task_run(run, "4"), deployment_id=str(new_id()))
    other = await call.task_run(await call.flow_run(), "5")
    await call.set_state("flow", run, "CANCELLED")
    for _ in range(2):
        await sweeps.cancel_children(environment)
    assert (await get_state(call, "task", done))[0] == "COMPLETED"
    assert (await get_state(call, "task", task))[0] == "CANCELLED"
    for cancelled in (child, grandchild):
        assert (await get_state(call, "flow", cancelled))[0] == "CANCELLED"
    assert (await get_state(call, "flow", deployed))[0] == "CANCELLING"
    assert (await get_state(call, "task", other))[0] == "PENDING"


async def test_cancellation_loop_ends_cancelling_after_the_timeout(
    call: RouteClient, environment: Environment, database: Database
) -> None:
    stuck, new = await call.flow_run(), await call.flow_run()
    for run in (stuck, new):
        await call.set_state("flow", run, "CANCELLING")
    long_ago = now() - timedelta(seconds=301)
    text = "UPDATE flow_run SET state_timestamp = ? WHERE id = ?"
    await database.write(lambda tx: tx.run(Sql(text, (long_ago, UUID(stuck)))))
    await sweeps.cancel_children(environment)
    assert [(await get_state(call, "flow", run))[0] for run in (stuck, new)] == ["CANCELLED", "CANCELLING"]


# --- runs without heartbeats ------------------------------------------------------------------------------------------


async def renew_lease_of_run(database: Database, run: str, ttl: float) -> None:
    record = {"kind": "heartbeat", "id": str(new_id()), "flow_run_id": run, "at": now().isoformat(), "ttl": ttl}
    await database.write(lambda tx: apply_records(tx, orjson.dumps(record)))


async def get_lease(database: Database, run: str) -> Any:
    row = await database.read(lambda tx: store.flow_runs.get(tx, UUID(run)))
    assert row is not None
    return row["lease_until"]


async def test_zombies_loop_crashes_runs_with_an_expired_lease(call: RouteClient, environment: Environment) -> None:
    database = environment.database
    silent, alive, quiet = [await call.flow_run() for _ in range(3)]
    task = await call.task_run(silent)
    await call.set_state("task", task, "RUNNING")
    not_ready = await call.task_run(silent, "1")
    await call.set_state("task", not_ready, "PENDING", name="NotReady")
    await renew_lease_of_run(database, silent, 0)
    await renew_lease_of_run(database, alive, 90)
    await asyncio.gather(zombies.crash_zombies(environment), zombies.crash_zombies(environment))
    found = [(await get_state(call, "flow", run))[0] for run in (silent, alive, quiet)]
    assert found == ["CRASHED", "RUNNING", "RUNNING"]
    assert (await get_state(call, "task", task))[0] == "CRASHED"
    assert (await get_state(call, "task", not_ready))[0] == "PENDING", "it never began"
    state = (await call("GET", "/flow_runs/{id}", id=silent))["state"]
    assert "sends no heartbeats" in state["message"]
    # The end is put right after the last sign of life, so that whatever its process tells of later is newer.
    running = (await call("GET", "/task_run_states/", task_run_id=task))[1]["timestamp"]
    assert running < state["timestamp"] < now().isoformat()
    assert len(await call("GET", "/flow_run_states/", flow_run_id=silent)) == 2


@pytest.mark.parametrize("by_event", [False, True], ids=["record", "event"])
async def test_zombies_loop_waits_after_a_time_without_a_server(
    by_event: bool, call: RouteClient, environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that sends events does not send them again: its next one comes after its interval."""
    run = await call.flow_run()
    if by_event:
        resource = {"prefect.resource.id": f"prefect.flow-run.{run}"}
        heartbeat = {"id": str(new_id()), "event": "prefect.flow-run.heartbeat", "resource": resource}
        await call("POST", "/events", [{**heartbeat, "occurred": now().isoformat(), "payload": {}}])
    await renew_lease_of_run(environment.database, run, 0)
    clock, watch = Clock(monkeypatch, now()), zombies.ZombieWatch()

    async def looks_for(seconds: float) -> str:
        end = clock.at + timedelta(seconds=seconds)
        while clock.at < end:
            await watch.run_once(environment)
            clock.advance(seconds=3)
        return (await get_state(call, "flow", run))[0]

    retry = timedelta(seconds=liveness.CLIENT_RETRY_SECONDS)
    interval = heartbeat_intervals.event_interval() if by_event else retry
    enough = (interval + zombies.MAX_ROUND_GAP).total_seconds()
    assert await looks_for(enough - 3) == "RUNNING", "living processes have not had time for a heartbeat"
    clock.advance(minutes=5)  # in which no server runs
    assert await looks_for(enough - 3) == "RUNNING"
    assert await looks_for(12) == "CRASHED"


async def test_late_heartbeat_lets_a_run_be_running_again(call: RouteClient, environment: Environment) -> None:
    """Its process was stopped for longer than a lease; the server called it crashed, with its task runs."""
    database = environment.database
    run = await call.flow_run()
    working, failed = await call.task_run(run), await call.task_run(run, "1")
    await call.set_state("task", working, "RUNNING")
    await call.set_state("task", failed, "CRASHED", message="Its process says so.")
    await renew_lease_of_run(database, run, 0)
    await zombies.crash_zombies(environment)
    assert (await get_state(call, "flow", run))[0] == "CRASHED"
    await renew_lease_of_run(database, run, 25)
    found = [
        (await get_state(call, "flow", run))[0],
        *[(await get_state(call, "task", t))[0] for t in (working, failed)],
    ]
    assert found == ["RUNNING", "RUNNING", "CRASHED"]
    row = await call("GET", "/flow_runs/{id}", id=run)
    assert (row["run_count"], row["end_time"]) == (1, None), "it is the same attempt"
    assert await get_lease(database, run) > now()
    await call.set_state("flow", run, "COMPLETED")
    names = [state["name"] for state in await call("GET", "/flow_run_states/", flow_run_id=run)]
    assert names == ["Running", "Crashed", "Running", "Completed"]


@pytest.mark.parametrize("ending", ["CRASHED", "COMPLETED", "CANCELLED"])
async def test_late_heartbeat_changes_no_run_that_has_ended_itself(
    ending: str, call: RouteClient, environment: Environment
) -> None:
    run = await call.flow_run()
    await call.set_state("flow", run, ending, message="Its process says so.")
    await renew_lease_of_run(environment.database, run, 25)
    assert (await get_state(call, "flow", run))[0] == ending


async def test_process_that_ends_its_run_after_it_was_taken_for_dead_is_believed(
    call: RouteClient, environment: Environment
) -> None:
    run = await call.flow_run()
    await renew_lease_of_run(environment.database, run, 0)
    await zombies.crash_zombies(environment)
    await call.set_state("flow", run, "COMPLETED")
    await renew_lease_of_run(environment.database, run, 25)
    assert (await get_state(call, "flow", run))[0] == "COMPLETED"


async def test_clients_get_longer_intervals_when_many_runs_live(
    api: httpx.AsyncClient, call: RouteClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def send_heartbeat() -> Any:
        record = {"kind": "heartbeat", "flow_run_id": runs[0], "ttl": 25}
        answer = await api.post("/journal", content=orjson.dumps(record))
        return answer.json()["heartbeat_interval_seconds"]

    monkeypatch.setattr(heartbeat_intervals, "CACHE_SECONDS", -1.0)
    runs = [await call.flow_run() for _ in range(4)]
    for run in runs:
        await renew_lease_of_run(database, run, 25)
    assert await send_heartbeat() == liveness.HEARTBEAT_INTERVAL_SECONDS
    monkeypatch.setattr(liveness, "MAX_HEARTBEATS_PER_SECOND", 0.1)
    assert await send_heartbeat() == 40.0
    await call.set_state("flow", runs[3], "COMPLETED")
    assert await send_heartbeat() == 30.0


def test_killed_run_is_crashed_within_thirty_seconds_of_its_death() -> None:
    """By default, for this package's client."""
    lease = liveness.lease_seconds(liveness.HEARTBEAT_INTERVAL_SECONDS)
    jitter = 1.05
    assert lease + jitter * liveness.SWEEP_INTERVAL_SECONDS < 29
    # A heartbeat may be as late as a client's longest pause after a failure, and then not be answered.
    slowest = shipper.MAX_RETRY_SECONDS + api_connection.SHIP_TIMEOUT_SECONDS
    assert lease >= liveness.HEARTBEAT_INTERVAL_SECONDS + slowest
    assert slowest <= liveness.CLIENT_RETRY_SECONDS


@pytest.mark.parametrize(
    ("on_lost", "begun", "is_torn_down"),
    [("crash", False, True), ("crash", True, False), ("retry", False, True), ("retry", True, True)],
)
async def test_infrastructure_of_a_lost_run_that_will_not_return_is_torn_down(
    on_lost: str, begun: bool, is_torn_down: bool, call: RouteClient, environment: Environment
) -> None:
    """A run that had begun, and is not started again, may still go on without reaching the server."""
    database = environment.database
    template = {"job_configuration": {"a": "b"}, "variables": {"type": "object"}, "on_lost": on_lost}
    await call("POST", "/work_pools/", {"name": "pool", "type": "process", "base_job_template": template})
    body = {"name": "d", "flow_id": await call.flow(), "work_pool_name": "pool"}
    deployment = (await call("POST", "/deployments/", body))["id"]
    run = (await call("POST", "/deployments/{id}/create_flow_run", {}, id=deployment))["id"]
    token = str(new_id())
    claim = {"Prefect-Claim": f"{run}/{token}/60"}
    for state in ("PENDING", "RUNNING") if begun else ("PENDING",):
        proposal = {"state": {"type": state}}
        assert (await call.client.post(f"/flow_runs/{run}/set_state", json=proposal, headers=claim)).is_success
    await call("PATCH", "/flow_runs/{id}", {"infrastructure_pid": "12"}, id=run)
    await renew_lease_of_run(database, run, 0)
    over = {"id": UUID(run), "lease_until": now() - timedelta(seconds=1)}
    await database.write(lambda tx: store.flow_runs.change(tx, [over], ["lease_until"]))
    await zombies.crash_zombies(environment)
    row = await call("GET", "/flow_runs/{id}", id=run)
    expected = ("SCHEDULED", None) if on_lost == "retry" else ("CRASHED", "12")
    assert (row["state_type"], row["infrastructure_pid"]) == expected
    jobs = await database.read(lambda tx: store.cleanups.find(tx, {}))
    assert [(job["kind"], job["target"]["infrastructure_pid"]) for job in jobs] == (
        [("pending_claim_teardown.v1", "12")] if is_torn_down else []
    )
    assert token not in str(jobs), "the fencing token is not shown to other workers"


async def test_zombie_ends_at_its_last_activity(call: RouteClient, environment: Environment) -> None:
    database = environment.database
    run = await call.flow_run()
    ended = now()
    await renew_lease_of_run(database, run, 0)
    await zombies.crash_zombies(environment)
    assert (await get_state(call, "flow", run))[0] == "CRASHED"
    record = {"kind": "state", "id": str(new_id()), "of": "flow_run", "run_id": run, "type": "COMPLETED"}
    line = {**record, "timestamp": ended.isoformat()}
    await database.write(lambda tx: apply_records(tx, orjson.dumps(line)))
    assert (await get_state(call, "flow", run))[0] == "COMPLETED"
    await zombies.crash_zombies(environment)
    assert (await get_state(call, "flow", run))[0] == "COMPLETED"


async def test_zombies_loop_ignores_runs_without_a_process(call: RouteClient, environment: Environment) -> None:
    database = environment.database
    finished, paused, waiting = [await call.flow_run() for _ in range(3)]
    for run in (finished, paused, waiting):
        await renew_lease_of_run(database, run, 0)
    await call.set_state("flow", finished, "COMPLETED")
    await call.set_state("flow", paused, "PAUSED")
    await call.set_state("flow", waiting, "SCHEDULED")
    await zombies.crash_zombies(environment)
    found = [(await get_state(call, "flow", run))[0] for run in (finished, paused, waiting)]
    assert found == ["COMPLETED", "PAUSED", "SCHEDULED"]
    # Going on, it has time to say that it is alive.
    await call.set_state("flow", paused, "RUNNING")
    await zombies.crash_zombies(environment)
    assert (await get_state(call, "flow", paused))[0] == "RUNNING"
    await renew_lease_of_run(database, finished, 90)
    assert await get_lease(database, finished) < now()
    # A heartbeat at the start of a run lasts no longer than its own ttl.
    await renew_lease_of_run(database, waiting, 30)
    await call.set_state("flow", waiting, "RUNNING")
    assert await get_lease(database, waiting) < now() + timedelta(seconds=31)


@pytest.mark.parametrize("ttl", [-1, "x", 1e9, None])
async def test_invalid_heartbeat_becomes_a_dead_letter(call: RouteClient, database: Database, ttl: Any) -> None:
    run = await call.flow_run()
    record = {"kind": "heartbeat", "flow_run_id": run, "ttl": ttl}
    assert await database.write(lambda tx: apply_records(tx, orjson.dumps(record))) == (1, 1)
    assert await get_lease(database, run) is None


async def test_waiting_records_loop_applies_records_of_known_runs(
    call: RouteClient, environment: Environment, database: Database
) -> None:
    id_ = new_id()
    ended = {**journal_records.state("task_run", id_, "COMPLETED", 1), "timestamp": now() + timedelta(seconds=1)}
    record = orjson.dumps(ended, str)
    assert await database.write(lambda tx: apply_records(tx, record)) == (1, 1)
    # As when both were written at once: who stored the run did not see what was set aside.
    await call("POST", "/task_runs/", {"id": str(id_), "task_key": "step", "dynamic_key": "0"})
    await sweeps.apply_waiting_records(environment)
    assert await get_state(call, "task", str(id_)) == ("COMPLETED", "Completed")
    assert await database.read(lambda tx: store.dead_letters.count(tx)) == 0
