"""Schedules with their dates, at the path where programs look them up."""

from __future__ import annotations

import datetime
from typing import Protocol

from prefect.schemas import schedules
from prefect.schemas.schedules import DEFAULT_ANCHOR_DATE as DEFAULT_ANCHOR_DATE
from prefect.schemas.schedules import MAX_ITERATIONS
from prefect.types import now

__all__ = [
    "DEFAULT_ANCHOR_DATE",
    "MAX_ITERATIONS",
    "SCHEDULE_TYPES",
    "CronSchedule",
    "IntervalSchedule",
    "RRuleSchedule",
]


class _HasNextDates(Protocol):
    def next_dates(
        self, n: int, start: datetime.datetime, end: datetime.datetime | None = None
    ) -> list[datetime.datetime]: ...


class _Dates:
    """Mixin of the dates of a schedule."""

    async def get_dates(
        self: _HasNextDates,
        n: int | None = None,
        start: datetime.datetime | None = None,
        end: datetime.datetime | None = None,
    ) -> list[datetime.datetime]:
        """Return the dates from `start` (now by default): `n` of them, or those until `end`; one if neither is set."""
        if n is None:
            n = 1 if end is None else MAX_ITERATIONS
        return self.next_dates(n, start or now(), end)


class IntervalSchedule(schedules.IntervalSchedule, _Dates):
    """A run every `interval`."""


class CronSchedule(schedules.CronSchedule, _Dates):
    """A run whenever a cron expression matches the clock."""


class RRuleSchedule(schedules.RRuleSchedule, _Dates):
    """A run at each date of a recurrence rule."""


SCHEDULE_TYPES = IntervalSchedule | CronSchedule | RRuleSchedule
