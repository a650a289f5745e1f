"""The schedules at the server's path have their dates."""

from datetime import UTC, datetime, timedelta

import pytest

from prefect.schemas import schedules as own
from prefect.server.schemas.schedules import CronSchedule, IntervalSchedule, RRuleSchedule

START = datetime(2024, 1, 1, tzinfo=UTC)
DAYS = [START + timedelta(days=day) for day in range(3)]


@pytest.mark.parametrize(
    "schedule",
    [
        CronSchedule(cron="0 0 * * *"),
        IntervalSchedule(interval=timedelta(days=1), anchor_date=START),
        RRuleSchedule(rrule="FREQ=DAILY"),
    ],
)
async def test_get_dates_are_bound_by_number_or_end(schedule: CronSchedule | IntervalSchedule | RRuleSchedule):
    assert await schedule.get_dates(n=3, start=START) == DAYS
    assert await schedule.get_dates(start=START, end=DAYS[1]) == DAYS[:2]
    assert await schedule.get_dates(start=START) == DAYS[:1]


def test_schedule_is_one_of_the_api():
    assert isinstance(CronSchedule(cron="0 0 * * *"), own.CronSchedule)
