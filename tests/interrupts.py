"""Interrupts of a program at each moment at which Python looks for them."""

from __future__ import annotations

import contextlib
import dis
import functools
import gc
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent


def traced(test: Callable[[], None]) -> Callable[[], None]:
    """Run a test in a process of its own.

    An exception that waits for a thread of another test (`PyThreadState_SetAsyncExc`) would keep traced code from going
    on for ever.
    """

    @functools.wraps(test)
    def run() -> None:
        code = f"import {test.__module__} as module; module.{test.__name__}.__wrapped__()"
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr

    reason = "the moments at which later versions of Python look for signals cannot be traced"
    return pytest.mark.skipif(sys.version_info >= (3, 12), reason=reason)(run)


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


def list_python_calls(action: Callable[[], object]) -> list[str]:
    """Return the names of the functions in Python that a function in C calls.

    In one that is called when an object ends, the exception of a signal is lost.
    """
    calls: list[str] = []

    def profile(frame: FrameType, event: str, arg: Any) -> None:
        if event == "call":
            calls.append(frame.f_code.co_qualname)

    previous = sys.getprofile()
    gc.disable()  # objects of others end in their own way
    sys.setprofile(profile)
    try:
        action()
    finally:
        sys.setprofile(previous)
        gc.enable()
    return calls
