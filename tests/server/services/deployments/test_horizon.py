"""How far ahead a schedule makes runs, whatever its dates are."""

from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from prefect.server.services.deployments.horizon import Horizon, plan_runs
from prefect.types import UTC

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
USUAL = Horizon(min_runs=3, max_runs=100, min_time=HOUR, max_time=timedelta(days=100))

minutes = st.integers(0, 5000).map(lambda number: timedelta(minutes=number))
horizons = st.builds(
    Horizon,
    min_runs=st.integers(0, 6),
    max_runs=st.integers(0, 12),
    min_time=minutes,
    max_time=minutes.map(lambda time: time * 4),
)
many_dates = st.lists(minutes, unique=True, max_size=40).map(lambda found: sorted(AT + time for time in found))


def every(step: timedelta, number: int = 500) -> list[datetime]:
    return [AT + step * count for count in range(1, number)]


def test_plan_has_min_runs_and_all_within_min_time() -> None:
    assert plan_runs(every(timedelta(days=1)), AT, USUAL).dates == every(timedelta(days=1), 4)
    assert plan_runs(every(timedelta(minutes=10)), AT, USUAL).dates == every(timedelta(minutes=10), 7)


def test_plan_has_max_runs_and_none_after_max_time() -> None:
    assert len(plan_runs(every(timedelta(seconds=1)), AT, USUAL).dates) == 100
    assert plan_runs(every(timedelta(days=60)), AT, USUAL).dates == every(timedelta(days=60), 2)
    assert plan_runs(every(timedelta(days=1)), AT, USUAL.at_most(2)).dates == every(timedelta(days=1), 3)


def test_replan_at_is_when_more_runs_are_needed() -> None:
    # Of four hourly dates the fourth is needed when only two others are left.
    assert plan_runs(every(HOUR), AT, USUAL).replan_at == AT + HOUR
    # Every ten minutes: when the seventh is less than an hour away.
    assert plan_runs(every(timedelta(minutes=10)), AT, USUAL).replan_at == AT + timedelta(minutes=10)


@given(many_dates, horizons)
def test_plan_takes_the_first_dates_within_the_horizon(dates: list[datetime], horizon: Horizon) -> None:
    chosen = plan_runs(dates, AT, horizon).dates
    assert chosen == dates[: len(chosen)]
    assert len(chosen) <= horizon.max_runs
    assert all(date <= AT + horizon.max_time for date in chosen)
    wanted = [date for date in dates if date <= AT + min(horizon.min_time, horizon.max_time)]
    assert len(chosen) >= min(len(wanted), horizon.max_runs)
    possible = [date for date in dates if date <= AT + horizon.max_time]
    assert len(chosen) >= min(len(possible), horizon.min_runs, horizon.max_runs)


@given(many_dates, horizons, minutes)
def test_plan_stays_the_same_until_replan_at(dates: list[datetime], horizon: Horizon, passed: timedelta) -> None:
    first = plan_runs(dates, AT, horizon)
    later = AT + passed
    if later < first.replan_at and len(first.dates) < len(dates):
        again = plan_runs([date for date in dates if date >= later], later, horizon)
        assert set(again.dates) <= set(first.dates)


@given(many_dates, horizons, st.lists(minutes, max_size=30))
def test_planning_at_replan_at_misses_no_date(dates: list[datetime], horizon: Horizon, steps: list[timedelta]) -> None:
    """Rounds come at any times; between two of them not more passes than the horizon is sure to cover."""
    made: set[datetime] = set()
    at = replan_at = AT
    lead = min(horizon.min_time, horizon.max_time) if horizon.max_runs >= len(dates) else timedelta(0)
    for step in steps:
        if at >= replan_at - lead:
            planned = plan_runs([date for date in dates if date >= at], at, horizon)
            made.update(planned.dates)
            replan_at = planned.replan_at
        at += min(step, lead)
        assert all(date in made for date in dates if AT <= date < at)
