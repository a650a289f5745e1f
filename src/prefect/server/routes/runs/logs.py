"""Logs."""

from __future__ import annotations

from typing import Annotated, Any

from prefect.schemas.actions.runs import LogCreate
from prefect.schemas.sorting import LogSort
from prefect.schemas.wire.filters import LogFilter
from prefect.schemas.wire.objects import Log
from prefect.server.db.interface import Transaction
from prefect.server.principals import Permission
from prefect.server.routes.core.operation import Body, In, Routes, Rows
from prefect.server.services.core import reading
from prefect.server.services.runs.logs import run_logs

routes = Routes("Logs", "/logs")


@routes.writes("POST", "/", Any, 201, requires=Permission.WORK)
async def create_logs(tx: Transaction, logs: Annotated[list[LogCreate], In("whole")]) -> None:
    """Store logs."""
    await run_logs.add(tx, [log.model_dump(exclude_none=True) for log in logs])


@routes.reads("POST", "/filter", list[Log], brief=True)
async def read_logs(
    tx: Transaction, rows: Rows, logs: Body[LogFilter | None] = None, sort: Body[LogSort] = LogSort.TIMESTAMP_ASC
) -> Any:
    """Return the logs that match a filter."""
    return await reading.find_logs(tx, sort, *rows, logs=logs)
