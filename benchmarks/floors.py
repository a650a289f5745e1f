"""Lower bounds of the measured times: a bare function call, and one row of a batched SQLite insert."""

import sqlite3
import time
from pathlib import Path

from benchmarks.measure import Series

CALLS = 1_000_000
ROWS = 20_000
BATCH = 1_000


def bare_call(rounds: int = 5) -> Series:
    """Return the seconds of a call of a Python function that returns its argument."""

    def work(x: int) -> int:
        return x

    values: list[float] = []
    for _ in range(rounds):
        started = time.perf_counter()
        for i in range(CALLS):
            work(i)
        values.append((time.perf_counter() - started) / CALLS)
    return Series(tuple(values))


def batched_row(folder: Path, rounds: int = 5) -> Series:
    """Return the seconds of inserting a row of 400 bytes, with a thousand rows per transaction, in WAL mode."""
    values: list[float] = []
    body = b"x" * 400
    for number in range(rounds):
        connection = sqlite3.connect(folder / f"rows-{number}.db", isolation_level=None)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("CREATE TABLE rows (id INTEGER PRIMARY KEY, body BLOB NOT NULL)")
        started = time.perf_counter()
        for _ in range(ROWS // BATCH):
            connection.execute("BEGIN")
            connection.executemany("INSERT INTO rows (body) VALUES (?)", [(body,)] * BATCH)
            connection.execute("COMMIT")
        values.append((time.perf_counter() - started) / ROWS)
        connection.close()
    return Series(tuple(values))
