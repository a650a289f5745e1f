"""The rules that flow runs and task runs have in common."""

from __future__ import annotations

from datetime import timedelta

from prefect.rules.decision import Case
from prefect.rules.facts import RuleState
from prefect.rules.verdicts import Abort, Verdict, Wait

LEASE = "deployment_concurrency_lease_id"

MAX_RETRY_DELAY_SECONDS = 100 * 365 * 86400
"""The longest delay of a retry, so that its time stays within the calendar of `datetime`."""


def prevent_pending_transitions(case: Case) -> Verdict | None:
    """Abort PENDING for an active or cancelled run; accept it for a pending run under another name."""
    current, proposed = case.current, case.proposed
    if current is None:
        return None
    if current.type == "PENDING" and proposed.name not in ("Pending", current.name):
        return case.accept(proposed.inherit_details(current, "scheduled_time", LEASE))
    return Abort(f"A run that is {current.type} cannot become PENDING.")


def copy_scheduled_time(case: Case) -> Verdict | None:
    """Copy the scheduled time to the pending state."""
    return _inherit(case, "scheduled_time")


def copy_task_parameters_id(case: Case) -> Verdict | None:
    """Copy the id of a background task's stored parameters to the next state."""
    return _inherit(case, "task_parameters_id")


def wait_for_scheduled_time(case: Case) -> Verdict | None:
    """Make a run wait for its scheduled time, rounded to seconds."""
    scheduled = case.current.scheduled_time if case.current else None
    if scheduled is None:
        return None
    delay = round((scheduled - case.facts.now).total_seconds())
    return Wait(delay, "The run is scheduled for a later time.") if delay > 0 else None


def awaiting_retry(case: Case, delay: float) -> RuleState:
    """Return the state in which a failed run waits for its next attempt, with the failure's message and data."""
    proposed, now = case.proposed, case.facts.now
    scheduled = {"scheduled_time": now + timedelta(seconds=min(delay, MAX_RETRY_DELAY_SECONDS))}
    return RuleState("SCHEDULED", "AwaitingRetry", now, proposed.message, proposed.data, scheduled)


def _inherit(case: Case, detail: str) -> Verdict | None:
    """Accept the proposed state with a detail of the current one."""
    if case.current is None:
        return None
    state = case.proposed.inherit_details(case.current, detail)
    return None if state is case.proposed else case.accept(state)
