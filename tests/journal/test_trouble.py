"""A journal file that is full, locked, damaged or of a newer format: one warning, and records are kept if possible."""

import errno
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from prefect import journal
from prefect.journal import file, reader, writer
from tests.recorded import records


def log(number: int) -> None:
    journal.append({"kind": "log", "n": number})


def numbers(home: Path) -> list[int]:
    return [record["n"] for record in records(home, "log")]


def warnings(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [line for line in capsys.readouterr().err.splitlines() if line.startswith("prefect: ")]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "RETRY_INTERVAL_SECONDS", 0.01)


class FailingConnect:
    """A replacement of `file.connect` that raises until `error` is None."""

    def __init__(self, error: Exception) -> None:
        self.error: Exception | None = error
        self._connect = file.connect

    def __call__(self, path: Path, timeout: float = 5.0) -> sqlite3.Connection:
        if self.error is not None:
            raise self.error
        return self._connect(path, timeout)


@pytest.mark.parametrize(
    "error",
    [
        sqlite3.OperationalError("database or disk is full"),
        sqlite3.OperationalError("attempt to write a readonly database"),
        OSError(errno.ENOSPC, "No space left on device"),
        sqlite3.OperationalError("disk I/O error"),
    ],
)
def test_records_are_written_when_the_file_works_again(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception
):
    connect = FailingConnect(error)
    monkeypatch.setattr(file, "connect", connect)
    mine = journal.use(home)
    log(1)
    assert mine.flush(timeout=10)
    log(2)
    assert mine.flush(timeout=10)
    (warning,) = warnings(capsys)
    assert "Runs cannot be recorded" in warning
    assert str(error) in warning
    connect.error = None
    log(3)
    mine.close()
    assert numbers(home) == [1, 2, 3]
    assert warnings(capsys) == []


def test_held_records_are_limited_to_the_newest(home: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(file, "connect", connect := FailingConnect(sqlite3.OperationalError("disk is full")))
    monkeypatch.setattr(writer, "MAX_HELD_BYTES", 1000)
    mine = journal.use(home)
    for number in range(100):
        log(number)
        mine.flush(timeout=10)
    assert mine._sink._held_bytes <= 1000
    connect.error = None
    mine.close()
    kept = numbers(home)
    assert 0 < len(kept) < 100
    assert kept == list(range(100 - len(kept), 100)), "the newest are kept"


def test_locked_file_is_retried_without_a_warning(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    connect = FailingConnect(sqlite3.OperationalError("database is locked"))
    monkeypatch.setattr(file, "connect", connect)

    def unlock(_: float) -> None:
        connect.error = None

    mine = journal.use(home)
    log(1)
    mine.flush(timeout=10)
    monkeypatch.setattr(writer.time, "sleep", unlock)
    mine.close()
    monkeypatch.undo()
    assert [r["n"] for _, batch in reader.read(home) for r in batch if r["kind"] == "log"] == [1]
    assert warnings(capsys) == []


def test_close_warns_of_lost_records_when_the_file_stays_locked(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(file, "connect", FailingConnect(sqlite3.OperationalError("database is locked")))
    monkeypatch.setattr(writer, "CLOSE_TIMEOUT_SECONDS", 0.05)
    mine = journal.use(home)
    log(1)
    mine.close()
    (warning,) = warnings(capsys)
    assert "lost" in warning


def test_newer_format_is_not_modified(home: Path, capsys: pytest.CaptureFixture[str]):
    home.mkdir()
    connection = sqlite3.connect(file.path_in(home))
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    before = file.path_in(home).read_bytes()
    mine = journal.use(home)
    log(1)
    mine.flush(timeout=10)
    log(2)
    mine.close()
    (warning,) = warnings(capsys)
    assert "format 99" in warning
    assert "upgrade" in warning
    assert file.path_in(home).read_bytes() == before
    with pytest.raises(file.JournalVersionError):
        list(reader.read(home))


def damage(home: Path, how: str) -> None:
    """Damage the closed journal file of `home`."""
    path = file.path_in(home)
    content = path.read_bytes()
    if how == "garbage":
        path.write_bytes(b"this is no database" * 1000)
    elif how == "truncated":
        path.write_bytes(content[: len(content) // 3 // 4096 * 4096])
    elif how == "cut in a page":
        path.write_bytes(content[:5000])
    elif how == "emptied":
        path.write_bytes(b"")


@pytest.mark.parametrize("how", ["garbage", "truncated", "cut in a page", "emptied"])
def test_damaged_file_is_moved(home: Path, capsys: pytest.CaptureFixture[str], how: str):
    journal.use(home)
    for number in range(50):
        journal.append({"kind": "old", "n": number, "message": "x" * 1000})
    journal.close()
    damage(home, how)
    capsys.readouterr()
    journal.use(home)
    log(1)
    journal.close()
    assert numbers(home) == [1]
    if how != "emptied":
        (warning,) = warnings(capsys)
        assert "damaged" in warning
        assert list(home.glob("journal.db.damaged-*"))


def test_replaced_file_is_not_moved(home: Path, capsys: pytest.CaptureFixture[str]):
    journal.use(home)
    log(1)
    journal.close()
    sink = writer._Sink(home)
    sink._opened = -1  # the file that was damaged was another one
    sink._move_damaged_file(sqlite3.DatabaseError("malformed"))
    assert numbers(home) == [1]
    assert warnings(capsys) == []


def test_home_that_is_a_file_warns_and_is_not_modified(home: Path, capsys: pytest.CaptureFixture[str]):
    home.write_text("not a directory")
    mine: Any = journal.use(home)
    log(1)
    mine.flush(timeout=10)
    mine.close()
    (warning,) = warnings(capsys)
    assert str(home) in warning
    assert home.read_text() == "not a directory"
