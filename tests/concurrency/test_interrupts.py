"""A program that is interrupted while it takes or gives back slots: none stays taken, and nothing stays locked."""

from __future__ import annotations

import contextlib
import dis
import itertools
import sys
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest

from prefect.client.orchestration import get_client
from prefect.concurrency.sync import concurrency

STRIDE = 13
"""Every such moment is tried: all of them take half a minute, and neighbours are alike."""


class Interrupter:
    """A trace function that raises `KeyboardInterrupt` at one of the moments at which Python looks for signals.

    That is after a call of a function in C, at the beginning of one in Python, and at the end of a loop's body.

    Args:
        at: The number of the moment.
    """

    def __init__(self, at: int) -> None:
        self._at = at
        self._last: tuple[FrameType, str] | None = None
        self._codes: dict[CodeType, bytes] = {}
        self.moments = 0

    def __call__(self, frame: FrameType, event: str, arg: Any) -> Interrupter:
        if event == "call":
            frame.f_trace_opcodes, frame.f_trace_lines = True, False
        elif event == "opcode":
            code = self._codes.setdefault(frame.f_code, frame.f_code.co_code)
            last, self._last = self._last, (frame, dis.opname[code[frame.f_lasti]])
            if last is not None and last[0] is frame and last[1].startswith(("CALL", "RESUME", "JUMP_BACKWARD")):
                self.moments += 1
                if self.moments == self._at:
                    raise KeyboardInterrupt
        return self


@contextlib.contextmanager
def tracing(trace: Interrupter) -> Iterator[None]:
    previous = sys.gettrace()
    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(previous)


def is_interrupted(trace: Interrupter) -> bool:
    """Hold a slot for a moment and return whether that was interrupted."""
    try:
        with tracing(trace), concurrency("db"):
            pass
    except KeyboardInterrupt:
        return True
    return False


# A coroutine that is interrupted before its first step was never awaited.
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
def test_slots_are_free_when_taking_or_releasing_them_was_interrupted(home: Path) -> None:
    client = get_client(sync_client=True)
    client.upsert_global_concurrency_limit_by_name("db", 1)
    with concurrency("db"):
        pass
    for at in itertools.count(STRIDE, STRIDE):
        trace = Interrupter(at)
        interrupted = is_interrupted(trace)
        if trace.moments < at:
            break
        assert interrupted, at
        assert client.read_global_concurrency_limit_by_name("db").active_slots == 0, at
        with concurrency("db", timeout_seconds=0):
            pass
    assert at > 20 * STRIDE or sys.version_info >= (3, 12), at  # newer versions may trace less
