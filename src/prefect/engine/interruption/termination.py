"""SIGTERM during a run: raised as an exception in the run, so that the run is recorded before the process ends."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from prefect import journal
from prefect.exceptions import TerminationSignal

FLUSH_TIMEOUT_SECONDS = 10.0
"""How long the end of a run waits for its records to be on disk."""

_open_blocks = 0
_signalled = False


@contextmanager
def outermost_run() -> Generator[None]:
    """Run a flow or task that is inside no other of this process."""
    try:
        with raise_on_sigterm():
            yield
    finally:
        if _is_forked_child:
            # `multiprocessing` ends its children with a signal, often as soon as they have returned a result.
            journal.flush(timeout=FLUSH_TIMEOUT_SECONDS)


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
    pid, interrupted = os.getpid(), False
    try:
        yield
    except BaseException as error:
        # The other tasks of an event loop are cancelled.
        interrupted = not isinstance(error, Exception) or isinstance(error, TerminationSignal)
        raise
    finally:
        if pid == os.getpid():  # a forked child leaves the blocks of its parent
            _open_blocks -= 1
            if not _open_blocks:
                _restore_handler(interrupted)


def is_signalled() -> bool:
    """Return whether SIGTERM has come during the runs of this process; an event loop then cancels its tasks."""
    return _open_blocks > 0 and _signalled


def _has_default_handler() -> bool:
    return signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def _restore_handler(interrupted: bool) -> None:
    if signal.getsignal(signal.SIGTERM) is not _raise_termination:
        return  # the program has set a handler since
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if interrupted and _signalled:
        journal.flush(timeout=FLUSH_TIMEOUT_SECONDS)
        journal.forward_waiting()
        _flush_output()
        os.kill(os.getpid(), signal.SIGTERM)


def _flush_output() -> None:
    """Write what the program has printed: the signal ends the process without that."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:  # there is none, or nobody reads it any more
            continue


def _raise_termination(number: int, frame: Any) -> None:
    global _signalled, _is_deferred
    _signalled = True
    if _is_forking:  # an exception would be lost in the hooks of a fork
        _is_deferred = True
        return
    raise TerminationSignal(signal=number)


# --- forks ------------------------------------------------------------------------------------------------------------
# A forked child has the default handler, as if this package had set none. SIGTERM is blocked until it has: a signal
# that came before would be lost.

_is_forking = False
_is_deferred = False
_is_forked_child = False
_forked = threading.local()


def _before_fork() -> None:
    global _is_forking
    if _open_blocks and signal.getsignal(signal.SIGTERM) is _raise_termination:
        _forked.mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        _is_forking = True


def _after_fork_in_parent() -> None:
    global _is_forking, _is_deferred
    if (mask := _forked.__dict__.pop("mask", None)) is None:
        return
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    _is_forking = False
    if _is_deferred:
        _is_deferred = False
        # From a thread: the main thread handles it once it has left this hook.
        threading.Thread(target=os.kill, args=(os.getpid(), signal.SIGTERM), name="prefect-signal").start()


def _after_fork_in_child() -> None:
    global _is_forking, _is_deferred, _is_forked_child, _open_blocks, _signalled
    _is_forking = _is_deferred = _signalled = False
    _is_forked_child, _open_blocks = True, 0
    if signal.getsignal(signal.SIGTERM) is _raise_termination:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if (mask := _forked.__dict__.pop("mask", None)) is not None:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
