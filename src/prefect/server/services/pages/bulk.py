"""Acting on many flow runs: those of a query, or chosen ones, a batch a request.

A batch is one transaction, and each run of it has its own result. Whoever asks goes on with the cursor of the answer
until there is none; a request that is repeated finds what it has done already and leaves it as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, TypeAlias
from uuid import UUID

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.services.core.errors import ServiceError
from prefect.server.services.pages import run_query, runs
from prefect.server.services.pages.run_rows import FINISHED
from prefect.server.services.pages.shapes import BulkAnswer, BulkResult
from prefect.server.services.runs import deletion, transitions
from prefect.server.store import Row
from prefect.server.store.queries import run_pages as queries
from prefect.types import now

Action: TypeAlias = Literal["cancel", "retry", "delete"]

BATCH_SIZE = 50


async def act_on_runs(
    tx: Transaction, action: Action, query: str, ids: Sequence[UUID] | None, begun: datetime | None, after: UUID | None
) -> BulkAnswer:
    """Act on the next batch of flow runs.

    Args:
        tx: The transaction.
        action: What to do.
        query: Which runs, in the query language; ignored with `ids`.
        ids: The runs, by their ids.
        begun: When the first batch began: runs that were created later are left out.
        after: The cursor of the batch before.
    """
    at = begun or now()
    if ids is not None:
        chosen: Any = {"id": list(ids)}
    else:
        chosen = runs.compile_where(tx, store.flow_runs, run_query.parse_query(query, "flow_run", at), at)
    rows = await queries.find_batch(tx, chosen, at, after, BATCH_SIZE)
    results: list[BulkResult] = []
    for row in rows:
        done, reason = await _act(tx, action, row)
        results.append({"id": row["id"], "name": row["name"], "done": done, "reason": reason})
    more = len(rows) == BATCH_SIZE
    return {"begun": at, "results": results, "after": rows[-1]["id"] if more else None}


async def _act(tx: Transaction, action: Action, row: Row) -> tuple[bool, str | None]:
    """Act on one flow run; return whether it is done, and why not."""
    ended = row["state_type"] in FINISHED
    match action:
        case "delete":
            await deletion.remove_flow_run(tx, row["id"])
            return True, None
        case "cancel" if ended:
            return False, f"It has ended: {row['state_name']}."
        case "cancel":
            type_ = "CANCELLED" if row["state_type"] == "SCHEDULED" else "CANCELLING"
            return await _propose(tx, row, {"type": type_, "message": "Cancelled from the web page."})
        case _ if not ended:
            return False, f"It has not ended: {row['state_name']}."
        case _ if row["deployment_id"] is None:
            return False, "It has no deployment, so nothing can run it again."
        case _:
            details = {"scheduled_time": now()}
            return await _propose(tx, row, {"type": "SCHEDULED", "name": "AwaitingRetry", "state_details": details})


async def _propose(tx: Transaction, row: Row, state: dict[str, Any]) -> tuple[bool, str | None]:
    try:
        answer = await transitions.set_flow_run_state(tx, row["id"], state)
    except ServiceError as error:
        return False, str(error)
    return answer["status"] == "ACCEPT", answer["details"].get("reason")
