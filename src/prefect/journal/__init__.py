"""The journal: runs append records to a queue in memory, and one thread commits them in batches to a local file.

Appending costs a microsecond and never waits for a disk, a lock, a server or a network. The records are JSON objects
with a `kind`; `docs/architecture.md` lists them. Opening the local database applies them to it. The journal must not
read, change or interpret a record.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from prefect import _forks
from prefect._lazy import lazy
from prefect.journal.draft import Draft as Draft
from prefect.types.mappings import Record as Record

if TYPE_CHECKING:
    from prefect.journal import writer
else:
    writer = lazy("prefect.journal.writer")

__all__ = ["Draft", "Record", "append", "close", "current", "replace_current", "flush", "use"]


_current: writer.Journal | None = None
_opened: dict[tuple[Path, str], writer.Journal] = {}
_opening = _forks.create_lock()


def use(
    home: Path, name: str | None = None, create_forwarder: Callable[[], writer.Forwarder] | None = None
) -> writer.Journal:
    """Set the journal that this process appends to; the queue of the former one is written first.

    Args:
        home: The directory of its file.
        name: The name of its file; the home's own journal if None.
        create_forwarder: Makes what forwards its records, when the journal is opened.
    """
    name = name or writer.NAME
    current = _current
    if current is not None and current.home == home and current.name == name:
        return current
    with _opening:
        return _open(home, name, create_forwarder)


def _open(home: Path, name: str, create_forwarder: Callable[[], writer.Forwarder] | None) -> writer.Journal:
    """Use the journal of a file, which this process opens once: threads that come at the same time share it."""
    global _current
    former, mine = _current, _opened.get((home, name))
    if mine is None:
        mine = _opened[home, name] = writer.Journal(home, name, create_forwarder and create_forwarder())
    _current = mine
    if former is not None and former is not mine and former.forwarder is None:
        former.close()  # a run that continues opens it again; one with a forwarder has heartbeats to send meanwhile
    return mine


def replace_current(journal: writer.Journal | None) -> writer.Journal | None:
    """Set the journal that this process appends to, and return the former one, which stays open."""
    global _current
    former, _current = _current, journal
    return former


def current() -> writer.Journal | None:
    """Return the journal in use, or None before the first run."""
    return _current


def append(record: Record | Draft) -> None:
    """Queue a record to be written. Without a journal in use the record is dropped: no run is active."""
    if _current is not None:
        _current.append(record)


def flush(timeout: float | None = None) -> bool:
    """Wait until all records are on disk. Return False when that took longer than `timeout` seconds."""
    if _current is None:
        return True
    # Runs that began before the home changed still record in the journal of their home.
    return all(journal.flush(timeout) for journal in writer.open_journals())


def has_unforwarded() -> bool:
    """Return whether records wait to be forwarded, to a server."""
    return _current is not None and _current.has_unforwarded()


def wait_until_forwarded(timeout: float) -> None:
    """Wait until all records have been forwarded, at most `timeout` seconds."""
    if _current is not None:
        _current.wait_until_forwarded(timeout)


def forward_waiting() -> None:
    """Forward the records on disk within the exit timeouts, as at the end of the process."""
    for journal in writer.open_journals():
        if journal.forwarder is not None:
            journal.forwarder.finish()


def close() -> None:
    """Write queued records and stop using the journals."""
    global _current
    if _current is not None:
        journals = writer.open_journals()  # held until they are closed: nothing else may refer to them
        _current = None
        _opened.clear()
        for journal in journals:
            journal.close()


def _after_fork_in_child() -> None:
    global _current
    former = _current
    _opened.clear()
    if "prefect.journal.writer" in sys.modules:
        writer.disown_all()
    if former is not None:
        _current = former.forked()
        _opened[former.home, former.name] = _current


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
