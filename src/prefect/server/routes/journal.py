"""Batches of journal records, which our own clients send instead of a request for each."""

from __future__ import annotations

from typing import Annotated, Any

from prefect.schemas import liveness
from prefect.server.db.interface import Transaction
from prefect.server.principals import Permission
from prefect.server.routes.operation import In, Routes
from prefect.server.services.runs import heartbeat_intervals
from prefect.server.services.runs.journal_ingestion import apply_records

HEARTBEAT = b'"kind":"heartbeat"'

routes = Routes(None, "/journal")


@routes.writes("POST", "", Any, documented=False, requires=Permission.WORK)
async def apply_journal(tx: Transaction, body: Annotated[bytes, In("raw")]) -> Any:
    """Apply a batch of journal records: JSON objects, one a line. Idempotent."""
    records, dead_letters = await apply_records(tx, body)
    answer: dict[str, float] = {"records": records, "dead_lettered": dead_letters}
    if HEARTBEAT in body:  # clients send them in requests of their own
        answer[liveness.INTERVAL_FIELD] = await heartbeat_intervals.find_interval(tx)
    return answer
