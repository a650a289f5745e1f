"""`prefect deployment schedule`: schedules of deployments."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click

from prefect._lazy import lazy
from prefect.cli.core import times
from prefect.cli.core.command import flag, group, output_option, positional
from prefect.cli.core.lookup import get_client, read_all_pages
from prefect.cli.core.output import confirm, describe_error, fail, print_json, print_table
from prefect.cli.deployments import _deployments
from prefect.cli.deployments._deployments import find_deployment

if TYPE_CHECKING:
    from prefect.schemas import schedules
    from prefect.schemas.deployments import DeploymentSchedule
    from prefect.schemas.responses import DeploymentResponse
else:
    schedules = lazy("prefect.schemas.schedules")

command = group("schedule", "Manage schedules of deployments.")

_accept_yes = flag("--accept-yes", "-y", "yes", help="Skip the confirmation.")


def _deployment_argument(option: str = "--deployment-name", required: bool = True) -> Any:
    help = "Pass the name of a deployment, <flow>/<deployment>."
    return positional("deployment_name", help=help, option=option, required=required)


def _schedule_argument(option: str = "--schedule-id", required: bool = True) -> Any:
    return positional(
        "schedule_id", help="Pass the id of a schedule.", type=click.UUID, option=option, required=required
    )


@command.command("ls")
@_deployment_argument()
@output_option
def ls(deployment_name: str, output: str | None) -> None:
    """List the schedules of a deployment."""
    found = get_client().read_deployment_schedules(find_deployment(deployment_name).id)
    if output:
        return print_json(
            [{**one.model_dump(mode="json"), "schedule": _deployments.describe_rule(one.schedule)} for one in found]
        )
    return print_table(
        ["ID", "Schedule", "Active"],
        [[one.id, _deployments.describe_schedule(one.schedule), one.active] for one in found],
    )


@command.command("create")
@positional("name", help="Pass the name of a deployment, <flow>/<deployment>.")
@click.option("--interval", type=click.FloatRange(min=0, min_open=True), help="Seconds between two runs.")
@click.option("--anchor-date", "interval_anchor", metavar="TIME", help="Time that an interval is aligned to.")
@click.option(
    "--rrule", "rrule_string", metavar="RULE", help="Recurrence rule (RFC 5545), or a JSON object with `rrule`."
)
@click.option("--cron", "cron_string", metavar="EXPRESSION", help="Cron expression.")
@flag("--day_or", "cron_day_or", default=True, help="Match a cron day by month or week instead of both.")
@click.option("--timezone", metavar="ZONE", help="Time zone, for example 'Europe/Berlin'.")
@flag("--active", default=True, help="Activate the schedule.")
@flag("--replace", help="Replace the existing schedules of the deployment.")
@_accept_yes
def create(
    name: str,
    interval: float | None,
    interval_anchor: str | None,
    rrule_string: str | None,
    cron_string: str | None,
    cron_day_or: bool,
    timezone: str | None,
    active: bool,
    replace: bool,
    yes: bool,
) -> None:
    """Add a schedule to a deployment."""
    if sum(value is not None for value in (interval, rrule_string, cron_string)) != 1:
        fail("Pass one of --interval, --rrule and --cron.")
    if interval_anchor is not None and interval is None:
        fail("--anchor-date requires --interval.")
    schedule = _build_schedule(interval, interval_anchor, rrule_string, cron_string, cron_day_or, timezone)
    deployment = find_deployment(name)
    replaced = get_client().read_deployment_schedules(deployment.id) if replace else []
    if replaced and not yes:
        confirm(f"Replace {_format_count(replaced)} of {name!r}?")
    get_client().create_deployment_schedules(deployment.id, [(schedule, active)])
    _delete_schedules(deployment, replaced)
    suffix = f" and replaced {_format_count(replaced)}" if replaced else ""
    click.echo(f"Added the schedule '{_deployments.describe_schedule(schedule)}' to {name!r}{suffix}.")


def _build_schedule(
    interval: float | None, anchor: str | None, rrule: str | None, cron: str | None, day_or: bool, timezone: str | None
) -> Any:
    options: dict[str, Any] = {"timezone": timezone} if timezone else {}
    try:
        if interval is not None:
            if anchor is not None:
                options["anchor_date"] = times.parse_time(anchor, "--anchor-date")
            return schedules.IntervalSchedule(interval=interval, **options)  # pyright: ignore[reportArgumentType]
        if cron is not None:
            return schedules.CronSchedule(cron=cron, day_or=day_or, **options)
        assert rrule is not None
        if rrule.lstrip().startswith("{"):
            return schedules.RRuleSchedule(**{**_deployments.parse_json_object(rrule, "--rrule"), **options})
        return schedules.RRuleSchedule(rrule=rrule, **options)
    except ValueError as error:
        fail(f"Invalid schedule: {describe_error(error)}.")


def _format_count(found: list[DeploymentSchedule]) -> str:
    return f"{len(found)} schedule{'' if len(found) == 1 else 's'}"


def _delete_schedules(deployment: DeploymentResponse, found: list[DeploymentSchedule]) -> None:
    for one in found:
        get_client().delete_deployment_schedule(deployment.id, one.id)


@command.command("delete")
@_deployment_argument()
@_schedule_argument()
@_accept_yes
def delete(deployment_name: str, schedule_id: UUID, yes: bool) -> None:
    """Delete a schedule of a deployment."""
    deployment, one = _find_schedule(deployment_name, schedule_id)
    if not yes:
        confirm(f"Delete the schedule '{_deployments.describe_schedule(one.schedule)}' of {deployment_name!r}?")
    _delete_schedules(deployment, [one])
    click.echo(f"Deleted the schedule {schedule_id} of {deployment_name!r}.")


def _find_schedule(deployment_name: str, schedule_id: UUID) -> tuple[DeploymentResponse, DeploymentSchedule]:
    deployment = find_deployment(deployment_name)
    for one in get_client().read_deployment_schedules(deployment.id):
        if one.id == schedule_id:
            return deployment, one
    fail(
        f"The deployment {deployment_name!r} has no schedule {str(schedule_id)!r}. "
        f"`prefect deployment schedule ls {deployment_name!r}` lists them."
    )


def _one_or_all_schedules(function: Callable[..., Any]) -> Callable[..., Any]:
    function = flag("--all", "all_schedules", help="Apply to all schedules of all deployments.")(function)
    function = _schedule_argument("--schedule_id", required=False)(function)
    return _deployment_argument("--deployment_name", required=False)(function)


@command.command("pause")
@_one_or_all_schedules
def pause(deployment_name: str | None, schedule_id: UUID | None, all_schedules: bool) -> None:
    """Pause a schedule, so that it creates no runs."""
    _set_active(deployment_name, schedule_id, all_schedules, active=False)


@command.command("resume")
@_one_or_all_schedules
def resume(deployment_name: str | None, schedule_id: UUID | None, all_schedules: bool) -> None:
    """Resume a paused schedule."""
    _set_active(deployment_name, schedule_id, all_schedules, active=True)


def _set_active(deployment_name: str | None, schedule_id: UUID | None, all_schedules: bool, *, active: bool) -> None:
    done = "Resumed" if active else "Paused"
    if all_schedules:
        if deployment_name or schedule_id:
            fail("Pass either --all or one schedule.")
        return _set_all_active(active, done)
    if deployment_name is None or schedule_id is None:
        fail("Pass a deployment and the id of one of its schedules, or --all.")
    deployment, one = _find_schedule(deployment_name, schedule_id)
    if one.active is active:
        return click.echo(
            f"The schedule {schedule_id} of {deployment_name!r} is already {'active' if active else 'paused'}."
        )
    get_client().update_deployment_schedule(deployment.id, schedule_id, active=active)
    return click.echo(f"{done} the schedule {schedule_id} of {deployment_name!r}.")


def _set_all_active(active: bool, done: str) -> None:
    found = read_all_pages(lambda limit, offset: get_client().read_deployments(limit=limit, offset=offset))
    wanted = [(deployment, one) for deployment in found for one in deployment.schedules if one.active is not active]
    if wanted:
        confirm(f"{'Resume' if active else 'Pause'} {_format_count([one for _, one in wanted])} of all deployments?")
    for deployment, one in wanted:
        get_client().update_deployment_schedule(deployment.id, one.id, active=active)
    click.echo(f"{done} {_format_count([one for _, one in wanted])}.")


@command.command("clear")
@_deployment_argument()
@_accept_yes
def clear(deployment_name: str, yes: bool) -> None:
    """Delete all schedules of a deployment."""
    deployment = find_deployment(deployment_name)
    found = get_client().read_deployment_schedules(deployment.id)
    if found and not yes:
        confirm(f"Delete {_format_count(found)} of {deployment_name!r}?")
    _delete_schedules(deployment, found)
    click.echo(f"Deleted {_format_count(found)} of {deployment_name!r}.")
