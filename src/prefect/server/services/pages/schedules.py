"""The next times of a schedule that is being written, for the web page."""

from __future__ import annotations

from datetime import datetime

from typing_extensions import TypedDict

from prefect.schemas import dates
from prefect.schemas.schedules import SCHEDULE_TYPES
from prefect.server.services.core.errors import InvalidRequest
from prefect.types import now


class SchedulePreview(TypedDict):
    """The next times of a schedule, in its own time zone."""

    dates: list[datetime]


def preview_schedule(schedule: SCHEDULE_TYPES, count: int) -> SchedulePreview:
    """Return the next times of a schedule.

    Raises:
        InvalidRequest: Its times cannot be computed.
    """
    try:
        return {"dates": dates.next_dates(schedule, count, now())}
    except (ValueError, ArithmeticError) as error:
        raise InvalidRequest(f"The times of this schedule cannot be computed: {error}") from None
