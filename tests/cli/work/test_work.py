"""Commands on work pools, work queues, deployments and schedules, in a local store."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from prefect.client.orchestration import get_client
from prefect.schemas.actions import DeploymentUpdate, LogCreate, WorkPoolCreate
from prefect.schemas.worker_channel import WorkerFacts
from prefect.types import now
from tests.cli.conftest import Prefect, Run, table

SCHEMA = {"type": "object", "properties": {"rows": {"type": "integer"}}}


@pytest.fixture
def deployment(home: Path) -> UUID:
    """The deployment `load/nightly` in the work pool `shed`."""
    client = get_client(sync_client=True)
    client.create_work_pool(WorkPoolCreate(name="shed", type="process"))
    flow = client.create_flow_from_name("load")
    return client.create_deployment(flow, "nightly", work_pool_name="shed", parameter_openapi_schema=SCHEMA, tags=["n"])


def test_work_pool_commands(prefect: Prefect, tmp_path: Path) -> None:
    assert "of type 'process'" in prefect("work-pool", "create", "shed")
    prefect(
        "work-pool",
        "create",
        "shed",
        code=1,
        error="There is already a work pool 'shed'; pass --overwrite to update it.",
    )
    prefect("work-pool", "create", "barn", "-t", "nope", code=1, error="There is no worker type 'nope'.")
    prefect("work-pool", "create", "prefect-x", code=1, error="Work pool names that begin with 'prefect'")
    template = tmp_path / "template.json"
    prefect("work-pool", "get-default-base-job-template", "-f", template)
    missing = ("--base-job-template", "none.json")
    prefect(
        "work-pool", "create", "shed", *missing, code=1, error="The base job template 'none.json' cannot be read: No"
    )
    prefect("work-pool", "create", "barn", "--base-job-template", template, "--paused")
    assert [row[:2] for row in table(prefect("work-pool", "ls"))] == [["barn (**)", "process"], ["shed", "process"]]
    shown = json.loads(prefect("work-pool", "inspect", "barn", "-o", "json"))
    assert shown["base_job_template"] == json.loads(template.read_text())
    prefect("work-pool", "resume", "barn")
    prefect("work-pool", "set-concurrency-limit", "barn", 4)
    assert "0 of 4" in prefect("work-pool", "slots", "barn")
    prefect("work-pool", "update", "barn", "--description", "hay", "-cl", 7)
    prefect("work-pool", "update", "barn", code=1, error="Pass at least one of")
    shown = json.loads(prefect("work-pool", "inspect", "barn", "-o", "json"))
    assert (shown["concurrency_limit"], shown["description"], shown["is_paused"]) == (7, "hay", False)
    prefect("work-pool", "clear-concurrency-limit", "barn")
    assert json.loads(prefect("work-pool", "slots", "barn", "-o", "json"))["concurrency_limit"] is None
    prefect("work-pool", "pause", "bran", code=1, error="There is no work pool 'bran'. Did you mean 'barn'?")
    prefect("work-pool", "delete", "barn")
    assert len(table(prefect("work-pool", "ls", "-v"))) == 1


def test_set_as_default_updates_the_profile(run: Run) -> None:
    assert "default work pool of the profile" in run("work-pool", "create", "shed", "--set-as-default").out
    assert "DEFAULT_WORK_POOL_NAME='shed'" in run("config", "view").out


def test_work_queue_commands(prefect: Prefect, deployment: UUID) -> None:
    prefect("work-queue", "create", "fast", "-p", "shed", "-l", 3, "-q", 1)
    prefect("work-queue", "create", "fast", "-p", "shed", code=1, error="There is already a work queue 'fast'")
    prefect("work-queue", "create", "fast", "-p", "none", code=1, error="There is no work pool 'none'.")
    rows = table(prefect("work-queue", "ls", "-p", "shed"))
    assert [(row[0], row[3]) for row in rows] == [("fast", "1"), ("default", "2")]
    assert [row[0] for row in table(prefect("work-queue", "ls", "-m", "fa", "-v"))] == ["fast"]
    prefect("work-queue", "pause", "fast", "-p", "shed")
    prefect("work-queue", "set-concurrency-limit", "fast", 5, "-p", "shed")
    shown = json.loads(prefect("work-queue", "inspect", "fast", "-p", "shed", "-o", "json"))
    assert (shown["is_paused"], shown["concurrency_limit"]) == (True, 5)
    assert shown["status_details"]["late_runs_count"] == 0
    assert prefect("work-queue", "slots", "fast", "-p", "shed").splitlines()[-1] == "Slots       0 of 5"
    prefect("work-queue", "clear-concurrency-limit", "fast", "-p", "shed")
    prefect("work-queue", "resume", "fast", "-p", "shed")
    prefect("work-queue", "inspect", "fats", "-p", "shed", code=1, error="There is no work queue 'fats'. Did you mean")
    prefect(
        "work-queue", "inspect", "fast", code=1, error="The default work pool has no work queue 'fast'. Pass --pool"
    )
    prefect("work-queue", "delete", "fast", "-p", "shed")
    assert len(table(prefect("work-queues", "ls"))) == 1


def test_deployment_commands(prefect: Prefect, deployment: UUID) -> None:
    assert table(prefect("deployment", "ls")) == [["load/nightly", str(deployment), "shed"]]
    assert table(prefect("deployment", "ls", "other")) == []
    assert len(table(prefect("deployments", "ls", "load", "other", "--by-created"))) == 1
    assert "load/nightly" in prefect("deployment", "inspect", "load/nightly")
    shown = json.loads(prefect("deployment", "inspect", "load/nightly", "-o", "json"))
    assert (shown["id"], shown["automations"]) == (str(deployment), [])
    missing = "There is no deployment 'load/nihgtly'. Did you mean 'load/nightly'?"
    prefect("deployment", "inspect", "load/nihgtly", code=1, error=missing)
    prefect("deployment", "delete", code=1, error="Pass either the name of a deployment")
    prefect("deployment", "delete", "--id", deployment)
    assert "There are no deployments" in prefect("deployment", "delete", "--all")


def test_deployment_run_options(prefect: Prefect, deployment: UUID) -> None:
    def run(*options: Any) -> Any:
        prefect("deployment", "run", *options)
        return max(json.loads(prefect("flow-run", "ls", "-o", "json")), key=lambda run: run["created"])

    made = run("load/nightly", "-p", "rows=5", "-jv", "env=x", "--tag", "t", "--flow-run-name", "first")
    assert made["name"] == "first"
    assert made["parameters"] == {"rows": 5}
    assert made["job_variables"] == {"env": "x"}
    assert set(made["tags"]) == {"n", "t"}
    made = run("--id", deployment, "--params", '{"rows": 7}', "--start-at", "2100-01-31 08:30+02:00")
    assert (made["parameters"], made["expected_start_time"]) == ({"rows": 7}, "2100-01-31T06:30:00Z")
    waiting = [
        str(run["name"]) for run in json.loads(prefect("work-queue", "preview", "default", "-p", "shed", "-o", "json"))
    ]
    assert waiting[0] == "first"
    assert len(table(prefect("work-pool", "preview", "shed"))) == 2
    assert len(table(prefect("work-pool", "preview", "--hours", 1))) == 1
    assert len(table(prefect("work-queue", "read-runs", "default", "-p", "shed"))) == 2
    for options, error in (
        (["-p", "row=5"], "The deployment 'nightly' has no parameter 'row'; it has 'rows'."),
        (["-p", "rows"], "--param expects NAME=VALUE, got 'rows'."),
        (["--params", "[1]"], "--params expects a JSON object, got a list."),
        (["--start-in", "1h", "--start-at", "8am"], "Use either --start-in or --start-at."),
        (["--start-in", "soon"], "--start-in expects a duration such as '5 minutes' or '1h 30m', got 'soon'."),
        (["--watch-timeout", 3], "--watch-interval and --watch-timeout require --watch."),
    ):
        prefect("deployment", "run", "load/nightly", *options, code=1, error=error)


@pytest.mark.parametrize("strategy", ["ENQUEUE", "CANCEL_NEW"])
def test_deployment_inspect_shows_the_collision_strategy(prefect: Prefect, deployment: UUID, strategy: str) -> None:
    assert "Concurrency limit" not in prefect("deployment", "inspect", "load/nightly")
    client = get_client(sync_client=True)
    changes = DeploymentUpdate.model_validate(
        {"concurrency_limit": 3, "concurrency_options": {"collision_strategy": strategy}}
    )
    client.update_deployment(deployment, changes)
    assert f"3 (collision strategy {strategy})" in prefect("deployment", "inspect", "load/nightly")


def test_deployment_run_understands_natural_words(prefect: Prefect, deployment: UUID) -> None:
    shown = prefect("deployment", "run", "load/nightly", "--start-at", "tomorrow 5pm")
    tomorrow = now().astimezone() + timedelta(days=1)
    assert f"{tomorrow:%Y-%m-%d} 17:00:00" in shown.partition("Due")[2]


def test_workers_of_a_pool_are_listed(prefect: Prefect, deployment: UUID) -> None:
    facts = WorkerFacts(host="desk", pid=7, version="1.0", python="3.12.1", limit=2)
    client = get_client(sync_client=True)
    client.send_worker_heartbeat("shed", "ours", worker_metadata=facts)
    client.send_worker_heartbeat("shed", "theirs")
    own_worker, other_worker = table(prefect("worker", "ls", "--pool", "shed"))
    assert own_worker[:7] == ["ours", "online", "0 of 2", "desk", "7", "1.0", "3.12.1"]
    assert other_worker[:3] == ["theirs", "online", "0"]
    (shown, _) = json.loads(prefect("worker", "ls", "-p", "shed", "-o", "json"))
    assert shown["facts"]["pid"] == 7
    prefect("worker", "ls", "-p", "shef", code=1, error="There is no work pool 'shef'. Did you mean 'shed'?")


def test_logs_of_a_worker_are_shown(prefect: Prefect, deployment: UUID) -> None:
    client = get_client(sync_client=True)
    id_ = client.send_worker_heartbeat("shed", "one", get_worker_id=True)
    at = now()
    lines = [
        LogCreate(name="prefect.worker", level=20, message=text, timestamp=at + timedelta(seconds=n), worker_id=id_)
        for n, text in enumerate(["began", "worked", "ended"])
    ]
    client.create_logs(lines)
    shown = prefect("worker", "logs", "shed/one")
    assert [line.rpartition(" - ")[2] for line in shown.splitlines()] == ["began", "worked", "ended"]
    (last,) = json.loads(prefect("worker", "logs", "shed/one", "--tail", "-n", 1, "-o", "json"))
    assert last["message"] == "ended"
    prefect("worker", "logs", "one", code=1, error="Pass the work pool and the name of the worker as POOL/NAME")
    prefect("worker", "logs", "shed/two", code=1, error="There is no worker 'two' in the work pool 'shed'")
    prefect("worker", "logs", "shed/one", "-f", "--head", code=1, error="Use --follow without --head and --reverse.")


def test_new_logs_of_a_worker_are_followed(prefect: Prefect, deployment: UUID, monkeypatch: pytest.MonkeyPatch) -> None:
    client = get_client(sync_client=True)
    id_ = client.send_worker_heartbeat("shed", "one", get_worker_id=True)
    new = iter(["third", "fourth"])

    def log(text: str) -> None:
        client.create_logs([LogCreate(name="x", level=20, message=text, timestamp=now(), worker_id=id_)])

    def pause(seconds: float) -> None:
        text = next(new, None)
        if text is None:
            raise KeyboardInterrupt
        log(text)

    monkeypatch.setattr("prefect.cli.runs._follow.time.sleep", pause)
    for text in ("first", "second"):
        log(text)
    shown = prefect("worker", "logs", "shed/one", "--follow", "-n", 1)
    assert [line.rpartition(" - ")[2] for line in shown.splitlines()] == ["second", "third", "fourth"]


def test_schedule_commands(prefect: Prefect, deployment: UUID) -> None:
    name = "load/nightly"
    prefect("deployment", "schedule", "create", name, "--cron", "0 1 * * *", "--timezone", "Europe/Berlin")
    prefect("deployment", "schedule", "create", name, "--interval", 90, "--no-active")
    rows = table(prefect("deployment", "schedule", "ls", name))
    assert sorted(row[1:] for row in rows) == [
        ["cron: 0 1 * * * (Europe/Berlin)", "True"],
        ["interval: 1m 30s", "False"],
    ]
    id = next(row[0] for row in rows if row[2] == "True")
    prefect("deployment", "schedule", "pause", name, id)
    assert "already paused" in prefect("deployment", "schedule", "pause", name, id)
    assert "Resumed 2 schedules" in prefect("deployment", "schedule", "resume", "--all")
    prefect("deployment", "schedule", "delete", name, id, "-y")
    prefect("deployment", "schedule", "delete", name, id, code=1, error=f"The deployment {name!r} has no schedule")
    rule = "FREQ=DAILY;BYHOUR=3"
    assert "and replaced 1 schedule" in prefect(
        "deployment", "schedule", "create", name, "--rrule", json.dumps({"rrule": rule}), "--replace", "-y"
    )
    assert json.loads(prefect("deployment", "schedule", "ls", name, "-o", "json"))[0]["schedule"] == f"rrule: {rule}"
    assert "Deleted 1 schedule" in prefect("deployment", "schedule", "clear", name, "--accept-yes")
    for options, error in (
        (["--cron", "x y"], "Invalid schedule: "),
        ([], "Pass one of --interval, --rrule and --cron."),
        (["--cron", "0 1 * * *", "--anchor-date", "2026-01-01"], "--anchor-date requires --interval."),
    ):
        prefect("deployment", "schedule", "create", name, *options, code=1, error=error)
