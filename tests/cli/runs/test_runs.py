"""Commands on runs, artifacts and the journal, in a local store."""

import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from prefect.cli.core.app import run as run_command
from prefect.client.orchestration import get_client
from prefect.types import new_id, now
from tests.cli.conftest import Prefect, table
from tests.server.journal_records import flow, flow_run, log, state, task_run, write


@pytest.fixture
def ids(home: Path) -> dict[str, UUID]:
    """A completed run of `etl` with two task runs and 25 logs, and a failed run of `report` with none."""
    names = ("done", "failed", "load", "store")
    ids = {name: new_id() for name in names}
    begun = now() - timedelta(minutes=5)

    def times(seconds: float) -> dict[str, object]:
        return {"timestamp": begun + timedelta(seconds=seconds)}

    source = {"rows": [{"input_type": "task_run", "id": str(ids["load"])}]}
    write(
        home,
        [
            flow("etl"),
            {**flow("report"), "id": UUID(int=7), "created": now()},
            flow_run(ids["done"], name="brave-fox", tags=["prod"], created=begun),
            flow_run(ids["failed"], name="calm-owl", flow_id=UUID(int=7), parameters={}, created=begun),
            task_run(ids["done"], ids["load"], name="load-1", created=begun),
            task_run(ids["done"], ids["store"], name="store-1", task_inputs=source, created=begun),
            {**state("flow_run", ids["done"], "RUNNING", 0), **times(0)},
            {**state("flow_run", ids["done"], "COMPLETED", 0), **times(62)},
            {**state("flow_run", ids["failed"], "FAILED", 0, "TimedOut", message="Too slow"), **times(70)},
            {**state("task_run", ids["load"], "COMPLETED", 0), **times(10)},
            {**state("task_run", ids["store"], "RUNNING", 0), **times(11)},
            *({**log(ids["done"], f"line {number}"), **times(number)} for number in range(24)),
            {**log(ids["done"], "loaded", level=30, task_run_id=ids["load"]), **times(30)},
        ],
    )
    return ids


def test_ls_with_a_query(prefect: Prefect, ids: dict[str, UUID]) -> None:
    for query, name in (("state:TimedOut", "calm-owl"), ('flow:etl duration:>1m since:"1h"', "brave-fox")):
        assert [row[2] for row in table(prefect("flow-run", "ls", "--query", query))] == [name]
    (row,) = json.loads(prefect("flow-run", "ls", "--query", "error:slow", "-o", "json"))
    assert row["id"] == str(ids["failed"])
    assert [row[2] for row in table(prefect("task-run", "ls", "-q", "state:completed run:brave-fox"))] == ["load-1"]


def test_delete_with_a_query(prefect: Prefect, ids: dict[str, UUID]) -> None:
    assert prefect("flow-run", "delete", "-q", "state:failed", "-y") == "1 flow run deleted.\n"
    assert prefect("flow-run", "delete", "-q", "state:failed") == "No flow run matches 'state:failed'.\n"
    assert [row[2] for row in table(prefect("flow-run", "ls"))] == ["brave-fox"]


def test_retry_and_cancel_with_a_query_say_what_stayed_and_why(prefect: Prefect, ids: dict[str, UUID]) -> None:
    text = prefect("flow-run", "retry", "--query", "since:1d")
    assert "2 flow runs stayed as they were:" in text and "It has no deployment" in text
    job = json.loads(prefect("flow-run", "cancel", "--query", "state:failed", "-o", "json"))
    assert (job["total"], job["done"], job["left"]) == (1, 0, 1)
    assert job["results"][0]["reason"] == "It has ended: TimedOut."


def test_query_of_many_runs_is_acted_on_in_batches(prefect: Prefect, home: Path) -> None:
    runs = [flow_run(new_id(), name=f"run-{number}", parameters={}) for number in range(120)]
    write(home, [flow("etl"), *runs, *(state("flow_run", run["id"], "COMPLETED", 0) for run in runs)])
    assert prefect("flow-run", "delete", "--query", "name:run-1") == "31 flow runs deleted.\n"
    assert prefect("flow-run", "delete", "--query", "flow:etl") == "89 flow runs deleted.\n"


def test_bulk_jobs_are_listed_stopped_and_undone(prefect: Prefect, ids: dict[str, UUID]) -> None:
    client = get_client(sync_client=True)
    route: Any = "/ui/bulk/runs"
    body = {"action": "add-tags", "ids": [str(ids["done"])], "options": {"tags": ["prod", "b"]}}
    job = client.request("POST", route, json=body).json()
    assert table(prefect("flow-run", "jobs", "ls"))[0][:3] == [job["id"], "add-tags", "running"]
    batch: Any = "/ui/bulk/runs/{id}/batch"
    client.request("POST", batch, path_params={"id": job["id"]})
    assert sorted(client.read_flow_run(ids["done"]).tags) == ["b", "prod"]
    assert prefect("flow-run", "jobs", "stop", job["id"]) == "The job is finished: 1 flow run done of 1.\n"
    assert prefect("flow-run", "jobs", "undo", job["id"]) == "1 flow run as before.\n"
    assert client.read_flow_run(ids["done"]).tags == ["prod"]
    assert json.loads(prefect("flow-run", "jobs", "ls", "-o", "json"))[0]["action"] == "remove-tags"
    prefect("flow-run", "jobs", "stop", new_id(), code=1, error="There is no bulk job")


def test_query_asks_before_acting(home: Path, ids: dict[str, UUID], monkeypatch: pytest.MonkeyPatch) -> None:
    requested: list[str] = []
    monkeypatch.setattr("prefect.cli.core.output.is_interactive", lambda: True)
    monkeypatch.setattr("prefect.cli.core.output.click.confirm", lambda question, **_: requested.append(question))
    assert run_command(["flow-run", "delete", "--query", "state:failed"]) == 0
    assert requested == ["Delete 1 flow run of 'state:failed'?"]
    assert run_command(["flow-run", "delete", "--query", "state:completed", "--yes"]) == 0
    assert len(requested) == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["delete"], "Pass the id or name of a flow run, or --query"),
        (["cancel", "calm-owl", "--query", "state:failed"], "not both"),
        (["retry", "--query", " "], "The query is empty"),
        (["cancel", "calm-owl", "-o", "json"], "--query only"),
        (["delete", "--query", "colour:red"], "colour"),
    ],
)
def test_unclear_choice_of_runs_is_refused(
    prefect: Prefect, home: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    assert run_command(["flow-run", *arguments]) != 0
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["-q", "stat:failed"], "Queries of flow runs have no field 'stat': did you mean state:?"),
        (["-q", "state:faild"], "No run has the state faild: did you mean state:failed?"),
        (["-q", "flow:etl", "--state", "Failed"], "--query replaces the other filters"),
    ],
)
def test_ls_with_a_wrong_query_reports_what_to_write(
    prefect: Prefect, home: Path, options: list[str], words: str
) -> None:
    prefect("flow-run", "ls", *options, code=1, error=words)


def test_flow_run_ls(prefect: Prefect, ids: dict[str, UUID]) -> None:
    assert table(prefect("flow-run", "ls")) == [
        [str(ids["failed"]), "report", "calm-owl", "TimedOut"],
        [str(ids["done"]), "etl", "brave-fox", "Completed", "5 minutes ago", "1m 2s"],
    ]
    for options, names in (
        (["--flow-name", "etl"], ["brave-fox"]),
        (["--flow-name", "etl", "--flow-name", "report", "--limit", "1"], ["calm-owl"]),
        (["--state", "completed"], ["brave-fox"]),
        (["--state", "TimedOut", "--state", "Running"], ["calm-owl"]),
        (["--state-type", "failed", "--state-type", "COMPLETED"], ["calm-owl", "brave-fox"]),
        (["--state-type", "RUNNING"], []),
    ):
        assert [row[2] for row in table(prefect("flow-run", "ls", *options))] == names
    assert [run["name"] for run in json.loads(prefect("flow-runs", "ls", "-o", "json"))] == ["calm-owl", "brave-fox"]


def test_ls_suggests_a_known_state(prefect: Prefect, ids: dict[str, UUID], home: Path) -> None:
    known = "No run has the state 'Runing'. Did you mean 'Running'?"
    prefect("flow-run", "ls", "--state", "Runing", code=1, error=known)
    prefect("task-run", "ls", "--state", "Runing", code=1, error=known)
    write(home, [{**state("flow_run", ids["done"], "COMPLETED", 90, "Approved"), "timestamp": now()}])
    assert len(table(prefect("flow-run", "ls", "--state", "Approved"))) == 1
    error = "No run has the state 'Aproved'. Did you mean 'Approved'?"
    prefect("flow-run", "ls", "--state", "Aproved", code=1, error=error)
    for unknown in ("Skipped", "Paused", "running"):
        assert table(prefect("flow-run", "ls", "--state", unknown)) == []


def test_runs_that_never_began_show_no_start(prefect: Prefect, home: Path) -> None:
    soon = {"scheduled_time": (now() + timedelta(hours=47)).isoformat()}
    past = {"scheduled_time": (now() - timedelta(hours=1)).isoformat()}
    runs = {name: flow_run(name=name, created=now()) for name in ("ahead", "late", "cancelled", "pending")}
    write(
        home,
        [
            flow(),
            *runs.values(),
            state("flow_run", runs["ahead"]["id"], "SCHEDULED", 0, details=soon),
            state("flow_run", runs["late"]["id"], "SCHEDULED", 0, "Late", details=past),
            state("flow_run", runs["cancelled"]["id"], "CANCELLED", 0),
            state("flow_run", runs["pending"]["id"], "PENDING", 0),
        ],
    )
    started = {row[2]: row[4:] for row in table(prefect("flow-run", "ls"))}
    assert started == {"ahead": ["in 2 days"], "late": [], "cancelled": [], "pending": []}
    shown = prefect("flow-run", "inspect", "cancelled")
    assert "Ended" in shown and "Started" not in shown and "Duration" not in shown


def test_ls_of_empty_store(prefect: Prefect, home: Path) -> None:
    for name in ("flow-run", "task-run", "flow", "artifact"):
        assert table(prefect(name, "ls")) == []
        assert json.loads(prefect(name, "ls", "-o", "json")) == []


def test_flow_run_inspect(prefect: Prefect, ids: dict[str, UUID]) -> None:
    shown = prefect("flow-run", "inspect", ids["done"])
    for text in ("brave-fox", "etl", "Completed", "1m 2s", "prod", "1 Completed, 1 Running", "Parameter x"):
        assert text in shown
    assert "Too slow" in prefect("flow-run", "inspect", "calm-owl")
    assert json.loads(prefect("flow-run", "inspect", "--id", ids["done"], "--output", "json"))["id"] == str(ids["done"])


def test_task_run_inspect(prefect: Prefect, ids: dict[str, UUID]) -> None:
    shown = prefect("task-run", "inspect", "store-1")
    for text in (f"brave-fox ({ids['done']})", "Running", f"rows from task run {ids['load']}", "add-1"):
        assert text in shown
    assert json.loads(prefect("task-run", "inspect", ids["load"], "-o", "json"))["state_name"] == "Completed"


def test_task_run_ls(prefect: Prefect, ids: dict[str, UUID]) -> None:
    rows = table(prefect("task-run", "ls"))
    assert [row[1:4] for row in rows] == [["brave-fox", "store-1", "Running"], ["brave-fox", "load-1", "Completed"]]
    assert [row[2] for row in table(prefect("task-run", "ls", "--task-run-name", "load-1"))] == ["load-1"]
    assert [row[2] for row in table(prefect("task-run", "ls", "--state-type", "running"))] == ["store-1"]


def test_logs_options(prefect: Prefect, ids: dict[str, UUID]) -> None:
    def messages(*args: object) -> list[str]:
        return [line.partition(" - ")[2] for line in prefect("flow-run", "logs", "brave-fox", *args).splitlines()]

    whole = [*(f"line {number}" for number in range(24)), "loaded"]
    assert messages() == whole
    assert messages("--reverse") == whole[::-1]
    assert messages("--head") == whole[:20]
    assert messages("-t") == whole[-20:]
    assert messages("-n", 3) == whole[:3]
    assert messages("-t", "-n", 2) == whole[-2:]
    assert messages("-t", "-n", 2, "-r") == whole[:-3:-1]
    assert messages("-h", "-n", 2, "-r") == whole[1::-1]
    assert "INFO    | Flow run 'brave-fox' - line 0" in prefect("flow-run", "logs", ids["done"])
    assert "WARNING | Task run 'load-1' - loaded" in prefect("flow-run", "logs", ids["done"])
    assert "WARNING | Task run 'load-1' - loaded" in prefect("task-run", "logs", "load-1")
    assert json.loads(prefect("task-run", "logs", "load-1", "-o", "json"))[0]["message"] == "loaded"
    prefect("flow-run", "logs", ids["done"], "-h", "-t", code=1, error="Use either --head or --tail.")


def test_logs_read_several_pages(prefect: Prefect, home: Path) -> None:
    run = flow_run()
    write(home, [run, *(log(run["id"], f"line {number}", number) for number in range(450))])
    assert len(prefect("flow-run", "logs", run["id"]).splitlines()) == 450
    assert len(prefect("flow-run", "logs", run["id"], "-n", "300").splitlines()) == 300


def test_flow_run_delete(prefect: Prefect, ids: dict[str, UUID]) -> None:
    assert prefect("flow-run", "delete", "brave-fox") == f"Deleted flow run 'brave-fox' ({ids['done']}).\n"
    prefect("flow-run", "inspect", ids["done"], code=1, error=f"There is no flow run '{ids['done']}'.")
    assert table(prefect("task-run", "ls")) == []


def test_unknown_run_suggests_similar_one(prefect: Prefect, ids: dict[str, UUID]) -> None:
    slip = str(ids["done"])[:-1] + "-"
    for args, error in (
        (("flow-run", "inspect", "brave-fx"), "There is no flow run 'brave-fx'. Did you mean 'brave-fox'?"),
        (("flow-run", "logs", "zebra"), "There is no flow run 'zebra'. `prefect flow-run ls` lists them."),
        (("flow-run", "delete", slip), f"There is no flow run '{slip}'. Did you mean '{ids['done']}'?"),
        (("task-run", "logs", "load"), "There is no task run 'load'. Did you mean 'load-1'?"),
        (
            ("task-run", "inspect", UUID(int=9)),
            f"There is no task run '{UUID(int=9)}'. `prefect task-run ls` lists them.",
        ),
    ):
        prefect(*args, code=1, error=error)


def test_inspect_fails_for_ambiguous_name(prefect: Prefect, home: Path) -> None:
    write(home, [flow_run(name="twin"), flow_run(name="twin")])
    prefect("flow-run", "inspect", "twin", code=1, error="2 flow runs are named 'twin': pass an id, for example ")


def test_flow_ls(prefect: Prefect, ids: dict[str, UUID]) -> None:
    assert [row[1] for row in table(prefect("flow", "ls"))] == ["report", "etl"]
    assert [row["name"] for row in json.loads(prefect("flows", "ls", "--limit", 1, "-o", "json"))] == ["report"]


def test_artifacts(prefect: Prefect, home: Path) -> None:
    made = [
        {"kind": "artifact", "id": new_id(), "key": key, "type": "markdown", "data": data, "created": now()}
        for key, data in (("note", "old"), ("note", "new"), (None, "loose"))
    ]
    write(home, made)
    assert [row[:2] for row in table(prefect("artifact", "ls"))] == [[str(made[1]["id"]), "note"]]
    assert len(table(prefect("artifact", "ls", "--all"))) == 3
    shown = prefect("artifact", "inspect", "note")
    assert shown.index("new") < shown.index("old")
    prefect("artifact", "inspect", "nope", code=1, error="There is no artifact with the key 'nope'.")
    prefect("artifact", "delete", code=1, error="Pass either a key or --id.")
    prefect("artifact", "delete", "--id", made[2]["id"])
    prefect("artifact", "delete", "note")
    assert table(prefect("artifact", "ls", "-a")) == []


def test_journal_status_and_ship(prefect: Prefect, home: Path) -> None:
    assert "nothing" in prefect("journal", "status")
    write(home, [flow_run()], [{"kind": "spell"}])
    assert "2 batches" in prefect("journal", "status")
    assert json.loads(prefect("journal", "status", "-o", "json"))["batches"] == 2
    assert run_command(["journal", "ship"]) == 0
    status = prefect("journal", "status")
    assert "1 records" in status
    assert "its kind is 'spell'" in status


def test_journal_ship_of_empty_outbox(prefect: Prefect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://localhost:4200/api")
    assert "Shipped 0 records to http://localhost:4200/api" in prefect("journal", "ship")


def test_damaged_store_error_is_one_line(prefect: Prefect, home: Path) -> None:
    home.mkdir()
    (home / "pluperfect.db").write_text("no database" * 500)
    prefect("flow-run", "ls", code=1, error=f"The local store '{home}/pluperfect.db' is damaged")


def test_command_in_a_process(ids: dict[str, UUID], home: Path) -> None:
    command = [sys.executable, "-c", "from prefect.cli import main; main()", "flow-run", "ls"]
    environment = {**os.environ, "PREFECT_HOME": str(home)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert (done.stderr, len(table(done.stdout))) == ("", 2)
