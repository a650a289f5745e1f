"""Flow runs with a server: it creates them and decides about their states; they go on without it."""

import asyncio
import signal
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from importlib import import_module
from typing import Any

import httpx
import pytest

from prefect import flow, journal, task
from prefect.client.wire import parse_flow_run
from prefect.exceptions import Abort, CancelledRun, Pause
from prefect.flow_engine import run_flow
from prefect.outbox.delivery import JournalDelivery
from prefect.runtime import flow_run as runtime
from prefect.schemas.runs import FlowRun
from prefect.schemas.states import Suspended
from prefect.types import new_id, now
from tests.engine.shells import SHELLS, Shell
from tests.outbox.servers import FakeServer
from tests.recorded import finished, records, started
from tests.recorded import states as recorded_states

SHIPPER = import_module("prefect.outbox.shipper")
HEARTBEATS = import_module("prefect.outbox.heartbeats")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeServer]:
    monkeypatch.setenv("PREFECT_CLIENT_EXIT_TIMEOUT_SECONDS", "0.1")
    fake = FakeServer().start()
    monkeypatch.setenv("PREFECT_API_URL", fake.url)
    yield fake
    journal.close()
    fake.stop()


def states(server: FakeServer) -> list[list[str]]:
    return [server.state_names(id_) for id_ in server.flow_runs]


@pytest.mark.parametrize("kind", SHELLS)
def test_run_is_created_by_the_server(server: FakeServer, kind: str):
    shell = Shell(kind)

    @shell.flow()
    def main(x: int) -> Any:
        return runtime.id, runtime.name, x

    id_, name, x = shell.call(main, 1)
    ((run_id, run),) = server.flow_runs.items()
    assert (id_, name, x) == (run_id, run["name"], 1)
    assert (run["parameters"], run["flow_id"]) == ({"x": 1}, server.flows["main"])
    assert states(server) == [["Pending", "Running", "Completed"]]


def test_empty_flow_takes_three_requests_when_its_flow_is_known(server: FakeServer):
    @flow
    def main() -> None: ...

    main()
    server.requests.clear()
    main()
    paths = [path for _, path, _ in server.requests if not path.startswith(("/events", "/logs", "/csrf"))]
    assert len(paths) == 3


def test_subflow_has_a_task_run_in_its_parent(server: FakeServer):
    @flow
    def inner(x: int) -> int:
        return x

    @flow
    def outer() -> int:
        return inner(2)

    assert outer() == 2
    child = next(run for run in server.flow_runs.values() if run.get("parent_task_run_id"))
    parent_task = server.task_runs[child["parent_task_run_id"]]
    parent = next(run for run in server.flow_runs.values() if not run.get("parent_task_run_id"))
    assert (parent_task["flow_run_id"], parent_task["name"]) == (parent["id"], "inner-0")
    journal.close()
    assert server.task_run_states() == {}, "the server keeps that task run in step itself"


def test_server_decides_about_retries(server: FakeServer):
    def orchestrate(run: dict[str, Any], state: dict[str, Any]) -> Any:
        if state["type"] == "FAILED" and len(run["states"]) < 4:
            return {"status": "REJECT", "state": {"type": "SCHEDULED", "name": "AwaitingRetry"}}
        return None

    server.orchestrate = orchestrate

    @flow
    def main() -> int:
        tries.append(1)
        if len(tries) == 1:
            raise ValueError("no")
        return 7

    tries: list[int] = []
    assert main() == 7
    assert states(server) == [["Pending", "Running", "AwaitingRetry", "Running", "Completed"]]


def test_retry_is_not_delayed_when_the_server_clock_is_ahead(server: FakeServer, monkeypatch: pytest.MonkeyPatch):
    ahead = now() + timedelta(hours=1)
    monkeypatch.setattr("tests.outbox.servers.now", lambda: ahead)

    def orchestrate(run: dict[str, Any], state: dict[str, Any]) -> Any:
        if state["type"] == "FAILED" and len(tries) == 1:
            details = {"scheduled_time": ahead.isoformat()}
            return {
                "status": "REJECT",
                "state": {"type": "SCHEDULED", "name": "AwaitingRetry", "state_details": details},
            }
        return None

    server.orchestrate = orchestrate

    @flow
    def main() -> int:
        tries.append(1)
        if len(tries) == 1:
            raise ValueError("no")
        return 7

    tries: list[int] = []
    assert main() == 7


def create_run(server: FakeServer, **policy: Any) -> FlowRun:
    body = {"flow_id": str(new_id()), "empirical_policy": policy, "state": {"type": "PENDING"}}
    _, run = server.answer("POST", "/flow_runs/", body)
    return parse_flow_run(run)


def test_policy_of_existing_run_is_updated_once_before_its_states(server: FakeServer):
    @flow(retries=2, retry_delay_seconds=3)
    def main() -> None: ...

    run = create_run(server, pause_keys=["1"], resuming=True)
    run_flow(main, flow_run=run)

    policy = {"retries": 2, "retry_delay": 3, "pause_keys": ["1"], "resuming": True}
    path = f"/flow_runs/{run.id}"
    sent = [(method, body) for method, called, body in server.requests if called.startswith(path)]
    assert [method for method, _ in sent] == ["PATCH", "POST", "POST"]
    assert sent[0][1] == {"empirical_policy": policy}


@pytest.mark.parametrize(("flow_retries", "policy"), [(0, {"retries": 2}), (2, {"retries": 2}), (0, {})])
def test_policy_of_existing_run_is_not_updated_when_nothing_changes(
    server: FakeServer, flow_retries: int, policy: dict[str, Any]
):
    @flow(retries=flow_retries)
    def main() -> None: ...

    run_flow(main, flow_run=create_run(server, **policy))

    assert server.sent("PATCH", ".*") == []


def test_existing_run_is_retried_when_the_server_does_not_update_its_policy(server: FakeServer):
    attempts: list[int] = []

    @flow(retries=1)
    def main() -> int:
        attempts.append(1)
        if len(attempts) == 1:
            raise ValueError("no")
        return 7

    run = create_run(server)
    server.refuse = lambda path, body: (422, {"detail": "no"}) if path == f"/flow_runs/{run.id}" else None
    assert run_flow(main, flow_run=run) == 7
    journal.close()
    assert states(server) == [["Pending", "Running", "AwaitingRetry", "Running", "Completed"]]


def test_state_is_proposed_again_after_wait(server: FakeServer):
    proposed: list[str] = []

    def orchestrate(run: dict[str, Any], state: dict[str, Any]) -> Any:
        proposed.append(state["type"])
        return {"status": "WAIT", "details": {"delay_seconds": 0}} if len(proposed) < 3 else None

    server.orchestrate = orchestrate

    @flow
    def main() -> int:
        return 1

    assert main() == 1
    assert proposed == ["RUNNING"] * 3 + ["COMPLETED"]


def test_run_stops_after_abort(server: FakeServer):
    server.orchestrate = lambda run, state: {"status": "ABORT", "details": {"reason": "not today"}}

    @flow
    def main() -> None:
        raise AssertionError("the body must not run")

    with pytest.raises(Abort, match="not today"):
        main()


def test_ended_run_does_not_start(server: FakeServer):
    server.orchestrate = lambda run, state: {"status": "REJECT", "state": {"type": "CANCELLED", "name": "Cancelled"}}

    @flow
    def main() -> None:
        raise AssertionError("the body must not run")

    assert main(return_state=True).is_cancelled()
    with pytest.raises(CancelledRun):
        main()


def test_paused_run_does_not_start(server: FakeServer):
    server.orchestrate = lambda run, state: {"status": "REJECT", "state": {"type": "PAUSED", "name": "Paused"}}

    @flow
    def main() -> None:
        raise AssertionError("the body must not run")

    with pytest.raises(Pause) as raised:
        main()
    assert raised.value.state is not None and raised.value.state.is_paused()


def test_run_cancelled_by_another_process_ends_as_cancelled(server: FakeServer):
    hooks: list[str] = []

    def orchestrate(run: dict[str, Any], state: dict[str, Any]) -> Any:
        if state["type"] == "RUNNING":
            return None
        if run["state"]["type"] != "CANCELLING":
            server._enter(run, {"type": "CANCELLING", "name": "Cancelling"})
        return None if state["type"] == "CANCELLED" else {"status": "REJECT"}

    server.orchestrate = orchestrate

    @flow(on_cancellation=[lambda flow, run, state: hooks.append(state.name)])
    def main() -> int:
        return 1

    state = main(return_state=True)
    assert (state.is_cancelled(), hooks) == (True, ["Cancelled"])
    assert states(server) == [["Pending", "Running", "Cancelling", "Cancelled"]]


def test_unreachable_server_raises_one_clear_error_at_start(server: FakeServer):
    server.stop()

    @flow
    def main() -> None: ...

    with pytest.raises(httpx.ConnectError, match=r"The API at http://127\.0\.0\.1:\d+ cannot be reached"):
        main()


@pytest.mark.parametrize("kind", SHELLS)
def test_run_goes_on_when_the_server_goes_away(
    server: FakeServer, kind: str, monkeypatch: pytest.MonkeyPatch, home: Any
):
    monkeypatch.setenv("PREFECT_CLIENT_EXIT_TIMEOUT_SECONDS", "30")  # it is back, however slow this machine is
    monkeypatch.setattr(import_module("prefect.engine.orchestration.remote"), "MID_RUN_RETRIES", 0)
    shell = Shell(kind)

    @task
    def add(x: int) -> int:
        return x + 1

    @flow
    def inner() -> int:
        return add(1)

    @shell.flow(retries=1)
    def main() -> int:
        tries.append(1)
        if len(tries) == 1:
            server.stop()
            raise ValueError("no")
        return 5 if shell.awaits else inner() + 3

    tries: list[int] = []
    assert shell.call(main) == 5
    server.start()
    journal.close()
    first = next(iter(server.flow_runs))
    assert server.state_names(first) == ["Pending", "Running", "AwaitingRetry", "Running", "Completed"]
    assert not records(home)


async def _side_by_side(main: Any) -> list[int]:
    return await asyncio.gather(*(main(n) for n in range(5)))


def test_async_flows_are_concurrent(server: FakeServer):
    @flow
    async def main(n: int) -> int:
        await asyncio.sleep(0)
        return n

    assert asyncio.run(_side_by_side(main)) == [0, 1, 2, 3, 4]
    assert states(server) == [["Pending", "Running", "Completed"]] * 5


def test_heartbeats_are_sent_while_a_run_is_under_way(server: FakeServer):
    server.reads_journals = True

    @flow
    def main() -> None:
        deadline = 3000
        while not server.records and deadline:
            shipped.wait(0.02)
            deadline -= 1

    shipped = threading.Event()
    main()
    heartbeats = [record for record in server.records.values() if record["kind"] == "heartbeat"]
    assert {heartbeat["flow_run_id"] for heartbeat in heartbeats} == set(server.flow_runs)
    assert heartbeats[0]["ttl"] == 25


def test_lease_of_a_deployment_slot_is_renewed(server: FakeServer, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(HEARTBEATS, "SLOT_RENEWAL_SECONDS", 0.02)
    lease_id = str(new_id())

    def orchestrate(run: dict[str, Any], state: dict[str, Any]) -> Any:
        if state["type"] == "RUNNING":
            state["state_details"]["deployment_concurrency_lease_id"] = lease_id

    server.orchestrate = orchestrate

    @flow
    def main() -> None:
        deadline = time.monotonic() + 60
        while len(server.renewed) < 2 and time.monotonic() < deadline:
            threading.Event().wait(0.01)

    main()
    assert set(server.renewed) == {lease_id}
    assert len(server.renewed) >= 2


PROGRAM = """
    @flow(on_cancellation=[lambda *_: print("cancelled")], on_crashed=[lambda *_: print("crashed")])
    def main():
        print("go", flush=True)
        input()
    main()
"""


@pytest.mark.parametrize(("cancelling", "last"), [(False, "Crashed"), (True, "Cancelled")])
def test_terminated_run_is_recorded_before_the_process_ends(server: FakeServer, cancelling: bool, last: str):
    def orchestrate(run: dict[str, Any], state: dict[str, Any]) -> Any:
        refused = run["state"]["type"] == "CANCELLING" and state["type"] != "CANCELLED"
        return {"status": "REJECT"} if refused else None

    server.orchestrate = orchestrate
    program = started(PROGRAM, PREFECT_LOGGING_LEVEL="INFO")
    assert program.stdout and program.stdout.readline() == "go\n"
    (run,) = server.flow_runs.values()
    if cancelling:
        server._enter(run, {"type": "CANCELLING", "name": "Cancelling"})
    program.terminate()
    code, out, _ = finished(program)
    assert (code, out) == (-signal.SIGTERM, f"{last.lower()}\n")
    assert server.state_names(run["id"])[-1] == last
    assert server.logs, "what it logged was shipped"


def test_flow_is_created_again_when_the_server_was_emptied(server: FakeServer):
    @flow
    def main() -> None: ...

    main()
    gone = server.flows.pop("main")
    server.refuse = lambda path, body: (
        (409, {"detail": "no such flow"}) if path == "/flow_runs/" and body["flow_id"] == gone else None
    )
    main()
    assert [run["flow_id"] for run in server.flow_runs.values()] == [gone, server.flows["main"]]


@pytest.mark.parametrize("with_server", [True, False])
def test_run_that_leaves_its_process_proposes_no_state(
    server: FakeServer, with_server: bool, monkeypatch: pytest.MonkeyPatch, home: Any
):
    if not with_server:
        monkeypatch.delenv("PREFECT_API_URL")

    @flow
    def main() -> None:
        raise Pause("later", state=Suspended(state_details={"flow_run_id": runtime.id}))

    with pytest.raises(Pause, match="later"):
        main()
    assert main(return_state=True).is_paused()
    if with_server:
        assert states(server) == [["Pending", "Running"]] * 2
    else:
        assert recorded_states(home, "flow_run") == ["Pending", "Running"] * 2


def test_heartbeats_resume_when_the_server_is_back(server: FakeServer, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(SHIPPER, "FIRST_RETRY_SECONDS", 0.02)
    monkeypatch.setattr(JournalDelivery, "heartbeat_interval", 0.05)
    server.reads_journals = True

    def heartbeats() -> int:
        return len([record for record in server.records.values() if record["kind"] == "heartbeat"])

    def wait_for_heartbeat(after: int) -> None:
        deadline = time.monotonic() + 60
        while heartbeats() <= after and time.monotonic() < deadline:
            threading.Event().wait(0.01)
        assert heartbeats() > after

    @flow
    def main() -> None:
        wait_for_heartbeat(0)
        server.stop()
        before = heartbeats()
        missed.wait(0.1)
        server.start()
        wait_for_heartbeat(before)

    missed = threading.Event()
    main()


def test_run_goes_on_when_something_else_answers_for_the_server(server: FakeServer, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PREFECT_CLIENT_EXIT_TIMEOUT_SECONDS", "10.0")  # it answers again before the process ends
    gone: list[bool] = []
    server.refuse = lambda path, body: (404, {"detail": "nothing here"}) if gone else None

    @flow
    def inner() -> int:
        return 1

    @flow
    def outer() -> int:
        gone.append(True)
        return inner() + inner()

    assert outer() == 2
    gone.clear()
    journal.close()
    assert sorted(states(server)) == [["Pending", "Running", "Completed"]] * 3
