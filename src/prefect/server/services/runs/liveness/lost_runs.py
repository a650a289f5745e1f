"""Flow runs whose process or worker is lost, in pools that start such runs again: `on_lost: retry` in the job template.

A run is started again only so often, because a run that brings its machine down would do that for ever.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from prefect import rules
from prefect.schemas.worker_channel import ON_LOST, PENDING_CLAIM_TEARDOWN
from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.services.runs.states import claims
from prefect.server.services.work import cleanup
from prefect.server.store import Row
from prefect.types import named_id, now

RETRY = "retry"

MAX_LOST_ATTEMPTS = 3
"""How often a run is started again because it was lost."""

MESSAGE = "The run was lost with its process, and its work pool starts it again."


async def find_retried(tx: Transaction, rows: Sequence[Row]) -> set[UUID]:
    """Return the ids of the lost runs that will be started again."""
    candidates = [row for row in rows if row["work_queue_id"] is not None and _count_lost(row) < MAX_LOST_ATTEMPTS]
    queue_ids = {row["work_queue_id"] for row in candidates}
    queues = await store.work_queues.get_many(tx, list(queue_ids)) if queue_ids else {}
    pool_ids = {queue["work_pool_id"] for queue in queues.values()}
    pools = await store.work_pools.get_many(tx, list(pool_ids)) if pool_ids else {}

    def is_retried(row: Row) -> bool:
        queue = queues.get(row["work_queue_id"])
        pool = pools.get(queue["work_pool_id"]) if queue else None
        return pool is not None and (pool["base_job_template"] or {}).get(ON_LOST) == RETRY

    return {row["id"] for row in candidates if is_retried(row)}


def _count_lost(row: Row) -> int:
    return sum(_is_retry(state) for state in row["states"])


def _is_retry(state: dict[str, Any]) -> bool:
    return state["type"] == "SCHEDULED" and state.get("message") == MESSAGE


async def request_teardown(tx: Transaction, rows: Sequence[Row], retried: set[UUID]) -> None:
    """Request that the workers of their pools stop what is left of lost runs that will not come back.

    Those are the runs that have not begun, and those that are started again. A run that had begun may still go on, cut
    off from the server, and its outcome counts when it arrives.

    Args:
        tx: The transaction.
        rows: The rows of the runs, before they enter their new states.
        retried: The ids of those that are started again.
    """
    claim_ids: dict[UUID, UUID] = {}
    for row in rows:
        claim = claims.find_claim(row)
        is_over = row["state_type"] == "PENDING" or row["id"] in retried
        if is_over and claim is not None and row["infrastructure_pid"] is not None:
            claim_ids[row["id"]] = named_id("claim", claim["token"])
    if claim_ids:
        left = [row for row in rows if row["id"] in claim_ids]
        await cleanup.request_teardown(tx, PENDING_CLAIM_TEARDOWN, left, claim_ids)


def build_retry(last: datetime) -> rules.RuleState:
    """Return the state by which a lost run is scheduled again; the claim of the lost worker is not valid after it.

    Args:
        last: When the run was last active.
    """
    details = {"scheduled_time": now()}
    return claims.revoke(rules.RuleState("SCHEDULED", "AwaitingRetry", last, MESSAGE, details=details))
