"""The schedules of a deployment in a project file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from pydantic import TypeAdapter

from prefect.deployments.spec import ScheduleSpec
from prefect.deployments.yaml.project import DeploymentEntry
from prefect.schemas.actions import DeploymentScheduleCreate
from prefect.schemas.schedules import SCHEDULE_TYPES, CronSchedule, IntervalSchedule, RRuleSchedule
from prefect.types import UTC

KINDS = ("cron", "interval", "rrule")


def build_schedules(entry: DeploymentEntry, clear_on_empty: bool) -> tuple[ScheduleSpec, ...] | None:
    """Return the schedules of a deployment; None if it says nothing of them.

    Args:
        entry: The deployment.
        clear_on_empty: Whether an empty list means that there are none; otherwise it says nothing.

    Raises:
        ProjectFileError: A schedule is not valid.
    """
    key = "schedules" if entry.values.get("schedules") is not None else "schedule"
    written: Any = entry.values.get(key)
    if written is None:
        return None
    if isinstance(written, Mapping):  # `schedule: {}` has always meant none
        key_paths: list[tuple[str | int, ...]] = [(key,)] if written else []
        items = [written] if written else []
        clear_on_empty = True
    else:
        key_paths = [(key, position) for position in range(len(written))]
        items = list(written)
    if not items:
        return () if clear_on_empty else None
    specs = tuple(_build_schedule(entry, key_path, item) for key_path, item in zip(key_paths, items, strict=True))
    _check_slugs(entry, key_paths, specs)
    return specs


def _build_schedule(entry: DeploymentEntry, key_path: Sequence[str | int], item: Mapping[str, Any]) -> ScheduleSpec:
    values = {name: value for name, value in item.items() if value is not None}
    kinds = [kind for kind in KINDS if kind in values]
    if len(kinds) != 1:
        found = f"it has {' and '.join(kinds)}" if kinds else "it has none of them"
        raise entry.error(key_path, f"A schedule has one of cron, interval and rrule, and {found}.")
    kind = kinds[0]
    try:
        schedule = _BUILDERS[kind](values)
    except ValueError as error:
        raise entry.error((*key_path, _find_wrong_key(values, kind, error)), _first_reason(error)) from error
    fields = {name: values[name] for name in ("parameters", "slug", "replaces") if name in values}
    active = values.get("active")
    create = DeploymentScheduleCreate(schedule=schedule, **({} if active is None else {"active": active}), **fields)
    return ScheduleSpec(schedule=create, sets_active=active is not None)


def _build_cron(values: Mapping[str, Any]) -> SCHEDULE_TYPES:
    _refuse(values, "anchor_date", "an interval")
    optional = {name: values[name] for name in ("timezone", "day_or") if name in values}
    return CronSchedule(cron=values["cron"], **optional)


def _build_interval(values: Mapping[str, Any]) -> SCHEDULE_TYPES:
    _refuse(values, "day_or", "a cron expression")
    optional: dict[str, Any] = {name: values[name] for name in ("timezone",) if name in values}
    if "anchor_date" in values:
        anchor = datetime.fromisoformat(str(values["anchor_date"]).replace("Z", "+00:00"))
        optional["anchor_date"] = anchor if anchor.tzinfo else anchor.replace(tzinfo=UTC)
    return IntervalSchedule(interval=_parse_interval(values["interval"]), **optional)


def _build_rrule(values: Mapping[str, Any]) -> SCHEDULE_TYPES:
    _refuse(values, "anchor_date", "an interval")
    _refuse(values, "day_or", "a cron expression")
    optional = {name: values[name] for name in ("timezone",) if name in values}
    text = str(values["rrule"]).strip()
    if text.startswith("{"):  # as --rrule has it
        optional = {**json.loads(text), **optional}
        text = str(optional.pop("rrule", ""))
    return RRuleSchedule(rrule=text, **optional)


_BUILDERS = {"cron": _build_cron, "interval": _build_interval, "rrule": _build_rrule}


def _parse_interval(value: Any) -> timedelta:
    """Return an interval: a number of seconds, an ISO 8601 duration, or HH:MM:SS."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return _parse_duration(value)
    return timedelta(seconds=value)


def _parse_duration(text: str) -> timedelta:
    try:
        return TypeAdapter(timedelta).validate_python(text)
    except ValueError:
        raise ValueError(
            f"{text!r} is not an interval: use seconds, an ISO 8601 duration such as PT1H, or HH:MM:SS"
        ) from None


def _refuse(values: Mapping[str, Any], name: str, owner: str) -> None:
    if name in values:
        raise ValueError(f"Only {owner} has {name!r}: leave it out.")


def _find_wrong_key(values: Mapping[str, Any], kind: str, error: ValueError) -> str:
    """Return the key that an error is about."""
    text = str(error)
    for name in ("timezone", "anchor_date", "day_or"):
        if name in values and (name in text or ("time zone" in text and name == "timezone")):
            return name
    return kind


def _first_reason(error: ValueError) -> str:
    errors: Any = getattr(error, "errors", None)
    text = errors()[0]["msg"].removeprefix("Value error, ") if errors is not None else str(error)
    return f"{' '.join(text.split()).rstrip('.')}."


def _check_slugs(
    entry: DeploymentEntry, key_paths: Sequence[Sequence[str | int]], specs: Sequence[ScheduleSpec]
) -> None:
    known: set[str] = set()
    for key_path, spec in zip(key_paths, specs, strict=True):
        slug = spec.schedule.slug
        if slug in known:
            raise entry.error((*key_path, "slug"), f"The slug {slug!r} is used by another schedule of this deployment.")
        known |= {slug} if slug else set()
