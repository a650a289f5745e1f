"""SIGTERM during a run: raised as an exception where the run is, so that it is recorded before the process ends."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, NoReturn

from prefect import journal
from prefect.exceptions import TerminationSignal

_watching = False


@contextmanager
def watched() -> Generator[None]:
    """Turn SIGTERM into `TerminationSignal` inside the block; afterwards the process ends as the signal meant it to.

    Only in the main thread, only in the outermost block, and only where the program has no handler of its own.
    """
    global _watching
    if _watching or threading.current_thread() is not threading.main_thread():
        yield
        return
    if signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, _raise)
    _watching = True
    try:
        yield
    except TerminationSignal:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        journal.flush(timeout=10)
        os.kill(os.getpid(), signal.SIGTERM)
        raise  # not reached where the signal ends the process
    finally:
        _watching = False
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _raise(number: int, frame: Any) -> NoReturn:
    raise TerminationSignal(signal=number)
