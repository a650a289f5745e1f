"""`prefect flow serve`, and interrupting a command that follows a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import pytest

from prefect import flow, get_client
from prefect.cli.runs import _follow
from prefect.deployments import serving
from tests.cli.conftest import Prefect, Run

PROGRAM = """
from prefect import flow

@flow
def hello(name: str = "x"): ...

number = 1
"""


@pytest.fixture
def program(tmp_path: Path) -> str:
    (tmp_path / "program.py").write_text(PROGRAM)
    return "program.py"


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What would have been served."""
    calls: list[dict[str, Any]] = []
    monkeypatch.setattr(serving, "run_until_interrupted", lambda **options: calls.append(options))
    return calls


def test_serve_passes_every_option(prefect: Prefect, program: str, served: list[dict[str, Any]]) -> None:
    prefect(
        *("flow", "serve", f"{program}:hello", "--name", "mine", "--interval", "60", "--timezone", "Europe/Berlin"),
        *("--anchor-date", "2030-01-01 02:00", "--description", "Hello.", "--version", "v2", "--tag", "a", "-t", "b"),
        *("--limit", "3", "--global-limit", "2", "--no-pause-on-shutdown"),
    )
    (options,) = served
    (deployment,) = options["deployments"]
    (schedule,) = deployment.schedules
    assert (options["limit"], options["pause_on_shutdown"]) == (3, False)
    assert (deployment.full_name, deployment.tags, deployment.concurrency_limit) == ("hello/mine", ["a", "b"], 2)
    assert (deployment.description, deployment.version) == ("Hello.", "v2")
    assert schedule.schedule.timezone == "Europe/Berlin" and schedule.schedule.interval.total_seconds() == 60


@pytest.mark.parametrize(
    ("place", "options", "error"),
    [
        (
            "missing.py:hello",
            [],
            "The flow 'missing.py:hello' cannot be served: Loading the script 'missing.py' failed",
        ),
        (
            "program.py:nope",
            [],
            "The flow 'program.py:nope' cannot be served: Function with name 'nope' not found in 'program.py'.",
        ),
        ("program.py:number", [], "The flow 'program.py:number' cannot be served: 'program.py:number' is not a flow"),
        ("no.module.hello", [], "The flow 'no.module.hello' cannot be served: No module named 'no'."),
        ("program.py:hello", ["--cron", "bad"], "cron: 'bad' is not a cron expression"),
        ("program.py:hello", ["--cron", "* * * * *", "--timezone", "Mars/X"], "timezone: 'Mars/X' is not a time zone"),
        ("program.py:hello", ["--rrule", "bad"], "rrule: 'bad' is not an iCalendar recurrence rule"),
        ("program.py:hello", ["--interval", "5", "--cron", "* * * * *"], "Pass at most one of"),
        (
            "program.py:hello",
            ["--cron", "* * * * *", "--anchor-date", "2030-01-01"],
            "Only a schedule with an interval",
        ),
        (
            "program.py:hello",
            ["--name", "a/b"],
            "The flow 'program.py:hello' cannot be served: The deployment name 'a/b'",
        ),
    ],
)
def test_serve_refuses_bad_input_and_creates_nothing(
    prefect: Prefect, program: str, served: list[dict[str, Any]], place: str, options: list[str], error: str
) -> None:
    prefect("flow", "serve", place, "--name", "mine", *options, code=1, error=error)
    assert served == []
    with get_client(sync_client=True) as client:
        assert client.read_deployments() == [] and client.read_flows() == []


@flow
def hello(): ...


@pytest.mark.parametrize(("is_cancelled", "state"), [(True, "Cancelled"), (False, "Scheduled")])
def test_interrupted_watch_asks_whether_to_cancel(
    run: Run, monkeypatch: pytest.MonkeyPatch, is_cancelled: bool, state: str
) -> None:
    hello.to_deployment("mine").apply()
    requested: list[str] = []

    def confirm(question: str, **options: Any) -> bool:
        requested.append(question)
        return is_cancelled

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(_follow, "is_interactive", lambda: True)
    monkeypatch.setattr(click, "confirm", confirm)
    monkeypatch.setattr(_follow, "_follow_until_ended", interrupt)
    outcome = run("deployment", "run", "hello/mine", "--watch")
    assert outcome.code != 0 and len(requested) == 1
    with get_client(sync_client=True) as client:
        (found,) = client.read_flow_runs()
    assert found.state_name == state and repr(found.name) in requested[0]
