"""What runs say to the world: records are appended here and committed in batches by one thread.

Appending costs a microsecond and never waits for a disk, a lock, a server or a network. The records are JSON objects
with a `kind`; `docs/architecture.md` lists them. Whoever opens the local database applies them to it. The journal knows
nothing of runs: it must not read, change or interpret a record.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from prefect._lazy import lazy
from prefect.types.mappings import Record as Record

if TYPE_CHECKING:
    from prefect.journal import writer
else:
    writer = lazy("prefect.journal.writer")

__all__ = ["Draft", "Record", "append", "close", "current", "replace_current", "flush", "use"]


class Draft:
    """A record that its writer may still add states to, until it is sealed to be written.

    Most runs are over before their first record is written: one record then tells all of it, at a third of the cost.
    Whoever adds looks at `sealed` afterwards: when it is set, the addition may have come too late and is appended as a
    record of its own. Said twice, it counts once.

    Attributes:
        record: The record; `record["states"]` is what may grow.
        sealed: It has been, or is about to be, written.
    """

    __slots__ = ("record", "sealed")

    def __init__(self, record: Record) -> None:
        self.record = record
        self.sealed = False

    def seal(self) -> Record:
        """The record as it is now; what is added from now on is not in it."""
        self.sealed = True
        return {**self.record, "states": list(self.record["states"])}


_current: writer.Journal | None = None


def use(
    home: Path, name: str | None = None, create_forwarder: Callable[[], writer.Forwarder] | None = None
) -> writer.Journal:
    """Make a journal the one that this process appends to; what the former one holds is written first.

    Args:
        home: The directory of its file.
        name: The name of its file; the home's own journal if None.
        carrier: Makes what carries its records on, when the journal is opened.
    """
    global _current
    if _current is None or _current.home != home or _current.name != (name or writer.NAME):
        close()
        _current = writer.Journal(home, name or writer.NAME, create_forwarder and create_forwarder())
    return _current


def replace_current(journal: writer.Journal | None) -> writer.Journal | None:
    """Append to this journal from now on, and give back the former one, which stays open."""
    global _current
    former, _current = _current, journal
    return former


def current() -> writer.Journal | None:
    """The journal in use, or None before the first run."""
    return _current


def append(record: Record | Draft) -> None:
    """Queue a record to be written. Without a journal in use the record is dropped: nobody runs, nobody listens."""
    if _current is not None:
        _current.append(record)


def flush(timeout: float | None = None) -> bool:
    """Wait until all that was appended is on disk. False when that took longer than `timeout` seconds."""
    if _current is None:
        return True
    # Runs that began before the home changed still record in the journal of theirs.
    return all(journal.flush(timeout) for journal in writer.open_journals())


def has_unforwarded() -> bool:
    """Whether something that was appended is still to be carried to where it is wanted."""
    return _current is not None and _current.has_unforwarded()


def wait_until_forwarded(timeout: float) -> None:
    """Wait until all that was appended has been carried to where it is wanted, at most `timeout` seconds."""
    if _current is not None:
        _current.wait_until_forwarded(timeout)


def forward_waiting() -> None:
    """Have what is on disk carried on to where it is wanted, as at the end of the process."""
    for journal in writer.open_journals():
        if journal.forwarder is not None:
            journal.forwarder.finish()


def close() -> None:
    """Write what is queued and stop using the journal."""
    global _current
    if _current is not None:
        _current = None
        for journal in writer.open_journals():
            journal.close()


def _before_fork() -> None:
    if _current is not None:
        _current.before_fork()


def _after_fork() -> None:
    if _current is not None:
        _current.after_fork()


def _after_fork_in_child() -> None:
    global _current
    if _current is not None:
        _current = _current.forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork_in_child)
