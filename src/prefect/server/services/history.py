"""The states in a run's row, and the columns that follow from them. Pure: a row in, the same row changed.

A stored state is a JSON object with only what is set: `id`, `type`, `name` (unless it is the type's own),
`timestamp` (microseconds), `message`, `details`, `data`.
"""

from __future__ import annotations

from bisect import bisect
from datetime import datetime, timedelta
from typing import Any

from prefect import rules
from prefect.server.db.dialect import from_micros
from prefect.server.store import Row

StoredState = dict[str, Any]

NOTHING_DERIVED: Row = {
    "state_type": None,
    "state_name": None,
    "state_timestamp": None,
    "expected_start_time": None,
    "next_scheduled_start_time": None,
    "start_time": None,
    "end_time": None,
    "total_run_time": timedelta(0),
    "run_count": 0,
}
"""The derived columns of a run without states."""


STATE_NAMES = {
    type_: type_.capitalize()
    for type_ in (
        *("SCHEDULED", "PENDING", "RUNNING", "PAUSED", "CANCELLING"),
        *("COMPLETED", "FAILED", "CANCELLED", "CRASHED"),
    )
}
"""Every type of state, and the name of one that was given none."""


def enter(row: Row, state: StoredState) -> bool:
    """Put a state into a run's history where its time belongs, and derive the run's columns anew.

    Returns:
        False when the run has this state already; nothing is changed then.
    """
    if not insert(row["states"], state):
        return False
    derive(row)
    return True


def insert(states: list[StoredState], state: StoredState) -> bool:
    """Put a state where its time belongs; states of equal time keep the order they came in, a microsecond apart.

    Returns:
        False when the state is there already.
    """
    for known in states:
        if known["id"] == state["id"]:
            return False
    if not states or state["timestamp"] > states[-1]["timestamp"]:
        states.append(state)
        return True
    taken = {known["timestamp"] for known in states}
    while state["timestamp"] in taken:
        state["timestamp"] += 1
    states.insert(bisect([known["timestamp"] for known in states], state["timestamp"]), state)
    return True


def derive(row: Row) -> None:
    """Set the derived columns of a run from all its states."""
    row.update(NOTHING_DERIVED)
    previous: rules.Moment | None = None
    paused = False
    for state in row["states"]:
        moment = _moment(state)
        running = moment.type == "RUNNING"
        row.update(rules.advance(row, previous, moment, paused and running))
        paused = moment.type == "PAUSED" or (paused and not running)
        previous = moment


def _moment(state: StoredState) -> rules.Moment:
    type_ = state["type"]
    details = state.get("details")
    scheduled = details.get("scheduled_time") if details else None
    return rules.Moment(
        type_,
        state.get("name") or STATE_NAMES[type_],
        from_micros(state["timestamp"]),
        datetime.fromisoformat(scheduled) if scheduled else None,
    )
