"""Applying the journal: each record counts once, in the order of its time, whichever process applies it."""

import random
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import timedelta
from itertools import permutations
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from prefect._io import drive
from prefect.journal import file, reader
from prefect.server import store
from prefect.server.db.sqlite.database import SqliteDatabase
from prefect.server.services.runs.ingestion import journal_ingestion as apply_module
from prefect.server.services.runs.ingestion.journal_ingestion import Applied, JournalUnreadable, apply_journal
from prefect.types import new_id
from tests.server.journal_records import FLOW_ID, at, flow, flow_run, log, state, task_run, whole_task, write


@pytest.fixture
def database(local_store: SqliteDatabase) -> SqliteDatabase:
    return local_store


def applied(database: SqliteDatabase, home: Path) -> Applied:
    return drive(apply_journal(database, home))


def row(database: SqliteDatabase, collection: store.Collection, id_: Any) -> store.Row:
    async def get() -> store.Row | None:
        async with database.reading() as tx:
            return await collection.get(tx, id_)

    found = drive(get())
    assert found is not None
    return found


def rows(database: SqliteDatabase, collection: store.Collection) -> list[store.Row]:
    async def find() -> list[store.Row]:
        async with database.reading() as tx:
            return await collection.find(tx, order=f"{collection.table.name}.{collection.table.key}")

    return drive(find())


def types(run: store.Row) -> list[str]:
    return [known["type"] for known in run["states"]]


def test_apply_journal_does_nothing_without_a_journal(database: SqliteDatabase, home: Path) -> None:
    assert applied(database, home) == Applied(0, 0)
    assert not home.exists()


def test_apply_journal_stores_runs_tasks_and_logs(database: SqliteDatabase, home: Path) -> None:
    run = flow_run(tags=["a", "b"], labels={"team": "x"}, empirical_policy={"retries": 2})
    task = list(whole_task(run["id"], seconds=1))
    write(
        home,
        [flow(), run, state("flow_run", run["id"], "PENDING", 0), state("flow_run", run["id"], "RUNNING", 0.5), *task],
        [log(run["id"], "hello", 2), state("flow_run", run["id"], "COMPLETED", 3, message="All done")],
    )
    assert applied(database, home) == Applied(10, 0)
    known = row(database, store.flow_runs, run["id"])
    assert (known["name"], known["parameters"], known["tags"]) == ("brave-fox", {"x": 1}, ["a", "b"])
    assert (known["labels"], known["empirical_policy"]) == ({"team": "x"}, {"retries": 2})
    assert types(known) == ["PENDING", "RUNNING", "COMPLETED"]
    assert (known["state_type"], known["state_name"], known["state_timestamp"]) == ("COMPLETED", "Completed", at(3))
    assert (known["start_time"], known["end_time"], known["run_count"]) == (at(0.5), at(3), 1)
    assert known["total_run_time"] == timedelta(seconds=2.5)
    assert known["expected_start_time"] == at(0)
    assert known["states"][-1]["message"] == "All done"
    task_known = row(database, store.task_runs, task[0]["id"])
    assert (task_known["state_type"], task_known["flow_run_id"]) == ("COMPLETED", run["id"])
    assert (task_known["total_run_time"], task_known["flow_run_run_count"]) == (timedelta(seconds=0.1), 1)
    assert [line["message"] for line in rows(database, store.logs)] == ["hello"]
    assert reader.measure_pending(home) == (0, 0)


def test_inline_result_is_stored_with_its_state(database: SqliteDatabase, home: Path) -> None:
    run = task_run(None)
    done = state("task_run", run["id"], "COMPLETED", 1, result={"format": "json", "body": [1, None]})
    write(home, [run, done])
    applied(database, home)
    kept = row(database, store.task_runs, run["id"])["result"]
    assert kept == {"state": str(done["id"]), "format": "json", "body": [1, None]}


def test_details_that_follow_from_the_run_are_not_stored(database: SqliteDatabase, home: Path) -> None:
    run = task_run(None)
    details = {"task_run_id": str(run["id"]), "flow_run_id": None, "cache_key": "k"}
    reference = {"type": "reference", "storage_key": "k"}
    write(home, [run, state("task_run", run["id"], "COMPLETED", 1, "Cached", details=details, data=reference)])
    applied(database, home)
    (kept,) = row(database, store.task_runs, run["id"])["states"]
    assert (kept["name"], kept["details"], kept["data"]) == ("Cached", {"cache_key": "k"}, reference)


def test_apply_is_idempotent(database: SqliteDatabase, home: Path) -> None:
    run = flow_run()
    lines = [flow(), run, state("flow_run", run["id"], "RUNNING", 0), *whole_task(run["id"]), log(run["id"], "once")]
    lines.append({"kind": "artifact", "id": new_id(), "key": "k", "type": "markdown", "data": "x", "created": at(0)})
    write(home, lines)
    applied(database, home)
    before = {c.table.name: rows(database, c) for c in (store.flow_runs, store.task_runs, store.logs, store.artifacts)}
    write(home, lines[::-1], lines)
    assert applied(database, home).dead_lettered == 0
    after = {c.table.name: rows(database, c) for c in (store.flow_runs, store.task_runs, store.logs, store.artifacts)}
    assert after == before


def test_order_of_states_does_not_matter(database: SqliteDatabase, home: Path) -> None:
    expected = None
    for order in permutations(range(4)):
        run = flow_run()
        states = [
            state("flow_run", run["id"], type_, seconds)
            for type_, seconds in (("PENDING", 0), ("RUNNING", 1), ("FAILED", 3), ("RUNNING", 4))
        ]
        # Each in a batch of its own: order must not matter across transactions either.
        write(home, [run], *([states[position]] for position in order))
        apply_once = SqliteDatabase(database.path)
        applied(apply_once, home)
        known = row(database, store.flow_runs, run["id"])
        derived = {name: known[name] for name in apply_module.run_states.NO_DERIVED_COLUMNS}
        expected = expected or derived
        assert derived == expected, order
        assert types(known) == ["PENDING", "RUNNING", "FAILED", "RUNNING"]
    assert expected is not None
    assert (expected["state_type"], expected["run_count"], expected["end_time"]) == ("RUNNING", 2, None)
    assert expected["total_run_time"] == timedelta(seconds=2)


def test_states_of_equal_time_keep_their_order(database: SqliteDatabase, home: Path) -> None:
    run = task_run(None)
    write(home, [run, *(state("task_run", run["id"], type_, 1) for type_ in ("PENDING", "RUNNING", "COMPLETED"))])
    applied(database, home)
    known = row(database, store.task_runs, run["id"])
    assert types(known) == ["PENDING", "RUNNING", "COMPLETED"]
    assert len({kept["timestamp"] for kept in known["states"]}) == 3


@pytest.mark.parametrize(("on_the_way", "attempts"), [((), 2), (("SCHEDULED", "PENDING"), 1)])
def test_resuming_does_not_count_as_an_attempt(
    database: SqliteDatabase, home: Path, on_the_way: tuple[str, ...], attempts: int
) -> None:
    run = flow_run()
    states = ["RUNNING", "PAUSED", *on_the_way, "RUNNING", "COMPLETED"]
    write(home, [run, *(state("flow_run", run["id"], type_, second) for second, type_ in enumerate(states))])
    applied(database, home)
    known = row(database, store.flow_runs, run["id"])
    assert (known["run_count"], known["total_run_time"]) == (attempts, timedelta(seconds=2))


def test_update_records_set_columns(database: SqliteDatabase, home: Path) -> None:
    run, artifact = flow_run(), {"kind": "artifact", "id": new_id(), "type": "progress", "data": 1.0, "created": at(0)}
    change: dict[str, Any] = {"kind": "update", "at": at(5)}
    write(
        home,
        [run, artifact],
        [
            {**change, "of": "flow_run", "id": run["id"], "set": {"name": "calm-owl", "tags": ["late"]}},
            {**change, "of": "artifact", "id": artifact["id"], "set": {"data": 50.0}},
            {**change, "of": "flow_run", "id": run["id"], "set": {"state_type": "COMPLETED"}},
        ],
    )
    assert applied(database, home).dead_lettered == 1
    known = row(database, store.flow_runs, run["id"])
    assert (known["name"], known["tags"], known["state_type"], known["updated"]) == ("calm-owl", ["late"], None, at(5))
    assert row(database, store.artifacts, artifact["id"])["data"] == 50.0


BAD: dict[str, tuple[Any, str]] = {
    "no JSON": (b'{"kind": "flow_run", "id"', "it is not JSON"),
    "a list": (b"[1, 2]", "its kind is None"),
    "unknown kind": ({"kind": "spell"}, "its kind is 'spell'"),
    "unreadable": ({"kind": "unreadable", "of": "log", "why": "x"}, "could not put it into JSON"),
    "bad id": ({**flow_run(), "id": "one"}, "its id is not a valid uuid: 'one'"),
    "no name": ({"kind": "flow", "id": FLOW_ID, "created": at(0)}, "it has no name"),
    "bad time": ({**flow_run(), "created": "yesterday"}, "its created is not a valid time"),
    "huge number": ({**log(None, "x"), "level": 2**63}, "its level is not a valid int"),
    "a text for a list": ({**flow_run(), "tags": "a"}, "its tags is not a valid array"),
    "about nothing": ({"kind": "update", "of": "moon", "id": str(new_id()), "set": {}}, "about 'moon'"),
    "no run": ({**state("flow_run", new_id(), "RUNNING", 0), "run_id": None}, "its run_id is not a valid uuid"),
}


@pytest.mark.parametrize("name", BAD)
def test_invalid_record_becomes_a_dead_letter(database: SqliteDatabase, home: Path, name: str) -> None:
    bad, reason = BAD[name]
    run = flow_run()
    write(home, [run, bad, state("flow_run", run["id"], "RUNNING", 0)])
    assert applied(database, home) == Applied(3, 1)
    (aside,) = rows(database, store.dead_letters)
    assert reason in aside["reason"]
    assert row(database, store.flow_runs, run["id"])["state_type"] == "RUNNING"


@pytest.mark.parametrize(
    "bad",
    [
        {"type": "DANCING"},
        {"timestamp": None},
        {"message": 3},
        {"details": {"scheduled_time": "soon"}},
        {"details": {"transition_id": 3}},
    ],
)
def test_invalid_state_becomes_a_dead_letter(database: SqliteDatabase, home: Path, bad: dict[str, Any]) -> None:
    run = flow_run()
    good = state("flow_run", run["id"], "RUNNING", 0)
    write(home, [run, {**state("flow_run", run["id"], "PENDING", 1), **bad}, good])
    assert applied(database, home) == Applied(3, 1)
    assert types(row(database, store.flow_runs, run["id"])) == ["RUNNING"]


def test_state_waits_for_its_run(database: SqliteDatabase, home: Path) -> None:
    run = flow_run()
    write(home, [state("flow_run", run["id"], "RUNNING", 1)], [state("flow_run", run["id"], "PENDING", 0)])
    assert applied(database, home).dead_lettered == 2
    write(home, [run, state("flow_run", run["id"], "COMPLETED", 2)])
    assert applied(database, home).dead_lettered == 0
    assert types(row(database, store.flow_runs, run["id"])) == ["PENDING", "RUNNING", "COMPLETED"]
    assert rows(database, store.dead_letters) == []


def test_progress_is_called_after_each_transaction(
    database: SqliteDatabase, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apply_module, "APPLY_BATCH_SIZE", 10)
    write(home, *([*whole_task(None), *whole_task(None)] for _ in range(20)))
    progress: list[tuple[int, int]] = []
    drive(apply_journal(database, home, lambda done, waiting: progress.append((done, waiting))))
    assert progress == [(64, 12), (128, 4), (160, 0)]


def test_batches_applied_by_a_dead_process_are_discarded(
    database: SqliteDatabase, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = flow_run()
    write(home, [run, state("flow_run", run["id"], "RUNNING", 0)])

    def die(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(reader, "discard", die)
        with pytest.raises(KeyboardInterrupt):
            applied(database, home)
    drop = f"DELETE FROM flow_run WHERE hex(id) = '{run['id'].hex.upper()}'"
    with closing(sqlite3.connect(database.path)) as connection:
        assert connection.execute(drop).rowcount == 1
        connection.commit()
    write(home, [log(None, "later")])
    assert applied(database, home) == Applied(1, 0)
    assert rows(database, store.flow_runs) == [], "what was applied is not applied again"


def test_new_journal_with_the_same_numbers_is_applied(database: SqliteDatabase, home: Path) -> None:
    write(home, [log(None, "one")], [log(None, "two")])
    applied(database, home)
    for path in home.glob("journal.db*"):
        path.unlink()
    write(home, [log(None, "three")], [log(None, "four")], [log(None, "five")])
    applied(database, home)
    assert {line["message"] for line in rows(database, store.logs)} == {"one", "two", "three", "four", "five"}


def test_failed_transaction_leaves_the_journal_unchanged(
    database: SqliteDatabase, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = flow_run()
    write(home, [run])

    async def fail(*_: Any) -> None:
        raise OSError("no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(store.task_runs, "add", fail)
        with pytest.raises(OSError, match="no space"):
            applied(database, home)
    assert reader.measure_pending(home)[0] == 1
    assert rows(database, store.flow_runs) == []
    applied(database, home)
    assert len(rows(database, store.flow_runs)) == 1


def test_damaged_journal_is_named_in_the_error(database: SqliteDatabase, home: Path) -> None:
    write(home, [log(None, "x")])
    path = file.path_in(home)
    for side in home.glob("journal.db-*"):
        side.unlink()
    path.write_bytes(b"\0" * 4096)
    with pytest.raises(JournalUnreadable, match=r"journal\.db"):
        applied(database, home)


def test_several_processes_apply_one_journal(database: SqliteDatabase, home: Path) -> None:
    runs = [flow_run() for _ in range(6)]
    lines = [
        line
        for run in runs
        for line in (
            run,
            state("flow_run", run["id"], "RUNNING", 0),
            *(x for _ in range(40) for x in whole_task(run["id"])),
        )
    ]
    shuffled = lines.copy()
    random.Random(7).shuffle(shuffled)
    write(home, *(lines[start : start + 30] for start in range(0, len(lines), 30)), shuffled)
    code = (
        "import sys; from pathlib import Path; from prefect._io import drive\n"
        "from prefect.server.db.sqlite.database import open_home\n"
        "from prefect.server.services.runs.ingestion import journal_ingestion\n"
        "journal_ingestion.APPLY_BATCH_SIZE = 50; home = Path(sys.argv[1]); sys.stdin.read()\n"
        "drive(journal_ingestion.apply_journal(open_home(home), home))"
    )
    command = [sys.executable, "-c", code, str(home)]
    started = [subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(4)]
    for process in started:
        assert process.stdin is not None
        process.stdin.close()
    for process in started:
        assert process.stderr is not None
        with process.stderr:
            assert (process.stderr.read(), process.wait()) == (b"", 0)
    assert reader.measure_pending(home)[0] == 0
    assert rows(database, store.dead_letters) == []
    tasks = rows(database, store.task_runs)
    assert len(tasks) == 240
    assert all(types(task) == ["PENDING", "RUNNING", "COMPLETED"] for task in tasks)
    assert {run["state_type"] for run in rows(database, store.flow_runs)} == {"RUNNING"}


async def test_apply_journal_under_an_event_loop(database: SqliteDatabase, home: Path) -> None:
    write(home, [flow_run()])
    assert await apply_journal(database, home) == Applied(1, 0)
    async with database.reading() as tx:
        assert await store.flow_runs.count(tx) == 1


def test_task_run_costs_few_rows_and_bytes(database: SqliteDatabase, home: Path) -> None:
    """The budget: at most 4 rows and 1.5 KB a task run, with room for its events."""
    run_id: UUID = new_id()
    write(home, [flow_run(run_id)], [line for _ in range(2000) for line in whole_task(run_id)])
    applied(database, home)
    with closing(sqlite3.connect(database.path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        size = connection.execute("SELECT sum(pgsize) FROM dbstat WHERE name LIKE '%task_run%'").fetchone()[0]
    assert size / 2000 < 700


def test_killed_process_loses_no_records(database: SqliteDatabase, home: Path) -> None:
    runs = [flow_run(name=f"run-{number}") for number in range(400)]
    write(home, *([run, state("flow_run", run["id"], "RUNNING", 0)] for run in runs))
    code = (
        "import sys; from pathlib import Path; from prefect._io import drive\n"
        "from prefect.server.db.sqlite.database import open_home\n"
        "from prefect.server.services.runs.ingestion import journal_ingestion\n"
        "journal_ingestion.APPLY_BATCH_SIZE = 20; home = Path(sys.argv[1])\n"
        "drive(journal_ingestion.apply_journal(open_home(home), home, lambda done, left: print(left, flush=True)))"
    )
    command = [sys.executable, "-c", code, str(home)]
    for _ in range(3):
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert int(process.stdout.readline()) > 0
            process.kill()
    applied(database, home)
    assert {run["name"] for run in rows(database, store.flow_runs)} == {run["name"] for run in runs}
    assert all(types(run) == ["RUNNING"] for run in rows(database, store.flow_runs))
    assert rows(database, store.dead_letters) == []
