"""How far ahead a schedule makes runs. Pure: dates and a moment in; which are made now, and when to look again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from prefect.settings import Settings


@dataclass(frozen=True)
class Horizon:
    """How far ahead runs are made.

    Attributes:
        min_runs: At least so many.
        max_runs: At most so many.
        min_time: All that are due within this time.
        max_time: None that are due later than this.
        lead: How much earlier than needed to look again: the time between two looks.
    """

    min_runs: int
    max_runs: int
    min_time: timedelta
    max_time: timedelta
    lead: timedelta = timedelta(0)

    @classmethod
    def from_settings(cls, settings: Settings) -> Horizon:
        """What the settings say."""
        told = settings.server.services.scheduler
        return cls(
            told.min_runs,
            told.max_runs,
            told.min_scheduled_time,
            told.max_scheduled_time,
            timedelta(seconds=told.loop_seconds),
        )

    def with_overrides(self, min_runs: int | None, max_runs: int | None, min_time: timedelta | None) -> Horizon:
        """The same with those of these that are given."""
        given = {"min_runs": min_runs, "max_runs": max_runs, "min_time": min_time}
        return replace(self, **{name: max(value, type(value)()) for name, value in given.items() if value is not None})

    def at_most(self, runs: int | None) -> Horizon:
        """The same with not more runs than this."""
        return self if runs is None else replace(self, max_runs=min(self.max_runs, runs))


class Plan(NamedTuple):
    """What a schedule asks for.

    Attributes:
        dates: The dates of the runs to be made.
        look_at: When more of them are to be made: before that, the same would be asked for.
    """

    dates: list[datetime]
    look_at: datetime


def plan_runs(dates: Iterable[datetime], at: datetime, horizon: Horizon) -> Plan:
    """Which dates of a schedule are within the horizon.

    Args:
        dates: Its dates from `at` on, in order; no more of them are asked for than are needed.
        at: The moment to plan from.
        horizon: How far.
    """
    chosen: list[datetime] = []
    beyond: datetime | None = None
    for date in dates:
        if date - at > horizon.max_time or len(chosen) == horizon.max_runs or _enough(chosen, date, at, horizon):
            beyond = date
            break
        chosen.append(date)
    return Plan(chosen, _look_at(chosen, beyond, at, horizon) - horizon.lead)


def _enough(chosen: list[datetime], date: datetime, at: datetime, horizon: Horizon) -> bool:
    return len(chosen) >= horizon.min_runs and date - at > horizon.min_time


def _look_at(chosen: list[datetime], beyond: datetime | None, at: datetime, horizon: Horizon) -> datetime:
    """When the first date that is not chosen comes within the horizon."""
    count, now = len(chosen), timedelta(0)
    if beyond is None or not horizon.max_runs:
        # There is none; looked at all the same, as zones and settings may change.
        return at + max(min(horizon.min_time, horizon.max_time), now)
    near = beyond - at - horizon.max_time
    room = chosen[0] - at if count == horizon.max_runs else now
    wanted = beyond - at - horizon.min_time
    if count < horizon.min_runs:
        wanted = now
    elif horizon.min_runs:
        wanted = min(wanted, chosen[count - horizon.min_runs] - at)  # then too few of them are left
    return at + max(near, room, wanted)
