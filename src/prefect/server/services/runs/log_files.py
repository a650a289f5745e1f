"""The logs of a flow run as a file."""

from __future__ import annotations

import csv
import io
from urllib.parse import quote
from uuid import UUID

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.db.sql import Sql
from prefect.server.services.core import reading

COLUMNS = ("timestamp", "level", "flow_run_id", "task_run_id", "message")

EXPORT_BATCH_SIZE = 10_000
"""Logs that are read at once."""


async def export_logs(tx: Transaction, flow_run_id: UUID) -> tuple[str, bytes]:
    """The name for a file with the logs of a flow run, and the file: CSV, in the order of their times."""
    run = await reading.get_row(tx, store.flow_runs, flow_run_id)
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(COLUMNS)
    where = Sql("log.flow_run_id = ?", (flow_run_id,))
    while rows := await store.logs.find(
        tx, where, "log.timestamp, log.id", EXPORT_BATCH_SIZE, columns=("id", *COLUMNS)
    ):
        writer.writerows([row[name] for name in COLUMNS] for row in rows)
        last = (rows[-1]["timestamp"], rows[-1]["id"])
        where = Sql("log.flow_run_id = ? AND (log.timestamp, log.id) > (?, ?)", (flow_run_id, *last))
    return f"{run['name']}-logs.csv", file.getvalue().encode()


def content_disposition(name: str) -> str:
    """The header that has a browser save a file under a name."""
    return f"attachment; filename=\"flow-run-logs.csv\"; filename*=UTF-8''{quote(name)}"
