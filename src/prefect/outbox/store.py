"""The file of an outbox: a journal with the server's URL, and the state that is kept until all records are shipped.

Beside the journal's batches it has four small tables. `server` holds the URL. `task_run` holds task runs that have
begun and not ended: an event of a state holds the whole run, whichever process sends it. `alias` maps the ids of
objects that were created here while the server was unavailable to their ids on the server. `refused` holds the records
that the server refused, with the reason, so that they do not hold up others and are not lost.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from prefect import _forks
from prefect._lazy import lazy_modules
from prefect.journal import file
from prefect.types.mappings import Record

if TYPE_CHECKING:
    import sqlite3

    from prefect.types import json_codec
else:
    json_codec, sqlite3 = lazy_modules("prefect.types.json_codec", "sqlite3")


BATCH_BYTES = 1_500_000
"""About how many bytes of records are shipped together."""

MAX_REFUSED = 10_000
"""How many refused records are kept: the newest."""

_PROCESS = b'{"kind":"process"'
_SELECT_BATCHES = "SELECT seq, body FROM batch ORDER BY seq"

_TABLES = (
    "CREATE TABLE IF NOT EXISTS server (url TEXT PRIMARY KEY)",
    "CREATE TABLE IF NOT EXISTS task_run (id TEXT PRIMARY KEY, record BLOB NOT NULL)",
    "CREATE TABLE IF NOT EXISTS alias (id TEXT PRIMARY KEY, theirs TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS refused (id INTEGER PRIMARY KEY, reason TEXT NOT NULL, record BLOB NOT NULL)",
)


def file_name(url: str) -> str:
    """Return the name of the outbox file for the API at `url`."""
    return f"outbox-{hashlib.sha256(url.rstrip('/').encode()).hexdigest()[:10]}.db"


def find_files(home: Path) -> list[Path]:
    """Return the files of the outboxes of a home directory."""
    return sorted(home.glob("outbox-*.db"))


def find_outboxes(home: Path) -> list[Outbox]:
    """Return the outboxes of a home directory."""
    return [outbox for path in find_files(home) if (outbox := read_outbox(path)) is not None]


def read_outbox(path: Path) -> Outbox | None:
    """Return the outbox in a file; None when no process has opened it to ship, so that it does not name a server."""
    with closing(file.connect(path)) as connection:
        try:
            row = connection.execute("SELECT url FROM server").fetchone()
        except sqlite3.OperationalError:
            return None
    return Outbox(path.parent, row[0]) if row else None


class Batch(NamedTuple):
    """Records that are shipped together.

    Attributes:
        through: The number of its last row.
        lines: The records, each as the JSON that was written.
    """

    through: int
    lines: list[bytes]


class Outcome(NamedTuple):
    """The outcome of shipping a batch.

    Attributes:
        begun: Task runs that have not ended, by id.
        ended: Those that have.
        refused: Records that the server refused: the reason and the record.
    """

    begun: Mapping[str, Record]
    ended: Iterable[str]
    refused: Iterable[tuple[str, bytes]]


class Outbox:
    """The records in a home directory that wait for one server.

    The file is open for moments only, and a fork waits for their end: a process must not inherit it.

    Args:
        home: The directory.
        url: The server's API.
    """

    def __init__(self, home: Path, url: str) -> None:
        self.home = home
        self.url = url
        self.path = file.path_in(home, file_name(url))
        self._guard = _forks.create_guard()

    @contextmanager
    def _open(self) -> Generator[sqlite3.Connection]:
        """Open the file, creating what is missing."""
        with self._guard:
            self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
            with closing(file.connect(self.path)) as connection:
                if connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'refused'").fetchone() == (0,):
                    connection.execute("BEGIN IMMEDIATE")
                    for table in _TABLES:
                        connection.execute(table)
                    connection.execute("INSERT OR IGNORE INTO server VALUES (?)", (self.url,))
                    connection.execute("COMMIT")
                yield connection

    def find_range(self) -> tuple[int, int]:
        """Return the numbers of the oldest and the newest row; zeros when nothing waits."""
        with self._open() as connection:
            return connection.execute("SELECT coalesce(min(seq), 0), coalesce(max(seq), 0) FROM batch").fetchone()

    def has_waiting(self) -> bool:
        """Return whether records wait. The file is not created."""
        return self.path.exists() and self.find_range() != (0, 0)

    def count_waiting(self) -> int:
        """Return how many records wait, without those that only name a process."""
        return sum(1 for _ in self._read_lines())

    def has_records(self) -> bool:
        """Return whether records wait besides those that only name a process."""
        return any(self._read_lines())

    def _read_lines(self) -> Iterator[bytes]:
        if not self.path.exists():
            return
        with self._open() as connection, closing(connection.execute("SELECT body FROM batch")) as bodies:
            for (body,) in bodies:
                yield from (line for line in body.split(b"\n") if line and not line.startswith(_PROCESS))

    def read_batch(self) -> Batch | None:
        """Return the oldest waiting records, or None."""
        lines: list[bytes] = []
        through = size = 0
        with self._open() as connection, closing(connection.execute(_SELECT_BATCHES)) as rows:
            for seq, body in rows:
                if lines and size + len(body) > BATCH_BYTES:
                    break
                lines += [line for line in body.split(b"\n") if line]
                through, size = seq, size + len(body)
        return Batch(through, lines) if through else None

    def acknowledge(self, batch: Batch, outcome: Outcome) -> None:
        """Remove a batch that was shipped, and store its outcome."""
        with self._open() as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(
                "INSERT OR REPLACE INTO task_run VALUES (?, ?)",
                [(id_, json_codec.dumps(record)) for id_, record in outcome.begun.items()],
            )
            connection.executemany("DELETE FROM task_run WHERE id = ?", [(id_,) for id_ in outcome.ended])
            connection.executemany("INSERT INTO refused (reason, record) VALUES (?, ?)", list(outcome.refused))
            connection.execute("DELETE FROM refused WHERE id <= (SELECT max(id) FROM refused) - ?", (MAX_REFUSED,))
            connection.execute("DELETE FROM batch WHERE seq <= ?", (batch.through,))
            connection.execute("COMMIT")

    def read_refused(self) -> list[tuple[str, str]]:
        """Return the records that the server refused, newest first: the reason, and the record as it was."""
        with self._open() as connection:
            rows = connection.execute("SELECT reason, record FROM refused ORDER BY id DESC").fetchall()
        return [(reason, record.decode("utf-8", "replace")) for reason, record in rows]

    def add_alias(self, id_: str, server_id: str) -> None:
        """Store the id that an object has on the server."""
        with self._open() as connection:
            connection.execute("INSERT OR REPLACE INTO alias VALUES (?, ?)", (id_, server_id))

    def read_aliases(self) -> dict[str, str]:
        """Return the ids on the server of the objects that have another one here, by the id here."""
        with self._open() as connection:
            return dict(connection.execute("SELECT id, theirs FROM alias").fetchall())

    def read_begun(self, ids: Iterable[str]) -> dict[str, Record]:
        """Return what was stored of task runs that have begun and not ended, by id."""
        with self._open() as connection:
            rows = [connection.execute("SELECT id, record FROM task_run WHERE id = ?", (id_,)) for id_ in ids]
            return {id_: json_codec.loads(record) for row in rows for id_, record in row}
