"""An unusable or full PREFECT_HOME: one warning, and the run continues with the correct result."""

import os
import sqlite3
import textwrap
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from prefect import flow, task, types
from prefect.client.orchestration import get_client
from prefect.exceptions import PrefectException
from prefect.journal import file
from prefect.settings import PREFECT_HOME, temporary_settings
from tests.recorded import records, run

PROGRAM = """
@task
def double(number):
    return number * 2

@flow(log_prints=True)
def program():
    print("printed in the flow")
    return sum(double.map(range(10)).result()) + double(5)

print(program())
"""


def read_warning(err: str) -> str:
    """Return the only line of stderr."""
    (line,) = err.splitlines()
    return line


def run_program(**variables: str) -> str:
    status, out, err = run(PROGRAM, **variables)
    assert status == 0, err
    assert out == "100\n"
    return err


def test_home_is_a_file(home: Path):
    home.write_text("")
    assert str(home) in read_warning(run_program())


def test_home_is_below_a_file(home: Path):
    home.write_text("")
    assert str(home) in read_warning(run_program(PREFECT_HOME=str(home / "below" / "it")))


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs a directory that nobody can write to")
def test_home_is_not_writable(home: Path):
    assert "/proc/self" in read_warning(run_program(PREFECT_HOME="/proc/self/prefect"))


def test_journal_is_a_directory(home: Path):
    (home / "journal.db").mkdir(parents=True)
    assert str(home) in read_warning(run_program())


def test_full_disk(home: Path):
    """A file size limit simulates the full disk."""
    limit = """
    import resource, signal
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))
    """
    status, out, err = run(textwrap.dedent(limit) + PROGRAM)
    assert (status, out) == (0, "100\n"), err
    assert "Runs cannot be recorded" in read_warning(err)
    assert run_program() == "", "afterwards the journal is used as before"
    assert len(records(home, "flow_run")) == 1


def test_journal_of_a_newer_version(home: Path):
    home.mkdir()
    connection = sqlite3.connect(file.path_in(home))
    connection.execute("PRAGMA user_version = 7")
    connection.close()
    line = read_warning(run_program())
    assert "format 7" in line
    assert "upgrade" in line


@pytest.mark.parametrize("size", [0, 100, 4096, 6000])
def test_truncated_journal(home: Path, size: int):
    assert run_program() == ""
    path = file.path_in(home)
    os.truncate(path, size)
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    err = run_program()
    assert "damaged" in err or size == 0
    assert len(err.splitlines()) <= 1
    assert [record["name"] for record in records(home, "state") if record["of"] == "flow_run"][-1] == "Completed"
    with get_client(sync_client=True) as client:
        assert len(client.read_flow_runs()) == 1


@pytest.mark.parametrize("size", [0, 100, 4096, 20_000])
def test_truncated_store(home: Path, size: int):
    assert run_program() == ""
    with get_client(sync_client=True) as client:
        assert len(client.read_flow_runs()) == 1
    store = home / "pluperfect.db"
    os.truncate(store, size)
    for suffix in ("-wal", "-shm"):
        store.with_name(store.name + suffix).unlink(missing_ok=True)
    assert run_program() == "", "recording does not need the store"
    try:
        with get_client(sync_client=True) as client:
            found: Any = client.read_flow_runs()
    except PrefectException as error:
        assert str(store) in str(error), "it says which file is damaged"
    else:
        assert len(found) >= 1, "what is in the journal is there"


def test_clock_that_runs_backwards(home: Path, monkeypatch: pytest.MonkeyPatch):
    class Back(datetime):
        """Return a time an hour before the previous one."""

        looks = 0

        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            cls.looks += 1
            return datetime(2026, 3, 1, tzinfo=tz) - timedelta(hours=cls.looks)

    monkeypatch.setattr(types, "datetime", Back)

    @task
    def step() -> int:
        return 1

    @flow
    def program() -> int:
        return step() + step.submit().result()

    assert program() == 2
    assert [r["name"] for r in records(home, "state") if r["of"] == "flow_run"] == ["Pending", "Running", "Completed"]
    with get_client(sync_client=True) as client:
        (shown,) = client.read_flow_runs()
        steps = client.read_task_runs()
    assert shown.total_run_time.total_seconds() >= 0
    assert [step_.total_run_time.total_seconds() >= 0 for step_ in steps] == [True, True]


def test_home_changes_during_a_flow(home: Path, tmp_path: Path):
    @flow
    def inner() -> int:
        return 1

    @flow
    def program() -> int:
        with temporary_settings({PREFECT_HOME: tmp_path / "other"}):
            return inner()

    assert program() == 1
    every = [record for place in (home, tmp_path / "other") for record in records(place, "state")]
    assert [record["name"] for record in every if record["of"] == "flow_run"].count("Completed") == 2
