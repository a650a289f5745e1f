"""The horizon up to which runs of a schedule are created. Pure: from dates and a time follow the runs to create now."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from prefect.settings import Settings


@dataclass(frozen=True)
class Horizon:
    """The horizon up to which runs are created.

    Attributes:
        min_runs: How many upcoming runs there must be at least.
        max_runs: How many there may be at most.
        min_time: All runs that are due within this time are created.
        max_time: No runs are created that are due later than this.
        lead: How much earlier than needed a schedule is checked again: the interval of the scheduler.
    """

    min_runs: int
    max_runs: int
    min_time: timedelta
    max_time: timedelta
    lead: timedelta = timedelta(0)

    @classmethod
    def from_settings(cls, settings: Settings) -> Horizon:
        """Return the horizon of the scheduler's settings."""
        scheduler = settings.server.services.scheduler
        return cls(
            scheduler.min_runs,
            scheduler.max_runs,
            scheduler.min_scheduled_time,
            scheduler.max_scheduled_time,
            timedelta(seconds=scheduler.loop_seconds),
        )

    def with_overrides(self, **overrides: int | timedelta | None) -> Horizon:
        """Return the horizon with the overrides that are not None; negative values count as 0."""
        changes: dict[str, Any] = {
            name: max(value, type(value)()) for name, value in overrides.items() if value is not None
        }
        return replace(self, **changes)

    def at_most(self, runs: int | None) -> Horizon:
        """Return the same horizon with no more runs than this."""
        return self if runs is None else replace(self, max_runs=min(self.max_runs, runs))


class Plan(NamedTuple):
    """The runs of a schedule to create now.

    Attributes:
        dates: Their dates.
        replan_at: When to plan again: until then, the plan would be the same.
    """

    dates: list[datetime]
    replan_at: datetime


def plan_runs(dates: Iterable[datetime], at: datetime, horizon: Horizon) -> Plan:
    """Return which dates of a schedule are within the horizon.

    Args:
        dates: Its dates from `at` on, in order; no more of them are consumed than needed.
        at: The time to plan from.
        horizon: How far ahead to plan.
    """
    chosen: list[datetime] = []
    beyond: datetime | None = None
    for date in dates:
        if date - at > horizon.max_time or len(chosen) == horizon.max_runs or _is_enough(chosen, date, at, horizon):
            beyond = date
            break
        chosen.append(date)
    return Plan(chosen, _find_next_check(chosen, beyond, at, horizon) - horizon.lead)


def _is_enough(chosen: list[datetime], date: datetime, at: datetime, horizon: Horizon) -> bool:
    return len(chosen) >= horizon.min_runs and date - at > horizon.min_time


def _find_next_check(chosen: list[datetime], beyond: datetime | None, at: datetime, horizon: Horizon) -> datetime:
    """Return when the first date that is not chosen will be within the horizon."""
    count, none = len(chosen), timedelta(0)
    if beyond is None or not horizon.max_runs:
        # There is none; planned again all the same, as time zones and settings may change.
        return at + max(min(horizon.min_time, horizon.max_time), none)
    until_in_reach = beyond - at - horizon.max_time
    until_allowed = chosen[0] - at if count == horizon.max_runs else none
    until_required = beyond - at - horizon.min_time
    if count < horizon.min_runs:
        until_required = none
    elif horizon.min_runs:
        until_required = min(until_required, chosen[count - horizon.min_runs] - at)  # then too few of them are left
    return at + max(until_in_reach, until_allowed, until_required)
