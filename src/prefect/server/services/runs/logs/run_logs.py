"""Logs of runs and workers: adding them, and notifying those who follow them.

A log that is sent without an id gets one computed from its content, so that a repeated request adds nothing.
"""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.db.times import to_micros
from prefect.server.services.core import presenters
from prefect.server.services.core.presenters import Answer
from prefect.server.store import Row, filters
from prefect.server.store.queries import runs as queries
from prefect.server.store.queries.runs import LogPosition
from prefect.settings import get_current_settings

LOGS_TOPIC = "logs"
"""The topic of new logs: their ids, packed."""

LOGGED_RUNS_TOPIC = "logged-runs"
"""The topic of flow runs that have new logs: their ids, as texts."""

LOGGED_WORKERS_TOPIC = "logged-workers"
"""The topic of workers that have new logs: their ids, as texts under the key `workers`."""

MAX_NOTIFIED_IDS = 150
"""As many ids as a NOTIFY of PostgreSQL can hold. Pages of further runs and workers see their logs with the
next notification."""

MAX_COMMIT_DELAY = timedelta(minutes=2)
"""How much later than its timestamp a log may be committed; followers that begin in the past look back this far."""

_NOTIFICATION_SIZE = 300
"""Ids in one notification: as many as a NOTIFY of PostgreSQL can hold."""

_PAGE_SIZE = 500

_SEPARATOR = "\x1f"

_CONTENT = ("timestamp", "flow_run_id", "task_run_id", "name", "level", "message")
"""What makes two logs of a run different; `worker_id` is added where there is one, so that ids stay as they were."""


async def add(tx: Transaction, logs: Iterable[Mapping[str, Any]]) -> None:
    """Add logs; an existing log stays unchanged."""
    seen: Counter[str] = Counter()
    rows: list[Row] = []
    for log in logs:
        content = _SEPARATOR.join(str(log.get(name)) for name in _CONTENT)
        if "worker_id" in log:
            content += f"{_SEPARATOR}{log['worker_id']}"
        rows.append({"id": _compute_id(log["timestamp"], f"{content}{_SEPARATOR}{seen[content]}"), **log})
        seen[content] += 1
    await store.logs.add(tx, rows)
    notify_added(tx, rows)


def _compute_id(timestamp: datetime, content: str) -> UUID:
    """Return an id that sorts by time, as a UUIDv7, and whose other bits are a hash of the content."""
    value = int.from_bytes(hashlib.blake2b(content.encode("utf-8", "replace"), digest_size=10).digest())
    millis = max(to_micros(timestamp) // 1000, 0) & ((1 << 48) - 1)
    return UUID(int=(millis << 80) | (7 << 76) | ((value >> 64 & 0xFFF) << 64) | (2 << 62) | (value & ((1 << 62) - 1)))


def notify_added(tx: Transaction, rows: Sequence[Row]) -> None:
    """Notify open pages of the runs and workers that have new logs, and subscribers if the settings enable that."""
    if runs := _collect_ids(rows, "flow_run_id"):
        tx.notify(LOGGED_RUNS_TOPIC, runs)
    if workers := _collect_ids(rows, "worker_id"):
        tx.notify(LOGGED_WORKERS_TOPIC, {"workers": workers})
    logs = get_current_settings().server.logs
    if logs.stream_publishing_enabled or logs.stream_out_enabled:
        for batch in store.chunks(rows, _NOTIFICATION_SIZE):
            tx.notify(LOGS_TOPIC, base64.b64encode(b"".join(row["id"].bytes for row in batch)).decode())


def _collect_ids(rows: Sequence[Row], column: str) -> list[str]:
    return list({str(row[column]) for row in rows if row.get(column) is not None})[:MAX_NOTIFIED_IDS]


async def find_notified(tx: Transaction, criteria: Any, item: str) -> list[Answer]:
    """Return the logs of a notification that satisfy a filter, by their time."""
    packed = base64.b64decode(item)
    ids = [UUID(bytes=packed[start : start + 16]) for start in range(0, len(packed), 16)]
    where = store.logs.where({"id": ids}, filters.compile_filter(tx.dialect, criteria))
    return [
        presenters.present_log(row) for row in await store.logs.find(tx, where, store.logs.order("timestamp", "id"))
    ]


async def find_since(
    tx: Transaction, criteria: Any, since: datetime, after: LogPosition | None
) -> tuple[list[Answer], LogPosition | None]:
    """Return a page of the logs that satisfy a filter, and the position after it; None when it is the last.

    Args:
        tx: The transaction.
        criteria: The filter.
        since: The time at which the first page begins.
        after: The position that the page before returned.
    """
    where = filters.compile_filter(tx.dialect, criteria)
    rows, position = await queries.find_logs(tx, where, _PAGE_SIZE, since=since, after=after)
    return [presenters.present_log(row) for row in rows], position
