"""The schedules of a deployment in all forms that users write them in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, TypeAlias, cast

from pydantic import ValidationError

from prefect.schedules import Schedule
from prefect.schemas.actions import DeploymentScheduleCreate, DeploymentScheduleUpdate
from prefect.schemas.schedules import SCHEDULE_TYPES, as_schedule_type, construct_schedule, is_schedule_type

__all__ = ["FlexibleScheduleList", "create_deployment_schedule_create", "normalize_to_deployment_schedule"]

FlexibleScheduleList: TypeAlias = Sequence[DeploymentScheduleCreate | dict[str, Any] | SCHEDULE_TYPES | Schedule]
"""The schedules of a deployment."""

Interval: TypeAlias = int | float | timedelta

_KINDS = ("interval", "cron", "rrule", "anchor_date", "timezone")
"""The keys of a mapping that say when a schedule is due."""


def create_deployment_schedule_create(
    schedule: SCHEDULE_TYPES | Schedule, active: bool | None = True
) -> DeploymentScheduleCreate:
    """Return the request that adds a schedule to a deployment.

    Args:
        schedule: The schedule, with or without parameters and a slug.
        active: Whether a schedule that does not say so is active.
    """
    if isinstance(schedule, Schedule):
        return DeploymentScheduleCreate.from_schedule(schedule)
    return DeploymentScheduleCreate(schedule=schedule, active=active is not False)


def normalize_to_deployment_schedule(
    schedules: FlexibleScheduleList | None,
) -> list[DeploymentScheduleCreate | DeploymentScheduleUpdate]:
    """Return the requests that add schedules to a deployment.

    Raises:
        ValueError: One is no schedule, or not a valid one.
    """
    return [_normalize(each) for each in schedules or ()]


def build_schedules(
    interval: Iterable[Interval] | Interval | None = None,
    cron: Iterable[str] | str | None = None,
    rrule: Iterable[str] | str | None = None,
    schedule: Schedule | None = None,
    schedules: FlexibleScheduleList | None = None,
) -> list[DeploymentScheduleCreate | DeploymentScheduleUpdate] | None:
    """Return the schedules that the options of a deployment stand for; None when no option has any.

    Raises:
        ValueError: Several options have schedules, or one of these is not valid.
    """
    options = {"interval": interval, "cron": cron, "rrule": rrule, "schedule": schedule, "schedules": schedules}
    chosen = [name for name, value in options.items() if value is not None]
    if len(chosen) > 1:
        raise ValueError(
            f"A deployment has its schedules in one of interval, cron, rrule, schedule and schedules, and "
            f"{', '.join(chosen)} were passed: pass them all as `schedules`."
        )
    if schedules is not None:
        return normalize_to_deployment_schedule(schedules)
    if schedule is not None:
        return [_normalize(schedule)]
    for name in chosen:
        value: Any = options[name]
        values = [value] if isinstance(value, (str, int, float, timedelta)) else list(cast("Iterable[Any]", value))
        return [_normalize({name: each}) for each in values]
    return None


def sets_active(schedule: DeploymentScheduleCreate | DeploymentScheduleUpdate) -> bool:
    """Return whether the author of a schedule has said whether it is active."""
    return "active" in schedule.model_fields_set


def _normalize(schedule: Any) -> DeploymentScheduleCreate | DeploymentScheduleUpdate:
    if isinstance(schedule, (DeploymentScheduleCreate, DeploymentScheduleUpdate)):
        return schedule
    try:
        if isinstance(schedule, Schedule):
            # `active=True` is what a schedule says by default: one that was paused by hand then stays paused.
            fields: dict[str, Any] = {} if schedule.active else {"active": False}
            fields |= {"slug": schedule.slug} if schedule.slug else {}
            return DeploymentScheduleCreate(
                schedule=as_schedule_type(schedule), parameters=schedule.parameters, **fields
            )
        if is_schedule_type(schedule):
            return DeploymentScheduleCreate(schedule=schedule)
        if isinstance(schedule, Mapping):
            return _read_mapping(dict(cast("Mapping[str, Any]", schedule)))
    except ValidationError as error:
        raise ValueError(_describe(error)) from None
    raise ValueError(
        f"{schedule!r} is not a schedule: use Cron, Interval or RRule of prefect.schedules, or a dictionary with one "
        "of interval, cron and rrule."
    )


def _read_mapping(values: dict[str, Any]) -> DeploymentScheduleCreate:
    """Return the schedule of a mapping, which has the key `schedule` or the keys of a schedule itself."""
    if "schedule" not in values:
        times = {name: values.pop(name) for name in _KINDS if name in values}
        day_or = values.pop("day_or", None)
        values["schedule"] = construct_schedule(**times)
        if day_or is not None:
            values["schedule"] = values["schedule"].model_copy(update={"day_or": day_or})
    elif isinstance(values["schedule"], Schedule):
        values["schedule"] = as_schedule_type(values["schedule"])
    return DeploymentScheduleCreate.model_validate(values)


def _describe(error: ValidationError) -> str:
    """Return what is wrong with a schedule in one line."""
    first = error.errors()[0]
    message = first["msg"].removeprefix("Value error, ")
    place = ".".join(str(part) for part in first["loc"])
    return message if first["type"] == "value_error" else f"The schedule's {place or 'value'} is not valid: {message}."
