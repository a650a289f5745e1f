"""What the commands on deployments share: finding one, reading what is given for a run, describing schedules.

It must not know which command asks.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from prefect._lazy import lazy
from prefect.cli._lookup import PAGE_SIZE, fail_not_found, find_by_name, get_client, parse_uuid, read_all_pages
from prefect.cli._output import fail, format_duration
from prefect.exceptions import ObjectNotFound
from prefect.types import now

if TYPE_CHECKING:
    import orjson
    from dateutil import parser as dateutil_parser

    from prefect.schemas import filters
    from prefect.schemas.responses import DeploymentResponse
else:
    dateutil_parser = lazy("dateutil.parser")
    filters = lazy("prefect.schemas.filters")
    orjson = lazy("orjson")


def find_deployment(name: str | None, id: UUID | str | None = None) -> DeploymentResponse:
    """The deployment of this name, `<flow>/<deployment>`, or with this id."""
    if (name is None) == (id is None):
        fail("Give either the name of a deployment, <flow>/<deployment>, or --id.")
    if id is None:
        assert name is not None
        if "/" in name:
            return find_by_name("deployment", name, get_client().read_deployment_by_name, _list_full_names)
        id = name
    wanted = id if isinstance(id, UUID) else parse_uuid(id)
    if wanted is None:
        fail_not_found("deployment", str(id), _list_full_names())
    try:
        return get_client().read_deployment(wanted)
    except ObjectNotFound:
        fail_not_found("deployment", str(wanted), [])


def _list_full_names() -> list[str]:
    found = read_all_pages(lambda limit, offset: get_client().read_deployments(limit=limit, offset=offset))
    return list(read_full_names(found).values())


def read_full_names(deployments: Iterable[DeploymentResponse]) -> dict[UUID, str]:
    """The names of deployments with those of their flows, by their ids."""
    deployments = list(deployments)
    ids = sorted({deployment.flow_id for deployment in deployments})
    flows: dict[UUID, str] = {}
    for start in range(0, len(ids), PAGE_SIZE):
        some = filters.FlowFilter(id=filters.FlowFilterId(any_=ids[start : start + PAGE_SIZE]))
        flows.update((flow.id, flow.name) for flow in get_client().read_flows(flow_filter=some, limit=PAGE_SIZE))
    return {one.id: f"{flows.get(one.flow_id, one.flow_id)}/{one.name}" for one in deployments}


def describe_schedule(schedule: Any) -> str:
    """A schedule for people: `cron: 0 0 * * *`."""
    if getattr(schedule, "cron", None):
        return f"cron: {schedule.cron}"
    if getattr(schedule, "rrule", None):
        return f"rrule: {schedule.rrule}"
    if getattr(schedule, "interval", None):
        return f"interval: {format_duration(schedule.interval)}"
    return "none"


# --- what is given for a run -----------------------------------------------------------------------------------------


def parse_pairs(texts: Sequence[str], option: str) -> dict[str, Any]:
    """What `NAME=VALUE`s say; a value is JSON where it is that, else a text."""
    values: dict[str, Any] = {}
    for pair in texts:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            fail(f"{option} takes NAME=VALUE, and {pair!r} is none.")
        try:
            values[name] = orjson.loads(value)
        except ValueError:
            values[name] = value
    return values


def parse_json_object(text: str | None, option: str) -> dict[str, Any]:
    """What a JSON object says; `-` reads it from the standard input."""
    if text is None:
        return {}
    try:
        values = orjson.loads(sys.stdin.read() if text == "-" else text)
    except ValueError as error:
        fail(f"{option} takes a JSON object, and this is no JSON ({error}).")
    if not isinstance(values, dict):
        fail(f"{option} takes a JSON object, and this is a {type(values).__name__}.")
    return values


def check_parameters(deployment: DeploymentResponse, parameters: Mapping[str, Any]) -> None:
    """Fail when there are parameters that the flow does not have."""
    known = (deployment.parameter_openapi_schema or {}).get("properties")
    if known is None:
        return
    unknown = sorted(set(parameters) - set(known))
    if unknown:
        fail(
            f"The deployment {deployment.name!r} has no parameter {', '.join(map(repr, unknown))}; "
            f"it has {', '.join(map(repr, known)) or 'none'}."
        )


_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_DURATION_PART = re.compile(
    r"(\d+(?:\.\d+)?|an?)\s*(seconds?|secs?|s|minutes?|mins?|m|hours?|hrs?|h|days?|d|weeks?|w)(?![a-z])"
)


def parse_due_time(start_in: str | None, start_at: str | None) -> datetime:
    """When a run is due: now, unless `--start-in` or `--start-at` says otherwise."""
    if start_in is not None and start_at is not None:
        fail("Use --start-in or --start-at, not both.")
    if start_in is not None:
        return now() + _parse_duration(start_in)
    return now() if start_at is None else parse_time(start_at, "--start-at")


def _parse_duration(text: str) -> timedelta:
    plain = re.sub(r"^in |\band\b|,", " ", text.strip().lower())
    left = _DURATION_PART.sub(" ", plain).strip()
    found = _DURATION_PART.findall(plain)
    if not found or left:
        fail(f"--start-in takes a time such as '5 minutes' or '1h 30m', and {text!r} is none.")
    span = timedelta()
    for count, unit in found:
        span += timedelta(**{_UNITS[unit[0]]: 1.0 if count[0] == "a" else float(count)})
    return span


def parse_time(text: str, option: str) -> datetime:
    """The time that a text names, in this place's zone unless it says which."""
    try:
        time = dateutil_parser.parse(text)
    except (ValueError, OverflowError):
        fail(f"{option} takes a time such as '2030-01-31 08:30', and {text!r} is none.")
    return time.astimezone()
