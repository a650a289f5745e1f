"""The file of an outbox: a journal with the server's URL, and what must be remembered until all is shipped.

Beside the journal's batches it has four small tables. `server` holds the URL. `task_run` holds task runs that have
begun and not ended: an event of a state holds the whole run, whichever process sends it. `alias` maps the ids of
objects that were created here while the server was unavailable to their ids on the server. `refused` holds the records
that the server refused, with the reason, so that they do not hold up others and are not lost.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from prefect._lazy import lazy
from prefect.journal import file
from prefect.types.mappings import Record

if TYPE_CHECKING:
    import sqlite3

    import orjson
else:
    orjson = lazy("orjson")
    sqlite3 = lazy("sqlite3")


BATCH_BYTES = 1_500_000
"""About how many bytes of records are shipped together."""

_PROCESS = b'{"kind":"process"'

_TABLES = (
    "CREATE TABLE IF NOT EXISTS server (url TEXT PRIMARY KEY)",
    "CREATE TABLE IF NOT EXISTS task_run (id TEXT PRIMARY KEY, record BLOB NOT NULL)",
    "CREATE TABLE IF NOT EXISTS alias (id TEXT PRIMARY KEY, theirs TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS refused (id INTEGER PRIMARY KEY, reason TEXT NOT NULL, record BLOB NOT NULL)",
)


def file_name(url: str) -> str:
    """Return the name of the outbox file for the API at `url`."""
    return f"outbox-{hashlib.sha256(url.rstrip('/').encode()).hexdigest()[:10]}.db"


def find_outboxes(home: Path) -> list[Outbox]:
    """Return the outboxes of a home directory."""
    found: list[Outbox] = []
    for path in sorted(home.glob("outbox-*.db")):
        with closing(file.connect(path)) as connection:
            try:
                row = connection.execute("SELECT url FROM server").fetchone()
            except sqlite3.OperationalError:  # nothing has been shipped from it yet
                row = None
        if row is not None:
            found.append(Outbox(home, row[0]))
    return found


class Batch(NamedTuple):
    """Records that are shipped together.

    Attributes:
        through: The number of its last row.
        lines: The records, each as the JSON that was written.
    """

    through: int
    lines: list[bytes]


class Outbox:
    """The records in a home directory that wait for one server.

    Args:
        home: The directory.
        url: The server's API.
    """

    def __init__(self, home: Path, url: str) -> None:
        self.home = home
        self.url = url
        self.path = file.path_in(home, file_name(url))

    def connect(self) -> sqlite3.Connection:
        """Open the file, creating what is missing."""
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        connection = file.connect(self.path)
        if connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'refused'").fetchone() == (0,):
            connection.execute("BEGIN IMMEDIATE")
            for table in _TABLES:
                connection.execute(table)
            connection.execute("INSERT OR IGNORE INTO server VALUES (?)", (self.url,))
            connection.execute("COMMIT")
        return connection

    def count_waiting(self) -> int:
        """Return how many records wait, without those that only name a process."""
        if not self.path.exists():
            return 0
        with closing(file.connect(self.path)) as connection:
            bodies = connection.execute("SELECT body FROM batch")
            return sum(not line.startswith(_PROCESS) for (body,) in bodies for line in body.split(b"\n"))

    def read_refused(self) -> list[tuple[str, str]]:
        """Return the records that the server refused, newest first: the reason, and the record as it was."""
        with closing(self.connect()) as connection:
            rows = connection.execute("SELECT reason, record FROM refused ORDER BY id DESC").fetchall()
        return [(reason, record.decode("utf-8", "replace")) for reason, record in rows]


def last_seq(connection: sqlite3.Connection) -> int:
    """Return the number of the newest row; 0 when nothing waits."""
    return connection.execute("SELECT coalesce(max(seq), 0) FROM batch").fetchone()[0]


def first_seq(connection: sqlite3.Connection) -> int:
    """Return the number of the oldest waiting row; 0 when nothing waits."""
    return connection.execute("SELECT coalesce(min(seq), 0) FROM batch").fetchone()[0]


def read_batch(connection: sqlite3.Connection) -> Batch | None:
    """Return the oldest waiting records, or None."""
    lines: list[bytes] = []
    through = size = 0
    with closing(connection.execute("SELECT seq, body FROM batch ORDER BY seq")) as rows:
        for seq, body in rows:
            if lines and size + len(body) > BATCH_BYTES:
                break
            lines += [line for line in body.split(b"\n") if line]
            through, size = seq, size + len(body)
    return Batch(through, lines) if through else None


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


def acknowledge(connection: sqlite3.Connection, batch: Batch, outcome: Outcome | None = None) -> None:
    """Remove a batch that was shipped, and store its outcome."""
    connection.execute("BEGIN IMMEDIATE")
    if outcome is not None:
        connection.executemany(
            "INSERT OR REPLACE INTO task_run VALUES (?, ?)",
            [(id_, orjson.dumps(record)) for id_, record in outcome.begun.items()],
        )
        connection.executemany("DELETE FROM task_run WHERE id = ?", [(id_,) for id_ in outcome.ended])
        connection.executemany("INSERT INTO refused (reason, record) VALUES (?, ?)", list(outcome.refused))
    connection.execute("DELETE FROM batch WHERE seq <= ?", (batch.through,))
    connection.execute("COMMIT")


def add_alias(connection: sqlite3.Connection, id_: str, server_id: str) -> None:
    """Store the id that an object has on the server."""
    connection.execute("INSERT OR REPLACE INTO alias VALUES (?, ?)", (id_, server_id))


def get_server_id(connection: sqlite3.Connection, id_: str) -> str:
    """Return the id that an object has on the server; the same one unless it was stored."""
    row = connection.execute("SELECT theirs FROM alias WHERE id = ?", (id_,)).fetchone()
    return row[0] if row else id_


def get_task_run(connection: sqlite3.Connection, id_: str) -> Record | None:
    """Return what was stored of a task run that has begun and not ended."""
    row = connection.execute("SELECT record FROM task_run WHERE id = ?", (id_,)).fetchone()
    return orjson.loads(row[0]) if row else None
