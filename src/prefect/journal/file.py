"""The journal's file: where it is, how it is opened, what it holds.

One table: a row is a group commit, its body the records as JSON objects, one a line. `PRAGMA user_version` is the
format's version. The standard library's driver only: the writer must start in a millisecond and depend on nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from prefect._lazy import lazy
from prefect.exceptions import PrefectException

if TYPE_CHECKING:
    import sqlite3
else:
    sqlite3 = lazy("sqlite3")

FORMAT = 1
NAME = "journal.db"


class JournalVersionError(PrefectException):
    """The journal file was written by a newer release."""


def path_in(home: Path, name: str = NAME) -> Path:
    """Return the path of the journal of a home directory, or of another file there of the same format."""
    return home / name


def connect(path: Path, timeout: float = 5.0) -> sqlite3.Connection:
    """Open the journal at `path`, creating it where it is missing.

    WAL mode: a writer and readers do not wait for each other, and a commit survives the death of the process (not,
    for the last moments, the loss of power: commits are not fsynced one by one).

    Args:
        path: The file; its directory must exist.
        timeout: Seconds to wait for another process's lock.

    Raises:
        JournalVersionError: A newer release wrote the file.
        sqlite3.DatabaseError: It is damaged, or not a journal.
        sqlite3.OperationalError: It cannot be opened, or stays locked.
    """
    connection = sqlite3.connect(path, timeout=timeout, isolation_level=None, check_same_thread=False)
    try:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > FORMAT:
            raise JournalVersionError(
                f"The journal {str(path)!r} has format {version}, and this release knows up to {FORMAT}: "
                "upgrade pluperfect, or use another PREFECT_HOME."
            )
        if version < FORMAT:
            _create(connection)
        connection.execute("PRAGMA synchronous = NORMAL")
    except BaseException:
        connection.close()
        raise
    return connection


def _create(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA page_size = 16384")  # rows are large: half the cost of writing them in small pages
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("BEGIN IMMEDIATE")
    # AUTOINCREMENT: the number of a discarded batch is never used again.
    connection.execute("CREATE TABLE IF NOT EXISTS batch (seq INTEGER PRIMARY KEY AUTOINCREMENT, body BLOB NOT NULL)")
    connection.execute(f"PRAGMA user_version = {FORMAT}")
    connection.execute("COMMIT")
