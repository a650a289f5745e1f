"""`prefect shell`: commands as flow runs, watched and served."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from prefect import get_client
from prefect.cli.core import app
from prefect.cli.shell import run_shell_process
from prefect.exceptions import FailedRun
from tests.recorded import records, states


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = app.run(["shell", *arguments])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def get_messages(home: Path) -> list[str]:
    return [record["message"] for record in records(home, "log")]


def test_watched_command_is_a_flow_run_and_its_output_is_logged(home: Path, capsys: pytest.CaptureFixture[str]):
    code, out, _ = call(
        capsys, "watch", "echo one; echo two; echo no >&2", "--tag", "a", "--flow-run-name", "mine", "--flow-name", "f"
    )
    assert (code, out) == (0, "")
    with get_client(sync_client=True) as client:
        (run,) = client.read_flow_runs()
        assert [flow.name for flow in client.read_flows()] == ["f"]
        messages = [log.message for log in client.read_logs()]
    assert (run.name, run.tags) == ("mine", ["a", "shell"])
    assert {"one", "two"} <= set(messages) and "no" not in messages


@pytest.mark.parametrize(
    ("options", "printed"), [(["--no-log-output"], "one\n"), (["--no-log-output", "--no-stream-stdout"], "")]
)
def test_output_that_is_not_logged_is_printed(options: list[str], printed: str, capsys: pytest.CaptureFixture[str]):
    assert call(capsys, "watch", "echo one", *options)[:2] == (0, printed)


def test_failing_command_ends_with_one_line_and_its_errors_are_logged(home: Path, capsys: pytest.CaptureFixture[str]):
    code, _, err = call(capsys, "watch", "echo broken >&2; exit 3")
    assert code == 1 and err.splitlines()[-1] == "Error: Command failed with exit code 3."
    assert "Traceback" not in err
    assert "broken" in get_messages(home)
    assert states(home, "flow_run")[-1] == "Failed"


def test_options_of_the_flow(home: Path, tmp_path: Path):
    run_shell_process(command="pwd; echo late >&2", log_stderr=True, popen_kwargs={"cwd": str(tmp_path)})
    assert {str(tmp_path), "late"} <= set(get_messages(home))
    with pytest.raises(FailedRun, match="exit code 1"):
        run_shell_process(command="false")


def test_served_command_is_a_deployment(capsys: pytest.CaptureFixture[str]):
    arguments = ["--flow-name", "hello", "--deployment-name", "daily", "--tag", "a", "--run-once"]
    arguments += ["--cron-schedule", "0 6 * * *", "--timezone", "Europe/Berlin", "--concurrency-limit", "2"]
    code, out, _ = call(capsys, "serve", "echo hi", *arguments)
    assert code == 0 and "Serving 'hello/daily'" in out
    with get_client(sync_client=True) as client:
        deployment: Any = client.read_deployment_by_name("hello/daily")
    assert deployment.entrypoint == "prefect.cli.shell.run_shell_process"
    assert deployment.tags == ["a", "shell"]
    assert deployment.parameters == {"command": "echo hi", "log_output": True, "stream_stdout": True}
    (schedule,) = deployment.schedules
    assert (schedule.schedule.cron, schedule.schedule.timezone) == ("0 6 * * *", "Europe/Berlin")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--timezone", "UTC"], "--timezone needs a --cron-schedule."),
        (["--cron-schedule", "bad"], "'bad' is not a cron expression"),
        (["--cron-schedule", "* * * * *", "--timezone", "Nowhere/X"], "Error: 'Nowhere/X' is not a time zone"),
    ],
)
def test_bad_schedule_is_one_line(options: list[str], message: str, capsys: pytest.CaptureFixture[str]):
    code, _, err = call(capsys, "serve", "echo hi", "--flow-name", "x", *options)
    assert code == 1 and message in err and len(err.splitlines()) == 1
