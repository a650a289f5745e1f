"""Derivation of a run's columns from its states, and the delay of a retry.

Every run needs this part of the rules: importing it costs next to nothing, and calling it a microsecond. States
are `StateSummary`s, not models.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

TERMINAL = frozenset({"COMPLETED", "FAILED", "CANCELLED", "CRASHED"})


class StateSummary(NamedTuple):
    """The part of a state that the rules need.

    Attributes:
        type: The state's type, for instance `"RUNNING"`.
        name: Its name, for instance `"Retrying"`.
        timestamp: When it was entered, aware.
        scheduled_time: When a scheduled state is to run.
    """

    type: str
    name: str
    timestamp: datetime
    scheduled_time: datetime | None = None


def advance(
    run: Mapping[str, Any], previous: StateSummary | None, state: StateSummary, resuming: bool = False
) -> dict[str, Any]:
    """Return the columns of a run that change when it goes from `previous` to `state`.

    Args:
        run: The run's columns before the change: `start_time`, `end_time`, `total_run_time`, `run_count` and
            `expected_start_time` are read; a missing one counts as not set.
        previous: The state it leaves, or None for its first.
        state: The state it enters.
        resuming: The run was paused and continues, which is not another attempt.

    Returns:
        Only the columns to set: `state_type`, `state_name`, `state_timestamp` always; the others when they change.
    """
    kind = state.type
    changes: dict[str, Any] = {
        "state_type": kind,
        "state_name": state.name,
        "state_timestamp": state.timestamp,
    }
    if run.get("expected_start_time") is None:
        changes["expected_start_time"] = state.scheduled_time or state.timestamp
    if kind == "RUNNING":
        if run.get("start_time") is None:
            changes["start_time"] = state.timestamp
        if not resuming:
            changes["run_count"] = (run.get("run_count") or 0) + 1
    if kind in TERMINAL:
        changes["end_time"] = state.timestamp
        if run.get("start_time") is None:
            changes["start_time"] = state.timestamp
    elif run.get("end_time") is not None:
        changes["end_time"] = None
    if previous is not None and previous.type == "RUNNING":
        # A clock that went back must not make a run shorter than it was.
        spent = max(state.timestamp - previous.timestamp, timedelta(0))
        changes["total_run_time"] = (run.get("total_run_time") or timedelta(0)) + spent
    if kind == "SCHEDULED":
        changes["next_scheduled_start_time"] = state.scheduled_time
    elif run.get("next_scheduled_start_time") is not None:
        changes["next_scheduled_start_time"] = None
    return changes


def retry_delay(attempt: int, retries: int, delays: float | list[float] | None) -> float | None:
    """Return seconds to wait before a failed attempt is followed by another, or None when the failure is final.

    Args:
        attempt: Which attempt failed, from 1.
        retries: How many attempts may follow the first.
        delays: The same for every retry, or one for each; the last one counts for all that follow.
    """
    if attempt > retries:
        return None
    if isinstance(delays, list):
        return delays[min(attempt, len(delays)) - 1] if delays else 0.0
    return delays or 0.0
