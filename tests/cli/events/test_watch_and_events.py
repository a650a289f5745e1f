"""Flow runs that are watched, cancelled, retried and executed; events that are emitted and streamed."""

import json
import sys
import textwrap
import time
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from prefect.cli.events import events
from prefect.cli.runs import _follow
from prefect.client.orchestration import get_client
from prefect.types import new_id
from tests.cli.conftest import Prefect, Run, table
from tests.server.journal_records import flow, flow_run, log, state, write

PROGRAM = """
from prefect import flow

@flow(log_prints=True)
def hello(name: str = "world"):
    if name == "nobody":
        raise ValueError("no name")
    print(f"hello {name}")
"""


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file with a flow, in its own directory."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    file = tmp_path / "code" / "hello.py"
    file.parent.mkdir()
    file.write_text(textwrap.dedent(PROGRAM))
    return file


def deploy(**more: Any) -> UUID:
    client = get_client(sync_client=True)
    return client.create_deployment(client.create_flow_from_name("hello"), "by-hand", **more)


def start(deployment: UUID, **parameters: Any) -> str:
    return str(get_client(sync_client=True).create_flow_run_from_deployment(deployment, parameters=parameters).id)


# --- watch -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("last", "code"), [("COMPLETED", 0), ("FAILED", 1), ("CANCELLED", 1)])
def test_watch_prints_states_and_logs_until_run_ends(
    run: Run, home: Path, monkeypatch: pytest.MonkeyPatch, last: str, code: int
) -> None:
    id = new_id()
    write(home, [flow(), flow_run(id), state("flow_run", id, "RUNNING", 0), log(id, "first")])
    batches = iter(
        [
            [log(id, "second", 1)],
            [state("flow_run", id, last, 2, message="why\nso"), log(id, "third", 2)],
        ]
    )
    waited: list[float] = []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        write(home, next(batches))

    monkeypatch.setattr(_follow, "time", type("Clock", (), {"sleep": sleep, "monotonic": time.monotonic}))
    outcome = run("flow-run", "watch", str(id))
    assert outcome.code == code
    assert waited == [_follow.POLL_INTERVAL_SECONDS] * 2
    lines = [line.rpartition(" - ")[2] for line in outcome.out.splitlines()]
    name = last.capitalize()
    assert lines[:5] == [
        "Flow run 'brave-fox' is Running.",
        *("first", "second"),
        f"Flow run 'brave-fox' is {name}.",
        "third",
    ]
    ended = f"Flow run 'brave-fox' ended {name}"
    assert (lines[5:], outcome.err) == ([f"{ended}."], "") if code == 0 else ([], f"Error: {ended}: why so\n")


def test_watch_fails_after_timeout(prefect: Prefect, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    id = new_id()
    write(home, [flow(), flow_run(id), state("flow_run", id, "RUNNING", 0)])
    clock = iter([0.0, 1.0, 5.0])
    monkeypatch.setattr(_follow, "time", type("Clock", (), {"sleep": lambda _: None, "monotonic": lambda: next(clock)}))
    timed_out = "Flow run 'brave-fox' did not end within 5 seconds. Its state is Running."
    prefect("flow-run", "watch", id, "--timeout", 5, code=1, error=timed_out)


def test_watch_returns_when_run_has_already_ended(prefect: Prefect, home: Path) -> None:
    id = new_id()
    write(home, [flow(), flow_run(id), state("flow_run", id, "COMPLETED", 0)])
    assert "has already ended" in prefect("flow-run", "watch", id)


def test_deployment_run_watches_the_run(run: Run, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deploy()
    waited: list[float] = []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        assert run("flow-run", "cancel", "seen").code == 0

    monkeypatch.setattr(_follow, "time", type("Clock", (), {"sleep": sleep, "monotonic": time.monotonic}))
    watch = ("--watch", "--watch-interval", "7", "--flow-run-name", "seen")
    assert run("deployment", "run", "hello/by-hand", *watch).code == 1
    assert waited == [7]


# --- cancel, execute, retry ------------------------------------------------------------------------------------------


def test_cancel_flow_run(prefect: Prefect, home: Path) -> None:
    id = start(deploy())
    assert "Cancelled flow run" in prefect("flow-run", "cancel", id)
    prefect("flow-run", "cancel", id, code=1, error="Flow run '")
    assert json.loads(prefect("flow-run", "inspect", id, "-o", "json"))["state_type"] == "CANCELLED"
    assert table(prefect("flow-run", "ls", "--state", "cancelled"))[0][0] == id


def test_execute_loads_flow_of_deployment(run: Run, program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deployment = deploy(entrypoint="hello.py:hello", path=str(program.parent))
    id = start(deployment, name="you")
    assert run("flow-run", "execute", id).code == 0
    assert "hello you" in run("flow-run", "logs", id).out
    assert json.loads(run("flow-run", "inspect", id, "-o", "json").out)["state_type"] == "COMPLETED"
    monkeypatch.setenv("PREFECT__FLOW_RUN_ID", failing := start(deployment, name="nobody"))
    assert run("flow-run", "execute").code == 1
    assert "no name" in run("flow-run", "logs", failing).out
    assert json.loads(run("flow-run", "inspect", failing, "-o", "json").out)["state_type"] == "FAILED"


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({}, "The deployment 'by-hand' names no entrypoint"),
        (
            {"entrypoint": "a.py:a", "path": "/nowhere/at/all"},
            "should be in '/nowhere/at/all', which is not a directory",
        ),
        (
            {"entrypoint": "a.py:a", "pull_steps": [{"prefect.deployments.steps.git_clone": {}}]},
            "Error: Encountered error while running prefect.deployments.steps.git_clone: ",
        ),
    ],
)
def test_execute_fails_when_code_is_not_local(run: Run, home: Path, fields: dict[str, Any], error: str) -> None:
    outcome = run("flow-run", "execute", start(deploy(**fields)))
    assert outcome.code == 1
    *logged, error_line = outcome.err.splitlines()
    assert error in error_line and all("INFO" in line for line in logged)


def test_execute_uses_working_directory_of_pull_steps(run: Run, program: Path) -> None:
    steps = [{"prefect.deployments.steps.set_working_directory": {"directory": str(program.parent)}}]
    id = start(deploy(entrypoint="hello.py:hello", pull_steps=steps))
    assert run("flow-run", "execute", id).code == 0
    assert "hello world" in run("flow-run", "logs", id).out


def test_retry_executes_run_without_deployment(run: Run, program: Path, home: Path) -> None:
    id = new_id()
    write(
        home, [flow(), flow_run(id, name="again", parameters={"name": "twice"}), state("flow_run", id, "COMPLETED", 0)]
    )
    outcome = run("flow-run", "retry", "again")
    assert outcome.code == 1
    assert "--entrypoint path/to/file.py:flow" in outcome.err
    assert run("flow-run", "retry", "again", "-e", f"{program}:hello").code == 0
    assert "hello twice" in run("flow-run", "logs", str(id)).out


def test_retry_schedules_run_of_deployment(prefect: Prefect, home: Path) -> None:
    id = start(deploy())
    prefect("flow-run", "retry", id, code=1, error="Flow run '")
    prefect("flow-run", "cancel", id)
    assert "is scheduled for retry" in prefect("flow-run", "retry", id)
    assert json.loads(prefect("flow-run", "inspect", id, "-o", "json"))["state_name"] == "AwaitingRetry"


# --- events ----------------------------------------------------------------------------------------------------------


def test_events_are_emitted_and_streamed(run: Run, tmp_path: Path) -> None:
    related = '{"prefect.resource.id": "cart.1", "prefect.resource.role": "cart"}'
    sent = run("events", "emit", "paid", "--resource-id", "bill.1", "--related", related, "-p", '{"sum": 3}')
    assert sent.out.startswith("Sent event 'paid' (")
    event = run("events", "stream", "--run-once").json
    assert (event["event"], event["payload"], len(event["related"])) == ("paid", {"sum": 3}, 1)
    file = tmp_path / "events.txt"
    assert run("event", "stream", "--run-once", "--format", "text", "--output-file", str(file)).out == ""
    assert file.read_text().endswith(" paid bill.1\n")


def test_event_stream_ends_without_an_error_when_it_is_interrupted(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    async def interrupt(account: bool) -> AsyncGenerator[Any]:
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr("prefect.cli.events.events._subscribe", interrupt)
    outcome = run("events", "stream")
    assert (outcome.code, outcome.out) == (0, "")
    assert "Error" not in outcome.err


def test_event_stream_polls_the_local_store(run: Run, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, polls = events.get_client, 0

    def client() -> Any:
        nonlocal polls
        polls += 1
        if polls == 2:
            event = {"event": "late", "resource": {"prefect.resource.id": "x"}, "id": str(new_id())}
            real().request("POST", "/events", json=[{**event, "occurred": events.now().isoformat()}])
        return real()

    monkeypatch.setattr(events, "get_client", client)
    monkeypatch.setattr(events, "POLL_INTERVAL_SECONDS", 0)
    assert run("events", "stream", "--run-once").json["event"] == "late"


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ([], "An event requires a resource"),
        (["-r", "bill"], "--resource expects JSON or one label as NAME=VALUE, got 'bill'."),
        (["-r", "colour=red"], "An event requires a resource"),
        (["--resource-id", "x", "-p", "[]"], "--payload expects a JSON object, got a list."),
        (["--resource-id", "x", "-p", "{"], "--payload expects JSON: "),
        (["--resource-id", "x", "--related", '{"a": "b"}'], "Invalid event: "),
    ],
)
def test_emit_rejects_invalid_event(prefect: Prefect, options: list[str], error: str) -> None:
    prefect("events", "emit", "paid", *options, code=1, error=error)


def test_emit_rejects_an_event_without_a_name(prefect: Prefect) -> None:
    prefect("events", "emit", "", "--resource-id", "x", code=1, error="An event requires a name.")
