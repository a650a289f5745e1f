"""Batches of journal records, which our own clients send instead of a request for each."""

from __future__ import annotations

from typing import Annotated, Any

from prefect.server.db.interface import Transaction
from prefect.server.principals import Permission
from prefect.server.routes.core.operation import In, Routes
from prefect.server.services.runs.ingestion import journal_ingestion

routes = Routes(None, "/journal")


@routes.writes("POST", "", Any, documented=False, requires=Permission.WORK)
async def apply_journal(tx: Transaction, body: Annotated[bytes, In("raw")]) -> Any:
    """Apply a batch of journal records: JSON objects, one a line. Idempotent."""
    return await journal_ingestion.apply_request(tx, body)
