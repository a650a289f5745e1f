"""The logs of a flow run as a file for download."""

from __future__ import annotations

import csv
import io
from urllib.parse import quote
from uuid import UUID

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.services.core import reading
from prefect.server.store.queries import runs as queries

COLUMNS = ("timestamp", "level", "flow_run_id", "task_run_id", "message")

EXPORT_BATCH_SIZE = 10_000
"""Logs that one query reads."""


async def export_logs(tx: Transaction, flow_run_id: UUID) -> tuple[str, bytes]:
    """Return a file name and a CSV file with the logs of a flow run, by their time.

    Raises:
        NotFound: There is no such flow run.
    """
    run = await reading.get_row(tx, store.flow_runs, flow_run_id)
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(COLUMNS)
    position: queries.LogPosition | None = None
    while True:
        rows, position = await queries.find_logs(
            tx, {"flow_run_id": flow_run_id}, EXPORT_BATCH_SIZE, after=position, columns=("id", *COLUMNS)
        )
        writer.writerows([row[name] for name in COLUMNS] for row in rows)
        if position is None:
            return f"{run['name']}-logs.csv", file.getvalue().encode()


def content_disposition(name: str) -> str:
    """Return the header by which a browser saves a file under `name`."""
    return f"attachment; filename=\"flow-run-logs.csv\"; filename*=UTF-8''{quote(name)}"
