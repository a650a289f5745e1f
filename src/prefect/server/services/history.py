"""The states in a run's row, and the columns that follow from them. Pure: a row in, the same row changed.

A stored state is a JSON object with only what is set: `id`, `type`, `name` (unless it is the type's own),
`timestamp` (microseconds), `message`, `details`, `data`.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Sequence
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

    States of equal time keep the order they came in, each a microsecond after the other.

    Returns:
        False when the run has this state already; nothing is changed then.
    """
    states: list[StoredState] = row["states"]
    if not states or state["timestamp"] > states[-1]["timestamp"]:
        if any(known["id"] == state["id"] for known in states):
            return False
        _advance(row, states, state)
        states.append(state)
        return True
    if any(known["id"] == state["id"] for known in states):
        return False
    taken = {known["timestamp"] for known in states}
    while state["timestamp"] in taken:
        state["timestamp"] += 1
    states.insert(bisect([known["timestamp"] for known in states], state["timestamp"]), state)
    derive(row)
    return True


def derive(row: Row) -> None:
    """Set the derived columns of a run from all its states."""
    row.update(NOTHING_DERIVED)
    states = row["states"]
    for position, state in enumerate(states):
        _advance(row, states[:position], state)


def _advance(row: Row, before: Sequence[StoredState], state: StoredState) -> None:
    previous = _moment(before[-1]) if before else None
    resuming = state["type"] == "RUNNING" and _paused_since_running(before)
    row.update(rules.advance(row, previous, _moment(state), resuming))


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


def _paused_since_running(before: Sequence[StoredState]) -> bool:
    for state in reversed(before):
        if state["type"] == "PAUSED":
            return True
        if state["type"] == "RUNNING":
            return False
    return False
