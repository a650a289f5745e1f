"""The log of a flow run, a task run or a worker by positions, so that a page shows any part of a log of any length."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias
from uuid import UUID

from prefect.server import store
from prefect.server.db.errors import Unstorable
from prefect.server.db.interface import Transaction
from prefect.server.services.core.errors import InvalidRequest
from prefect.server.services.pages.core import run_rows
from prefect.server.services.pages.core.shapes import LogChoices, LogContext, LogHits, LogsPart
from prefect.server.services.pages.run_detail.flow_run import present_line
from prefect.server.store import Condition, Row
from prefect.server.store.queries import run_page as queries
from prefect.types import json_codec
from prefect.values import linear_patterns

MAX_LINES = 1000

MAX_HITS = 5000

MAX_TASKS = 500
"""Task runs by which a log can be narrowed; those that failed come first."""

EXPORT_BATCH_SIZE = 10_000

LogOwner: TypeAlias = Literal["flow-run", "worker"]
"""What a log is of, as addresses name it."""

_COLUMNS: dict[LogOwner, str] = {"flow-run": "flow_run_id", "worker": "worker_id"}

_LEVELS = {10: "DEBUG", 20: "INFO", 30: "WARNING", 40: "ERROR", 50: "CRITICAL"}

MEDIA_TYPES = {
    "text": ("text/plain; charset=utf-8", "log"),
    "csv": ("text/csv", "csv"),
    "json": ("application/x-ndjson", "jsonl"),
}


@dataclass(frozen=True)
class LogChoice:
    """A filter of the lines of a log.

    Attributes:
        owner: What the log is of.
        id: The flow run or worker.
        task_run_id: Only those of this task run.
        level: Only those of this level and above.
        logger: Only those of this logger.
        text: Only those that hold this text.
        since: Only those of this time and later; where an attempt begins.
        until: Only those before this time; where the next attempt begins.
    """

    owner: LogOwner
    id: UUID
    task_run_id: UUID | None = None
    level: int = 0
    logger: str = ""
    text: str = ""
    since: datetime | None = None
    until: datetime | None = None

    def compile(self, tx: Transaction) -> Condition:
        """Return the condition of the lines."""
        whose = {"task_run_id": self.task_run_id} if self.task_run_id else {_COLUMNS[self.owner]: self.id}
        where = queries.log_condition(tx, whose, self.level, self.logger, self.text)
        return queries.within(where, self.since, self.until)


async def find_part(
    tx: Transaction, choice: LogChoice, offset: int, limit: int, newest_first: bool = False
) -> LogsPart:
    """Return some lines of a log, and how many it has; positions are from its end where the newest come first."""
    where = choice.compile(tx)
    total = await queries.count_logs(tx, where)
    first = max(0, total - offset - limit) if newest_first else offset
    size = max(0, min(limit, total - offset)) if newest_first else limit
    rows = await queries.find_logs_at(tx, where, first, size) if size else []
    if newest_first:
        rows.reverse()
    tasks = await run_rows.find_names(tx, store.task_runs, [row["task_run_id"] for row in rows])
    return {
        "total": total,
        "offset": offset,
        "lines": [present_line(row) for row in rows],
        "tasks": {id_: task["name"] for id_, task in tasks.items()},
    }


async def find_context(tx: Transaction, choice: LogChoice, at: datetime, lines: int) -> LogContext:
    """Return the lines of a log before a time, and those from it on."""
    where = choice.compile(tx)
    before = await store.logs.find(tx, queries.within(where, None, at), store.logs.order("-timestamp", "-id"), lines)
    after = await store.logs.find(tx, queries.within(where, at, None), store.logs.order("timestamp", "id"), lines + 1)
    rows = [*reversed(before), *after]
    tasks = await run_rows.find_names(tx, store.task_runs, [row["task_run_id"] for row in rows])
    return {
        "lines": [present_line(row) for row in rows],
        "tasks": {id_: task["name"] for id_, task in tasks.items()},
    }


async def find_choices(tx: Transaction, choice: LogChoice) -> LogChoices:
    """Return what a log can be narrowed by."""
    tasks = await queries.find_named_task_runs(tx, choice.id, MAX_TASKS) if choice.owner == "flow-run" else []
    return {
        "loggers": await queries.find_loggers(tx, choice.compile(tx)),
        "tasks": [{"id": row["id"], "name": row["name"]} for row in tasks],
    }


async def find_hits(tx: Transaction, choice: LogChoice, text: str) -> LogHits:
    """Return the positions of the lines that hold a text, or a pattern between slashes."""
    if not text:
        raise InvalidRequest("There is no text to look for: send it as q.")
    pattern = text[1:-1] if len(text) > 2 and text[0] == text[-1] == "/" else None
    try:
        if pattern is not None:
            linear_patterns.compile_pattern(pattern, ignore_case=True)
        positions, total = await queries.find_log_positions(
            tx, choice.compile(tx), text if pattern is None else pattern, MAX_HITS, is_pattern=pattern is not None
        )
    except (ValueError, Unstorable) as error:
        raise InvalidRequest(f"The pattern {text} cannot be read: {error}.".replace("..", ".")) from None
    return {"positions": positions, "total": total}


async def export(tx: Transaction, choice: LogChoice, format_: str) -> bytes:
    """Return lines of a log as a file."""
    where = choice.compile(tx)
    file = io.StringIO(newline="")
    last: Row | None = None
    while True:
        rows = await queries.find_logs_after(tx, where, last, EXPORT_BATCH_SIZE)
        _write(file, rows, format_, last is None)
        if len(rows) < EXPORT_BATCH_SIZE:
            return file.getvalue().encode()
        last = rows[-1]


def _write(file: io.StringIO, rows: list[Row], format_: str, first: bool) -> None:
    names = ("timestamp", "level", "name", "flow_run_id", "task_run_id", "message")
    if format_ == "csv":
        writer = csv.writer(file)
        if first:
            writer.writerow(names)
        writer.writerows([row[name] for name in names] for row in rows)
        return
    for row in rows:
        if format_ == "json":
            text = json_codec.dumps({name: row[name] for name in names}, str).decode()
        else:
            level = _LEVELS.get(row["level"], str(row["level"]))
            text = (
                f"{row['timestamp'].isoformat(timespec='milliseconds')} | {level:<8} | {row['name']} - {row['message']}"
            )
        file.write(f"{text}\n")
