"""Taking in logs, and telling those who follow them.

A log that is sent without an id gets one that follows from what it says, so that a request that is sent twice counts
once.
"""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeAlias
from uuid import UUID

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.db.sql import Sql, all_of, chunks, one_of
from prefect.server.db.times import to_micros
from prefect.server.services.core import presenters
from prefect.server.services.core.presenters import Answer
from prefect.server.store import Row, filters
from prefect.settings import get_current_settings

LOGS_TOPIC = "logs"
"""What the bus is told when logs are added: their ids, packed."""

MAX_COMMIT_DELAY = timedelta(minutes=2)
"""How much later than its time a log may be committed by those who wait for no network."""

_A_MESSAGE = 300
"""Ids that are told of at once: as many as a notice of PostgreSQL can hold."""

_A_PAGE = 500

_SEPARATOR = "\x1f"


async def add(tx: Transaction, logs: Iterable[Mapping[str, Any]]) -> None:
    """Add logs; one that is known already is left as it is."""
    seen: Counter[str] = Counter()
    rows: list[Row] = []
    for log in logs:
        said = _SEPARATOR.join(str(log.get(name)) for name in _SAID)
        rows.append({"id": _id(log["timestamp"], f"{said}{_SEPARATOR}{seen[said]}"), **log})
        seen[said] += 1
    await store.logs.add(tx, rows)
    notify_added(tx, rows)


_SAID = ("timestamp", "flow_run_id", "task_run_id", "name", "level", "message")


def _id(timestamp: datetime, said: str) -> UUID:
    """An id that sorts by time, as a UUIDv7, and is made of what a log says instead of at random."""
    value = int.from_bytes(hashlib.blake2b(said.encode("utf-8", "replace"), digest_size=10).digest())
    millis = max(to_micros(timestamp) // 1000, 0) & ((1 << 48) - 1)
    return UUID(int=(millis << 80) | (7 << 76) | ((value >> 64 & 0xFFF) << 64) | (2 << 62) | (value & ((1 << 62) - 1)))


def notify_added(tx: Transaction, rows: Sequence[Row]) -> None:
    """Tell those who follow logs which are new, if the settings let anybody follow them."""
    told = get_current_settings().server.logs
    if told.stream_publishing_enabled or told.stream_out_enabled:
        for some in chunks(rows, _A_MESSAGE):
            tx.notify(LOGS_TOPIC, base64.b64encode(b"".join(row["id"].bytes for row in some)).decode())


async def find_notified(tx: Transaction, criteria: Any, item: str) -> list[Answer]:
    """The logs that an item of the bus tells of and that satisfy a filter, by their time."""
    packed = base64.b64decode(item)
    ids = [UUID(bytes=packed[start : start + 16]) for start in range(0, len(packed), 16)]
    where = all_of([one_of("log.id", ids), filters.compile_filter(tx.dialect, criteria)])
    return [presenters.present_log(row) for row in await store.logs.find(tx, where, "log.timestamp, log.id")]


Position: TypeAlias = tuple[datetime, UUID]
"""A log's time and its id."""


async def find_since(
    tx: Transaction, criteria: Any, time: datetime, after: Position | None
) -> tuple[list[Answer], Position | None]:
    """Some logs that satisfy a filter, from a time or after a place on, and the place after them if there are more."""
    begin = Sql("log.timestamp >= ?", (time,)) if after is None else Sql("(log.timestamp, log.id) > (?, ?)", after)
    where = all_of([begin, filters.compile_filter(tx.dialect, criteria)])
    rows = await store.logs.find(tx, where, "log.timestamp, log.id", _A_PAGE)
    more = (rows[-1]["timestamp"], rows[-1]["id"]) if len(rows) == _A_PAGE else None
    return [presenters.present_log(row) for row in rows], more
