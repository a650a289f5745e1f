"""SIGTERM during a run: raised as an exception in the run, so that the run is recorded before the process ends."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, NoReturn

from prefect import journal
from prefect.exceptions import TerminationSignal

_open_blocks = 0
_signalled = False


@contextmanager
def raise_on_sigterm() -> Generator[None]:
    """Raise `TerminationSignal` on SIGTERM inside the block; afterwards the signal ends the process.

    This works only in the main thread, and only if the program has not set a handler. Blocks may overlap when an
    event loop runs several flows: the handler is restored when the last one ends.
    """
    global _open_blocks, _signalled
    if threading.current_thread() is not threading.main_thread() or not (_open_blocks or _has_default_handler()):
        yield
        return
    if not _open_blocks:
        _signalled = False
        signal.signal(signal.SIGTERM, _raise_termination)
    _open_blocks += 1
    interrupted = False
    try:
        yield
    except BaseException as error:
        # The other tasks of an event loop are cancelled.
        interrupted = not isinstance(error, Exception) or isinstance(error, TerminationSignal)
        raise
    finally:
        _open_blocks -= 1
        if not _open_blocks:
            _restore_handler(interrupted)


def _has_default_handler() -> bool:
    return signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def _restore_handler(interrupted: bool) -> None:
    if signal.getsignal(signal.SIGTERM) is not _raise_termination:
        return  # the program has set a handler since
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if interrupted and _signalled:
        journal.flush(timeout=10)
        journal.forward_waiting()
        os.kill(os.getpid(), signal.SIGTERM)


def _raise_termination(number: int, frame: Any) -> NoReturn:
    global _signalled
    _signalled = True
    raise TerminationSignal(signal=number)
