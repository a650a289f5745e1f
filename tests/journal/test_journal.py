"""The journal: batches, concurrent threads, forks, and records that are not valid JSON."""

import os
import threading
from pathlib import Path
from typing import Any

import pytest

from prefect import journal
from prefect.journal import file, reader
from prefect.journal.writer import Journal
from prefect.types import new_id, now
from tests.recorded import records


def test_appended_record_is_read(home: Path):
    id_ = new_id()
    mine = journal.use(home)
    journal.append({"kind": "log", "id": id_, "timestamp": now()})
    process, log = records(home)
    assert process["kind"] == "process"
    assert (process["id"], process["pid"]) == (str(mine.owner), os.getpid())
    assert log["id"] == str(id_)
    assert log["timestamp"].endswith("Z")


def test_append_records_nothing_without_a_journal(home: Path):
    journal.append({"kind": "log"})
    assert journal.flush()
    assert journal.current() is None
    assert not home.exists()


def test_use_of_another_home_flushes_the_first(home: Path, tmp_path: Path):
    first = journal.use(home)
    journal.append({"kind": "log", "n": 1})
    journal.use(tmp_path / "other")
    assert [record["n"] for _, batch in reader.read(home) for record in batch if record["kind"] == "log"] == [1]
    first.append({"kind": "log", "n": 2})  # a run that started with it continues
    assert first.flush()
    assert [record["n"] for _, batch in reader.read(home) for record in batch if record["kind"] == "log"] == [1, 2]
    first.close()


def test_append_after_close_is_not_lost(home: Path):
    mine = Journal(home)
    mine.append({"kind": "log", "n": 1})
    mine.close()
    mine.append({"kind": "log", "n": 2})
    mine.close()
    assert [record["n"] for record in records(home, "log")] == [1, 2]


def test_concurrent_append_and_close_lose_no_records(home: Path):
    mine = Journal(home)
    start = threading.Barrier(5)

    def append(first: int) -> None:
        start.wait()
        for number in range(first, first + 500):
            mine.append({"kind": "log", "n": number})

    threads = [threading.Thread(target=append, args=(index * 500,)) for index in range(4)]
    for thread in threads:
        thread.start()
    start.wait()
    while any(thread.is_alive() for thread in threads):
        mine.close()
    mine.close()
    assert sorted(record["n"] for record in records(home, "log")) == list(range(2000))


def test_batch_holds_many_records(home: Path):
    journal.use(home)
    for number in range(100):
        journal.append({"kind": "log", "n": number})
    records(home)
    assert reader.measure_pending(home)[0] == 1


def test_big_records_are_split_into_batches(home: Path):
    journal.use(home)
    for _ in range(5):
        journal.append({"kind": "log", "message": "x" * (1 << 20)})
    records(home)
    assert reader.measure_pending(home)[0] >= 5


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (2**64, 2**64),
        (-(2**64), -(2**64)),
        ("\ud800x", "\ud800x"),
        ({"a": {"b": 2**70}}, {"a": {"b": 2**70}}),
        ([1, "\udfff"], [1, "\udfff"]),
        ({1: 2}, {"1": 2}),
        (float("nan"), None),
        ({5}, "{5}"),
    ],
)
def test_append_replaces_values_that_are_not_json(home: Path, value: Any, kept: Any):
    journal.use(home)
    journal.append({"kind": "flow_run", "name": "brave-fox", "parameters": {"x": value, "y": 1}})
    (record,) = records(home, "flow_run")
    assert record == {"kind": "flow_run", "name": "brave-fox", "parameters": {"x": kept, "y": 1}}


def test_append_replaces_lone_surrogates_of_texts(home: Path):
    journal.use(home)
    journal.append({"kind": "flow_run", "name": "x\ud800", "tags": ["\udfff"], "parameters": {"x": "\ud800"}})
    (record,) = records(home, "flow_run")
    assert record == {"kind": "flow_run", "name": "x\\ud800", "tags": ["\\udfff"], "parameters": {"x": "\ud800"}}


def test_append_keeps_the_record_of_a_circular_value(home: Path):
    circle: dict[str, Any] = {}
    circle["again"] = circle
    journal.use(home)
    journal.append({"kind": "flow_run", "name": "brave-fox", "parameters": circle})
    (record,) = records(home, "flow_run")
    assert record["name"] == "brave-fox"


class Unprintable:
    def __str__(self) -> str:
        raise ValueError("no")


def test_append_replaces_a_value_whose_text_raises(home: Path):
    journal.use(home)
    journal.append({"kind": "log", "message": Unprintable(), "n": 1})
    (record,) = records(home, "log")
    assert record == {"kind": "log", "message": "<Unprintable>", "n": 1}


def test_read_continues_after_a_sequence_number_and_discard_keeps_the_rest(home: Path):
    mine = journal.use(home)
    for number in range(3):
        journal.append({"kind": "log", "n": number})
        mine.flush()
    seqs = [seq for seq, _ in reader.read(home)]
    assert len(seqs) == 3
    assert [seq for seq, _ in reader.read(home, after=seqs[0], limit=1)] == [seqs[1]]
    reader.discard(home, seqs[1])
    assert [seq for seq, _ in reader.read(home)] == [seqs[2]]
    journal.append({"kind": "log"})
    mine.flush()
    reader.discard(home, seqs[2] + 1)
    journal.append({"kind": "log"})
    mine.flush()
    assert [seq for seq, _ in reader.read(home)] == [seqs[2] + 2], "sequence numbers are never reused"


def test_read_keeps_other_records_of_a_damaged_batch(home: Path):
    home.mkdir()
    connection = file.connect(file.path_in(home))
    connection.execute("INSERT INTO batch (body) VALUES (?)", (b'{"kind":"log"}\n{"ki\n{"kind":"flow"}',))
    connection.close()
    ((_, batch),) = reader.read(home)
    assert [record["kind"] for record in batch] == ["log", "damaged", "flow"]


def test_read_returns_nothing_without_a_journal_file(home: Path):
    assert list(reader.read(home)) == []
    assert reader.measure_pending(home) == (0, 0)
    assert not home.exists()


def _in_child(child: Any) -> int:
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            status = child() or 0
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_forked_child_has_its_own_journal(home: Path):
    mine = journal.use(home)
    journal.append({"kind": "log", "n": "parent"})

    def child() -> None:
        mine.append({"kind": "log", "n": "the parent's run, in the child"})
        journal.append({"kind": "log", "n": "child"})
        journal.flush()

    assert _in_child(child) == 0
    journal.append({"kind": "log", "n": "parent again"})
    assert sorted(record["n"] for record in records(home, "log")) == ["child", "parent", "parent again"]
    assert len({record["pid"] for record in records(home, "process")}) == 2


def test_forked_child_can_record_at_any_time(home: Path):
    """The fork may happen during an import or a transaction of the writing thread."""
    for number in range(10):
        journal.close()
        journal.use(home)
        journal.append({"kind": "log", "n": number})

        def child() -> int:
            journal.append({"kind": "log", "n": "child"})
            return 0 if journal.flush(timeout=10) else 2

        assert _in_child(child) == 0
    found = [record["n"] for record in records(home, "log")]
    assert found.count("child") == 10
    assert [n for n in found if n != "child"] == list(range(10))
