"""Wakeups between processes: pipes beside the store."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from prefect import _processes
from prefect.server import wakeups

SECONDS = 60.0


@pytest.fixture
def pipe(tmp_path: Path) -> Iterator[wakeups.WakeupPipe]:
    pipe = wakeups.open_pipe(tmp_path / "store.db")
    assert pipe is not None
    yield pipe
    pipe.close()
    assert not list((tmp_path / wakeups.DIRECTORY_NAME).iterdir())


def own_process() -> dict[str, object]:
    return {"pid": os.getpid(), "host": _processes.host()}


def test_pipe_receives_topics(pipe: wakeups.WakeupPipe, tmp_path: Path) -> None:
    for topic in ("slots:1", "slots:2"):
        wakeups.send_wakeup(tmp_path / "store.db", own_process(), topic)
    assert pipe.wait(SECONDS) == ["slots:1", "slots:2"]
    assert pipe.wait(0) == []


def test_full_pipe_does_not_block_the_sender(pipe: wakeups.WakeupPipe, tmp_path: Path) -> None:
    for _ in range(30):
        wakeups.send_wakeup(tmp_path / "store.db", own_process(), "x" * 4000)
    pipe.interrupt()
    assert pipe.wait(SECONDS)


def test_wakeup_for_a_process_that_does_not_wait_is_dropped(tmp_path: Path) -> None:
    wakeups.send_wakeup(tmp_path / "store.db", own_process(), "slots:1")


def test_pipe_of_a_killed_process_is_removed(tmp_path: Path) -> None:
    directory = tmp_path / wakeups.DIRECTORY_NAME
    directory.mkdir()
    os.mkfifo(directory / "host.1")
    os.mkfifo(directory / f"{_processes.host()}.2")
    wakeups.send_wakeup(tmp_path / "store.db", {"pid": 2, "host": _processes.host()}, "slots:1")
    assert [path.name for path in directory.iterdir()] == ["host.1"]
    pipe = wakeups.open_pipe(tmp_path / "store.db")
    assert pipe is not None
    assert len(list(directory.iterdir())) == 1
    pipe.close()


def test_directory_that_cannot_be_made_means_no_pipe(tmp_path: Path) -> None:
    (tmp_path / wakeups.DIRECTORY_NAME).write_text("")
    assert wakeups.open_pipe(tmp_path / "store.db") is None
