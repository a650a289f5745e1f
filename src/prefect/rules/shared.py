"""The rules that flow runs and task runs have in common."""

from __future__ import annotations

from datetime import timedelta

from prefect.rules.decision import Case
from prefect.rules.facts import Entry
from prefect.rules.verdicts import Abort, Verdict, Wait

LEASE = "deployment_concurrency_lease_id"

LONGEST_DELAY = 100 * 365 * 86400
"""Seconds that a retry waits at most: a time that the calendar has."""


def prevent_pending_transitions(case: Case) -> Verdict | None:
    """A run that is on its way or was cancelled does not become PENDING, except under another name while it pends."""
    current, proposed = case.current, case.proposed
    if current is None:
        return None
    if current.type == "PENDING" and proposed.name not in ("Pending", current.name):
        return case.accept(proposed.inheriting(current, "scheduled_time", LEASE))
    return Abort(f"A run that is {current.type} cannot become PENDING.")


def copy_scheduled_time(case: Case) -> Verdict | None:
    """A pending run keeps the time for which it was scheduled."""
    return _inherit(case, "scheduled_time")


def copy_task_parameters_id(case: Case) -> Verdict | None:
    """A task run in the background keeps the id under which its parameters are stored."""
    return _inherit(case, "task_parameters_id")


def wait_for_scheduled_time(case: Case) -> Verdict | None:
    """A run waits for its time, to the nearest second: less than half of one is no wait."""
    scheduled = case.current.scheduled_time if case.current else None
    if scheduled is None:
        return None
    delay = round((scheduled - case.facts.now).total_seconds())
    return Wait(delay, "The run is scheduled for a later time.") if delay > 0 else None


def awaiting_retry(case: Case, delay: float) -> Entry:
    """The state in which a failed run waits for its next attempt; it keeps the failure's message and data."""
    proposed, now = case.proposed, case.facts.now
    scheduled = {"scheduled_time": now + timedelta(seconds=min(delay, LONGEST_DELAY))}
    return Entry("SCHEDULED", "AwaitingRetry", now, proposed.message, proposed.data, scheduled)


def _inherit(case: Case, detail: str) -> Verdict | None:
    if case.current is None:
        return None
    state = case.proposed.inheriting(case.current, detail)
    return None if state is case.proposed else case.accept(state)
