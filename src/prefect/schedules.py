"""Schedules as users write them: `Cron`, `Interval` and `RRule`, for `serve`, `deploy` and prefect.yaml.

They hold what was written; `prefect.schemas.schedules` has the models that the API stores.
"""

from __future__ import annotations

import dataclasses
import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from prefect._lazy import lazy
from prefect.types import UTC

if TYPE_CHECKING:
    from prefect.schemas import schedules
else:
    schedules = lazy("prefect.schemas.schedules")


@dataclasses.dataclass(frozen=True)
class Schedule:
    """A schedule of a deployment, with parameters for its runs.

    Attributes:
        interval: The time between two runs.
        cron: A cron expression.
        rrule: An iCalendar recurrence rule. At most one of these three may be set.
        timezone: The zone, by its IANA name, whose clock counts.
        anchor_date: The start of the first interval; the time of creation by default.
        day_or: Whether the day of a cron expression matches by number or weekday rather than by both.
        active: Whether it makes runs.
        parameters: Parameters of its runs, over those of the deployment.
        slug: A name that is unique in the deployment.

    Raises:
        ValueError: It has several of them, or one that is not valid.
    """

    interval: datetime.timedelta | None = None
    cron: str | None = None
    rrule: str | None = None
    timezone: str | None = None
    anchor_date: datetime.datetime = dataclasses.field(default_factory=partial(datetime.datetime.now, UTC))
    day_or: bool = True
    active: bool = True
    parameters: dict[str, Any] = dataclasses.field(default_factory=dict[str, Any])
    slug: str | None = None

    def __post_init__(self) -> None:
        kinds = [name for name in ("interval", "cron", "rrule") if getattr(self, name) is not None]
        if len(kinds) > 1:
            raise ValueError(f"A schedule has one of interval, cron and rrule, and it got {', '.join(kinds)}.")
        if self.cron is not None:
            schedules.validate_cron_string(self.cron)
        if self.rrule is not None:
            schedules.validate_rrule_string(self.rrule)


def Cron(
    cron: str,
    /,
    timezone: str | None = None,
    day_or: bool = True,
    active: bool = True,
    parameters: dict[str, Any] | None = None,
    slug: str | None = None,
) -> Schedule:
    """Return a schedule by a cron expression, for example `Cron("0 9 * * MON-FRI", timezone="Europe/Berlin")`.

    Raises:
        ValueError: It is not a cron expression.
    """
    return Schedule(cron=cron, timezone=timezone, day_or=day_or, active=active, parameters=parameters or {}, slug=slug)


def Interval(
    interval: datetime.timedelta | float | int,
    /,
    anchor_date: datetime.datetime | None = None,
    timezone: str | None = None,
    active: bool = True,
    parameters: dict[str, Any] | None = None,
    slug: str | None = None,
) -> Schedule:
    """Return a schedule by a time between runs, as a timedelta or in seconds, for example `Interval(3600)`."""
    if isinstance(interval, float | int):
        interval = datetime.timedelta(seconds=interval)
    return Schedule(
        interval=interval,
        timezone=timezone,
        anchor_date=anchor_date or datetime.datetime.now(UTC),
        active=active,
        parameters=parameters or {},
        slug=slug,
    )


def RRule(
    rrule: str,
    /,
    timezone: str | None = None,
    active: bool = True,
    parameters: dict[str, Any] | None = None,
    slug: str | None = None,
) -> Schedule:
    """Return a schedule by an iCalendar recurrence rule, for example `RRule("FREQ=MONTHLY;BYMONTHDAY=-1")`.

    Raises:
        ValueError: It is not a recurrence rule.
    """
    return Schedule(rrule=rrule, timezone=timezone, active=active, parameters=parameters or {}, slug=slug)
