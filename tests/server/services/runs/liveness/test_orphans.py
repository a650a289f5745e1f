"""Runs whose process is gone are crashed; those of living processes, other hosts and finished runs are left alone."""

import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from prefect import _processes
from prefect._io import drive
from prefect.client.orchestration import get_client
from prefect.server import store
from prefect.server.db.sqlite.database import SqliteDatabase
from prefect.server.services.runs.ingestion.journal_ingestion import apply_journal
from prefect.server.services.runs.liveness import orphans
from prefect.server.services.runs.liveness.orphans import crash_orphans
from prefect.types import new_id
from tests.server.journal_records import at, flow_run, log, state, task_run, write
from tests.server.services.runs.ingestion.test_journal_ingestion import row, types

GONE = 2**22 + 1
"""A pid above what Linux gives."""


@pytest.fixture
def database(local_store: SqliteDatabase) -> SqliteDatabase:
    return local_store


def process(id_: UUID, pid: int = GONE, host: str | None = None, start: str | None = None) -> dict[str, Any]:
    start = start or f"1@{(_processes.start_mark() or '').partition('@')[2]}"
    return {
        "kind": "process",
        "id": id_,
        "pid": pid,
        "host": host or _processes.host(),
        "start": start,
        "created": at(0),
    }


def look(database: SqliteDatabase, home: Path) -> int:
    async def go() -> int:
        await apply_journal(database, home)
        return await crash_orphans(database, home)

    return drive(go())


def test_unfinished_runs_of_an_ended_process_crash(database: SqliteDatabase, home: Path) -> None:
    owner = new_id()
    run = flow_run(owner=owner)
    ended, open_ = task_run(run["id"], owner=owner), task_run(run["id"], owner=owner)
    write(
        home,
        [process(owner), run, ended, open_],
        [state("flow_run", run["id"], "RUNNING", 0), state("task_run", open_["id"], "RUNNING", 1)],
        [state("task_run", ended["id"], "COMPLETED", 2), log(run["id"], "last words", 30)],
    )
    assert look(database, home) == 2
    known = row(database, store.flow_runs, run["id"])
    assert types(known) == ["RUNNING", "CRASHED"]
    assert f"pid {GONE}" in known["states"][-1]["message"]
    assert "last activity was at 2026-03-01 12:00:30" in known["states"][-1]["message"]
    assert known["end_time"] == at(30) + timedelta(microseconds=1), "it ended at its last activity, not now"
    assert known["total_run_time"] == timedelta(seconds=30, microseconds=1)
    assert types(row(database, store.task_runs, open_["id"])) == ["RUNNING", "CRASHED"]
    assert types(row(database, store.task_runs, ended["id"])) == ["COMPLETED"]
    assert look(database, home) == 0, "only once"


def test_runs_of_a_living_process_are_left_alone(database: SqliteDatabase, home: Path) -> None:
    owner = new_id()
    run = flow_run(owner=owner)
    write(
        home,
        [process(owner, os.getpid(), start=_processes.start_mark()), run, state("flow_run", run["id"], "RUNNING", 0)],
    )
    assert look(database, home) == 0


def test_reused_pid_is_another_process(database: SqliteDatabase, home: Path) -> None:
    owner = new_id()
    run = flow_run(owner=owner)
    write(home, [process(owner, os.getpid()), run, state("flow_run", run["id"], "RUNNING", 0)])
    assert look(database, home) == 1


def test_runs_of_another_host_are_left_alone(database: SqliteDatabase, home: Path) -> None:
    owner = new_id()
    run = flow_run(owner=owner)
    write(home, [process(owner, host="elsewhere"), run, state("flow_run", run["id"], "RUNNING", 0)])
    assert look(database, home) == 0


@pytest.mark.parametrize(
    ("type_", "name"), [("PAUSED", "Suspended"), ("CANCELLED", "Cancelled"), ("CRASHED", "Crashed")]
)
def test_runs_that_need_no_process_are_left_alone(database: SqliteDatabase, home: Path, type_: str, name: str) -> None:
    owner = new_id()
    run = flow_run(owner=owner)
    write(home, [process(owner), run, state("flow_run", run["id"], type_, 0, name)])
    assert look(database, home) == 0


def test_runs_without_an_owner_are_left_alone(database: SqliteDatabase, home: Path) -> None:
    run, unknown = flow_run(), flow_run(owner=new_id())
    write(
        home,
        [run, unknown, state("flow_run", run["id"], "SCHEDULED", 0), state("flow_run", unknown["id"], "RUNNING", 0)],
    )
    assert look(database, home) == 0


def test_records_written_before_the_end_are_applied_first(
    database: SqliteDatabase, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may finish and end between the journal being applied and its pid being looked at."""
    owner = new_id()
    run = flow_run(owner=owner)
    write(home, [process(owner), run, state("flow_run", run["id"], "RUNNING", 0)])

    def finishes_now(*_: Any) -> bool:
        write(home, [state("flow_run", run["id"], "COMPLETED", 5)])
        return False

    monkeypatch.setattr(orphans._processes, "is_alive", finishes_now)
    assert look(database, home) == 0
    assert types(row(database, store.flow_runs, run["id"])) == ["RUNNING", "COMPLETED"]


def test_runs_of_a_killed_process_crash(home: Path) -> None:
    """The whole way: a real flow, a real kill, and what the next reader sees."""
    program = (
        "import os, signal; from prefect import flow, task, journal\n"
        "@task\n"
        "def step(): journal.flush(); os.kill(os.getpid(), signal.SIGKILL)\n"
        "@flow\n"
        "def doomed(): step()\n"
        "doomed()"
    )
    done = subprocess.run([sys.executable, "-c", program], env={**os.environ, "PREFECT_HOME": str(home)}, check=False)
    assert done.returncode == -signal.SIGKILL
    client = get_client(sync_client=True)
    for run in (*client.read_flow_runs(), *client.read_task_runs()):
        assert run.state is not None
        assert run.state.is_crashed()
        assert "ended without recording an outcome" in (run.state.message or "")
    assert len(client.read_task_runs()) == 1


def test_task_runs_that_never_began_are_final_with_their_flow_run(database: SqliteDatabase, home: Path) -> None:
    owner = new_id()
    run = flow_run(owner=owner)
    waiting, retrying = task_run(run["id"], owner=owner), task_run(run["id"], owner=owner)
    write(
        home,
        [process(owner), run, waiting, retrying],
        [
            state("task_run", waiting["id"], "PENDING", 1),
            state("task_run", retrying["id"], "SCHEDULED", 1, name="AwaitingRetry"),
            state("flow_run", run["id"], "COMPLETED", 2),
        ],
    )
    assert look(database, home) == 0
    for task in (waiting, retrying):
        known = row(database, store.task_runs, task["id"])
        assert types(known) in (["PENDING"], ["SCHEDULED"])
        assert (known["start_time"], known["owner"]) == (None, None), "no later look finds it again"


def test_only_runs_that_are_not_ready_outlive_a_flow_run_that_crashes(database: SqliteDatabase, home: Path) -> None:
    owner = new_id()
    run = flow_run(owner=owner)
    not_ready, waiting = task_run(run["id"], owner=owner), task_run(run["id"], owner=owner)
    write(
        home,
        [process(owner), run, not_ready, waiting],
        [
            state("flow_run", run["id"], "RUNNING", 0),
            state("task_run", not_ready["id"], "PENDING", 1, name="NotReady"),
            state("task_run", waiting["id"], "PENDING", 1),
        ],
    )
    assert look(database, home) == 2
    assert types(row(database, store.task_runs, not_ready["id"])) == ["PENDING"]
    assert types(row(database, store.task_runs, waiting["id"])) == ["PENDING", "CRASHED"]


def test_flow_run_that_is_not_ready_is_no_orphan(database: SqliteDatabase, home: Path) -> None:
    owner = new_id()
    run = flow_run(owner=owner)
    write(home, [process(owner), run], [state("flow_run", run["id"], "PENDING", 1, name="NotReady")])
    assert look(database, home) == 0
    assert types(row(database, store.flow_runs, run["id"])) == ["PENDING"]
