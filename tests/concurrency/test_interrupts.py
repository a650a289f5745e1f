"""An interrupt (Ctrl+C) at any moment of what a thread does with slots and records leaves no lock behind."""

import _weakrefset
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any, cast
from uuid import uuid4

import pytest

from prefect.client.transport import Transport
from prefect.concurrency.renewal import Renewal, _keeper
from prefect.concurrency.slots import HeldSlots
from prefect.journal.writer import Journal
from tests.recorded import records

TIMEOUT_SECONDS = 30.0

IGNORING = {_weakrefset.__file__}
"""Modules whose callbacks of the garbage collection Python does not let raise anything."""


def interrupt_everywhere(action: Callable[[], Any]) -> Iterator[int]:
    """Repeat an action, interrupted at each of its moments in turn."""
    moment = 0
    while interrupt_at(moment, action):
        yield moment
        moment += 1


def interrupt_at(moment: int, action: Callable[[], Any]) -> bool:
    """Carry out an action with an interrupt at its `moment`th call or return; return whether it had so many."""
    left = moment

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal left
        if event in ("call", "return") and frame.f_code.co_filename not in IGNORING:
            left -= 1
            if left == -1:
                raise KeyboardInterrupt
        return trace

    former = sys.gettrace()
    try:
        sys.settrace(trace)
        action()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(former)
    return False


def test_interrupted_renewals_leave_their_lock_free() -> None:
    def hold() -> None:
        renewal.start()
        renewal.stop()

    held = HeldSlots(uuid4(), [], 1, 3600.0, cast(Transport, None), 0)
    renewal, lasting = Renewal(held, False, lambda: None), Renewal(held, False, lambda: None)
    lasting.start()  # so that the thread runs
    try:
        count = 0
        for _ in interrupt_everywhere(hold):
            count += 1
            assert _keeper._lock.acquire(timeout=TIMEOUT_SECONDS)
            _keeper._lock.release()
        assert count > 5
    finally:
        _keeper._renewals.clear()


def test_interrupted_journal_goes_on(home: Path) -> None:
    def record() -> None:
        mine.append({"kind": "log", "n": 0})
        mine.flush(TIMEOUT_SECONDS)

    mine = Journal(home)
    record()
    moments = list(interrupt_everywhere(record))
    assert len(moments) > 5
    mine.append({"kind": "log", "n": 1})
    assert mine.flush(TIMEOUT_SECONDS)
    mine.close()
    assert [each["n"] for each in records(home) if each["kind"] == "log"][-1] == 1


def test_records_are_written_when_the_thread_was_interrupted_before_it_started(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(self: threading.Thread) -> None:
        raise KeyboardInterrupt

    mine = Journal(home)
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(threading.Thread, "start", interrupt)
        mine.append({"kind": "log", "n": 1})
    mine.close()
    assert [each["n"] for each in records(home) if each["kind"] == "log"] == [1]
