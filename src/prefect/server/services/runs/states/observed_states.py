"""The names of states that runs have had, each with when it was first and last seen.

They are kept in a table of their own, so that a request reads neither runs nor their histories. A change of state
writes to it only for a name that this server has not recorded within the last minute: `last_seen` is as exact as that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

from prefect.server import store
from prefect.server.db.interface import Notifications, Transaction
from prefect.server.services.core.presenters import Answer
from prefect.server.services.runs.states.run_states import STATE_NAMES, StoredState
from prefect.server.store import Row, sorting
from prefect.server.store.queries import runs as queries
from prefect.types import now

REFRESH_INTERVAL = timedelta(minutes=1)
"""How old `last_seen` may be before it is written again."""

TOPIC = "observed-states"
"""The topic of states that were recorded: their ids."""

_MEMORY_KEY = "observed states"


async def record_states(tx: Transaction, states: Iterable[StoredState]) -> None:
    """Record that runs entered states. Hot path: a state that was recorded a short time ago costs a look-up."""
    recorded = tx.memory.get(_MEMORY_KEY, {})
    at = now()
    due: dict[str, Row] = {}
    for state in states:
        name = state.get("name") or STATE_NAMES[state["type"]]
        id_ = f"{state['type']}:{name}"
        if id_ not in due and (id_ not in recorded or at - recorded[id_] >= REFRESH_INTERVAL):
            due[id_] = {"id": id_, "state_type": state["type"], "state_name": name, "first_seen": at, "last_seen": at}
    if not due:
        return
    rows = [due[id_] for id_ in sorted(due)]  # in order, so that two transactions do not wait for each other
    if await store.observed_states.change(tx, rows, ["last_seen"]) < len(rows):
        await store.observed_states.add(tx, rows)
    for id_ in due:
        tx.notify(TOPIC, id_)


def remember_recorded(memory: dict[str, Any]) -> Callable[[Notifications], None]:
    """Return a listener that notes in a database's memory which states committed transactions have recorded."""
    recorded = memory.setdefault(_MEMORY_KEY, {})

    def listen(notifications: Notifications) -> None:
        items = [item for topic, item in notifications if topic == TOPIC]
        if items:  # hot path: most commits have none
            recorded.update(dict.fromkeys(items, now()))

    return listen


async def find_observed_states(tx: Transaction, sort: Any, limit: int, query: str | None = None) -> list[Answer]:
    """Return the states that runs have had.

    Args:
        tx: The transaction.
        sort: Their order, an `ObservedStateSort`.
        limit: The most states to return.
        query: A text that their names must contain, whatever the case.
    """
    order = sorting.compile_order(tx.dialect, "observed_state", sort, "LAST_SEEN_DESC")
    rows = await queries.find_observed_states(tx, query, order, limit)
    return [{name: value for name, value in row.items() if name != "id"} for row in rows]
