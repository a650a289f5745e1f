"""Reading the journal: batches in the order they were committed, and discarding what has been applied."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from prefect._lazy import lazy
from prefect.journal import file
from prefect.types.mappings import Record as Record

if TYPE_CHECKING:
    from prefect.types import json_codec
else:
    json_codec = lazy("prefect.types.json_codec")


def read(home: Path, after: int = 0, limit: int = 100, name: str = file.NAME) -> Iterator[tuple[int, list[Record]]]:
    """Yield up to `limit` batches with a number above `after`, oldest first, each with its records.

    A line that is not JSON is yielded as `{"kind": "damaged", "line": ...}`, so that the other records are not lost.
    """
    path = file.path_in(home, name)
    if not path.exists():
        return
    with closing(file.connect(path)) as connection:
        rows = connection.execute(
            "SELECT seq, body FROM batch WHERE seq > ? ORDER BY seq LIMIT ?", (after, limit)
        ).fetchall()
    for seq, body in rows:
        yield seq, [decode(line) for line in body.split(b"\n") if line]


def discard(home: Path, through: int) -> None:
    """Remove the batches numbered up to and including `through`."""
    with closing(file.connect(file.path_in(home))) as connection:
        connection.execute("DELETE FROM batch WHERE seq <= ?", (through,))


def measure_pending(home: Path, name: str = file.NAME) -> tuple[int, int]:
    """Return how many batches wait to be applied, and their size in bytes."""
    path = file.path_in(home, name)
    if not path.exists():
        return 0, 0
    with closing(file.connect(path)) as connection:
        return connection.execute("SELECT count(*), coalesce(sum(length(body)), 0) FROM batch").fetchone()


def decode(line: bytes) -> Record:
    """Return a line of a batch as a record."""
    try:
        return json_codec.loads(line)
    except json_codec.JSONDecodeError:
        return {"kind": "damaged", "line": line.decode("utf-8", "replace")}
