"""Named queries about work: which runs are due for whom, and which take the slots of queues and pools."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from prefect.server.db import tables
from prefect.server.db.interface import Transaction
from prefect.server.db.sql import Sql, all_of, join, one_of
from prefect.server.db.tables import OCCUPYING

OCCUPIED = f"flow_run.work_queue_id IS NOT NULL AND flow_run.{OCCUPYING}"
"""Flow runs that take a slot, in the words of the index on them."""


async def taken_by_queue(tx: Transaction, ids: Sequence[UUID]) -> dict[UUID, int]:
    """How many slots of these work queues are taken; queues with none are left out."""
    if not ids:
        return {}
    asked = one_of("flow_run.work_queue_id", ids)
    text = f"SELECT flow_run.work_queue_id, count(*) FROM flow_run WHERE {OCCUPIED} AND {asked.text}"
    return _counts(tx, "work_queue_id", await tx.fetch(Sql(f"{text} GROUP BY flow_run.work_queue_id", asked.values)))


async def taken_by_pool(tx: Transaction, ids: Sequence[UUID]) -> dict[UUID, int]:
    """How many slots of these work pools are taken; pools with none are left out."""
    if not ids:
        return {}
    asked = one_of("work_queue.work_pool_id", ids)
    text = (
        "SELECT work_queue.work_pool_id, count(*) FROM flow_run JOIN work_queue"
        f" ON work_queue.id = flow_run.work_queue_id WHERE {OCCUPIED} AND {asked.text} GROUP BY work_queue.work_pool_id"
    )
    return _counts(tx, "id", await tx.fetch(Sql(text, asked.values)))


async def due(
    tx: Transaction,
    queues: Sequence[UUID],
    before: datetime | None,
    after: datetime | None,
    limit: int,
) -> list[UUID]:
    """The flow runs that wait in work queues, as many of each as it has free slots.

    Those of the queue with the highest priority (the lowest number) come first, and of one queue those that are due
    first.
    """
    if not queues or limit <= 0:
        return []
    waiting = all_of([one_of("flow_run.work_queue_id", queues), *scheduled(before, after)])
    busy = one_of("flow_run.work_queue_id", queues)
    page = tx.dialect.limit_clause(limit, 0)
    parts = [
        Sql(
            "SELECT due.id FROM (SELECT flow_run.id, flow_run.work_queue_id, flow_run.next_scheduled_start_time AS at,"
            " row_number() OVER (PARTITION BY flow_run.work_queue_id"
            " ORDER BY flow_run.next_scheduled_start_time, flow_run.id) AS place FROM flow_run WHERE"
        ),
        waiting,
        Sql(
            ") AS due JOIN work_queue ON work_queue.id = due.work_queue_id LEFT JOIN (SELECT flow_run.work_queue_id,"
            f" count(*) AS taken FROM flow_run WHERE {OCCUPIED} AND"
        ),
        busy,
        Sql(
            "GROUP BY flow_run.work_queue_id) AS busy ON busy.work_queue_id = due.work_queue_id"
            " WHERE work_queue.concurrency_limit IS NULL"
            " OR due.place <= work_queue.concurrency_limit - coalesce(busy.taken, 0)"
            " ORDER BY work_queue.priority, due.at, due.id"
        ),
        page,
    ]
    rows = await tx.fetch(join(" ", parts))
    return [item["id"] for item in tx.dialect.decode_rows(tables.FLOW_RUN, ["id"], rows)]


def scheduled(before: datetime | None, after: datetime | None = None) -> list[Sql]:
    """Conditions: flow runs that have not begun, and are to begin in a time that both ends are part of."""
    parts = [Sql("flow_run.state_type = 'SCHEDULED' AND flow_run.next_scheduled_start_time IS NOT NULL")]
    if before is not None:
        parts.append(Sql("flow_run.next_scheduled_start_time <= ?", (before,)))
    if after is not None:
        parts.append(Sql("flow_run.next_scheduled_start_time >= ?", (after,)))
    return parts


def _counts(tx: Transaction, column: str, rows: Sequence[Sequence[Any]]) -> dict[UUID, int]:
    """Rows of an id, which is of the kind of a column of flow runs, and a number."""
    keys = tx.dialect.decode_rows(tables.FLOW_RUN, [column], [row[:1] for row in rows])
    return {key[column]: row[1] for key, row in zip(keys, rows, strict=True)}
