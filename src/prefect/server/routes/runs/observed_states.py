"""Names of states that runs have had."""

from __future__ import annotations

from typing import Annotated, Any

from annotated_types import Ge, Le, MaxLen

from prefect.schemas.wire.states import ObservedState, ObservedStateSort
from prefect.server.db.interface import Transaction
from prefect.server.routes.core.operation import Routes
from prefect.server.services.runs.states import observed_states

routes = Routes("Observed States", "/observed-states")

_MAX_STATES = 200


@routes.reads("GET", "", list[ObservedState])
async def read_observed_states(
    tx: Transaction,
    query: Annotated[str, MaxLen(100)] | None = None,
    order_by: ObservedStateSort = ObservedStateSort.LAST_SEEN_DESC,
    limit: Annotated[int, Ge(1), Le(_MAX_STATES)] = _MAX_STATES,
) -> Any:
    """Return the states that runs have had, by type and name."""
    return await observed_states.find_observed_states(tx, order_by, limit, query)
