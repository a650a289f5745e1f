"""The states in a run's row, and the columns derived from them. Pure: functions change the row that they get.

A stored state is a JSON object with only what is set: `id`, `type`, `name` (unless it is the type's own),
`timestamp` (microseconds), `message`, `details`, `data`.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from prefect import rules
from prefect.server.db.times import from_micros, to_micros
from prefect.server.store import Row
from prefect.types import UTC

StoredState = dict[str, Any]

NO_DERIVED_COLUMNS: Row = {
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
"""Each state type, with the default name of its states."""

NO_HEARTBEATS = "The process that ran it sends no heartbeats any more"
"""The beginning of the message of a crash that the server has inferred, by which it is recognized."""


def enter_state(row: Row, state: StoredState) -> bool:
    """Insert a state into a run's history by its time, and derive the run's columns anew.

    Returns:
        Whether the run did not have this state yet; otherwise nothing is changed.
    """
    if not insert_state(row["states"], state):
        return False
    derive_columns(row)
    return True


def insert_state(states: list[StoredState], state: StoredState) -> bool:
    """Insert a state by its time; states of equal time keep the order of their arrival, a microsecond apart.

    Only a terminal state keeps its place: a state that arrives later with the same time happened before it.

    Returns:
        Whether the state was not there yet.
    """
    for known in states:
        if known["id"] == state["id"]:
            return False
    if not states or state["timestamp"] > states[-1]["timestamp"]:
        states.append(state)
        return True
    taken = {known["timestamp"]: known["type"] for known in states}
    ended = taken.get(state["timestamp"]) in rules.TERMINAL and state["type"] not in rules.TERMINAL
    while state["timestamp"] in taken:
        state["timestamp"] += -1 if ended else 1
    states.insert(bisect([known["timestamp"] for known in states], state["timestamp"]), state)
    return True


def derive_columns(row: Row) -> list[int]:
    """Set the derived columns of a run from all its states, and return its run count in each of them."""
    row.update(NO_DERIVED_COLUMNS)
    run_counts: list[int] = []
    task = "task_key" in row
    previous: rules.StateSummary | None = None
    resuming = is_presumed_dead = False
    for state in row["states"]:
        summary = _summarize(state)
        running, over = summary.type == "RUNNING", summary.type in rules.TERMINAL
        again = previous is not None and previous.type in rules.TERMINAL and not over
        if is_presumed_dead and running:  # its process lives: this is the same attempt
            again, resuming = False, True
        is_presumed_dead = is_inferred_crash(state)
        if again and task:
            row["run_count"] = 0  # a task that had ended and runs again is tried from the beginning
        if again or summary.name == "AwaitingRetry":
            resuming = False
        row.update(rules.advance(row, previous, summary, resuming))
        run_counts.append(row["run_count"])
        # As in `prefect.rules`: a run resumes when it leaves the pause.
        resuming = resuming and not running and not over
        if previous is not None and previous.type == "PAUSED" and not task:
            resuming = True
        previous = summary
    return run_counts


def is_inferred_crash(state: StoredState) -> bool:
    """Return whether the server has inferred the state from missing heartbeats."""
    return state["type"] == "CRASHED" and (state.get("message") or "").startswith(NO_HEARTBEATS)


def _summarize(state: StoredState) -> rules.StateSummary:
    type_ = state["type"]
    details = state.get("details")
    scheduled = details.get("scheduled_time") if details else None
    return rules.StateSummary(
        type_,
        state.get("name") or STATE_NAMES[type_],
        from_micros(state["timestamp"]),
        _time(scheduled) if scheduled else None,
    )


# --- states as `prefect.rules` has them ------------------------------------------------------------------------------


def to_rule_state(state: StoredState) -> rules.RuleState:
    """Return a stored state as a `RuleState` of `prefect.rules`."""
    details = {name: parse_detail(name, value) for name, value in state.get("details", {}).items()}
    return rules.RuleState(
        state["type"],
        state.get("name") or STATE_NAMES[state["type"]],
        entered_at(state),
        state.get("message"),
        state.get("data"),
        details,
    )


def entered_at(state: StoredState) -> datetime:
    """Return when a stored state was entered."""
    return from_micros(state["timestamp"])


def lease_ids(row: Row) -> set[UUID]:
    """Return the leases by which a run has held slots of its deployment."""
    ids = (state.get("details", {}).get("deployment_concurrency_lease_id") for state in row["states"])
    return {UUID(lease_id) for lease_id in ids if lease_id}


def to_stored(rule_state: rules.RuleState, id_: UUID) -> StoredState:
    """Return a `RuleState` as a stored state, without the values that follow from its run."""
    state: StoredState = {"id": str(id_), "type": rule_state.type}
    if rule_state.name != STATE_NAMES[rule_state.type]:
        state["name"] = rule_state.name
    state["timestamp"] = to_micros(rule_state.timestamp)
    if rule_state.message is not None:
        state["message"] = rule_state.message
    details = {name: to_json_value(value) for name, value in drop_implied_details(rule_state.details).items()}
    if details:
        state["details"] = details
    if rule_state.data is not None:
        state["data"] = rule_state.data
    return state


def drop_implied_details(details: Mapping[str, Any]) -> dict[str, Any]:
    """Return details without nulls, defaults, and what follows from the run's row."""
    return {
        name: value
        for name, value in details.items()
        if value is not None and (value is not False or name not in _FALSE) and name not in RUN_DETAILS
    }


_FALSE = frozenset(("deferred", "untrackable_result", "pause_reschedule"))
"""Details whose default is false."""

RUN_DETAILS = frozenset(("flow_run_id", "task_run_id"))
"""Details of a state that follow from the row of its run."""


def parse_detail(name: str, value: Any) -> Any:
    """Return a detail of a state, a JSON or a Python value, as a Python value."""
    return DETAILS[name](value) if name in DETAILS else value


def to_json_value(value: Any) -> Any:
    """Return a detail as a JSON value."""
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return str(value) if isinstance(value, UUID) else value


def _time(value: Any) -> datetime:
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    return moment.astimezone(UTC) if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _uuid(value: Any) -> UUID:
    return value if isinstance(value, UUID) else UUID(value)


DETAILS = {
    **dict.fromkeys(("scheduled_time", "cache_expiration", "pause_timeout"), _time),
    **dict.fromkeys(
        (
            *("child_flow_run_id", "transition_id", "task_parameters_id", "deployment_concurrency_lease_id"),
            *RUN_DETAILS,
        ),
        _uuid,
    ),
}
"""The parsers of those details that are not plain JSON values."""
