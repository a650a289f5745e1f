"""Shared parts of the deployment commands: lookup, parsing of run options, formatting of schedules.

It must not depend on any command.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from prefect._lazy import lazy
from prefect.cli.core.formats import format_duration
from prefect.cli.core.lookup import (
    fail_not_found,
    find_by_name,
    get_client,
    parse_uuid,
    read_all_pages,
    read_flow_names,
)
from prefect.cli.core.output import fail
from prefect.exceptions import ObjectNotFound

if TYPE_CHECKING:
    from prefect.schemas.responses import DeploymentResponse
    from prefect.types import json_codec
else:
    json_codec = lazy("prefect.types.json_codec")


def find_deployment(name: str | None, id: UUID | str | None = None) -> DeploymentResponse:
    """Return the deployment with this name, `<flow>/<deployment>`, or this id."""
    if (name is None) == (id is None):
        fail("Pass either the name of a deployment, <flow>/<deployment>, or --id.")
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
    """Return deployment id to full name, `<flow>/<deployment>`."""
    deployments = list(deployments)
    flows = read_flow_names({deployment.flow_id for deployment in deployments})
    return {one.id: f"{flows.get(one.flow_id, one.flow_id)}/{one.name}" for one in deployments}


def describe_schedule(schedule: Any) -> str:
    """Format a schedule, with its time zone where that is not UTC: `cron: 0 0 * * * (Europe/Berlin)`."""
    zone = getattr(schedule, "timezone", None)
    return f"{describe_rule(schedule)}{f' ({zone})' if zone and zone != 'UTC' else ''}"


def describe_rule(schedule: Any) -> str:
    """Format a schedule without its time zone: `cron: 0 0 * * *`."""
    if getattr(schedule, "cron", None):
        return f"cron: {schedule.cron}"
    if getattr(schedule, "rrule", None):
        return f"rrule: {schedule.rrule}"
    if getattr(schedule, "interval", None):
        return f"interval: {format_duration(schedule.interval)}"
    return "none"


# --- options of a run ------------------------------------------------------------------------------------------------


def parse_pairs(texts: Sequence[str], option: str) -> dict[str, Any]:
    """Parse `NAME=VALUE` texts; a value that is not JSON is a string."""
    values: dict[str, Any] = {}
    for pair in texts:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            fail(f"{option} expects NAME=VALUE, got {pair!r}.")
        try:
            values[name] = json_codec.loads(value)
        except ValueError:
            values[name] = value
    return values


def parse_json_object(text: str | None, option: str) -> dict[str, Any]:
    """Parse a JSON object; `-` reads it from standard input."""
    if text is None:
        return {}
    try:
        values = json_codec.loads(sys.stdin.read() if text == "-" else text)
    except ValueError as error:
        fail(f"{option} expects a JSON object, got invalid JSON: {error}.")
    if not isinstance(values, dict):
        fail(f"{option} expects a JSON object, got a {type(values).__name__}.")
    return values


def check_parameters(deployment: DeploymentResponse, parameters: Mapping[str, Any]) -> None:
    """Fail if the flow of a deployment lacks one of these parameters."""
    known = (deployment.parameter_openapi_schema or {}).get("properties")
    if known is None:
        return
    unknown = sorted(set(parameters) - set(known))
    if unknown:
        fail(
            f"The deployment {deployment.name!r} has no parameter {', '.join(map(repr, unknown))}; "
            f"it has {', '.join(map(repr, known)) or 'none'}."
        )
