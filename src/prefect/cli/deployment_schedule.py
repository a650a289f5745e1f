"""`prefect deployment schedule`: when a deployment runs by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import click

from prefect._lazy import lazy
from prefect.cli import _deployments
from prefect.cli._deployments import find
from prefect.cli._finding import client, pages
from prefect.cli._frame import flag, group, output_option, positional
from prefect.cli._output import confirm, fail, print_json, print_table, reason

if TYPE_CHECKING:
    from prefect.schemas import schedules
    from prefect.schemas.deployments import DeploymentSchedule
    from prefect.schemas.responses import DeploymentResponse
else:
    schedules = lazy("prefect.schemas.schedules")

command = group("schedule", "When deployments run by themselves.")

_yes = flag("--accept-yes", "-y", "yes", help="Do not ask.")


def _deployment(option: str = "--deployment-name", required: bool = True) -> Any:
    wanted = "Give the name of a deployment, <flow>/<deployment>."
    return positional("deployment_name", help=wanted, option=option, required=required)


def _schedule(option: str = "--schedule-id", required: bool = True) -> Any:
    return positional(
        "schedule_id", help="Give the id of a schedule.", type=click.UUID, option=option, required=required
    )


@command.command("ls")
@_deployment()
@output_option
def ls(deployment_name: str, output: str | None) -> None:
    """List the schedules of a deployment."""
    found = client().read_deployment_schedules(find(deployment_name).id)
    if output:
        return print_json(
            [{**one.model_dump(mode="json"), "schedule": _deployments.describe(one.schedule)} for one in found]
        )
    return print_table(
        ["ID", "Schedule", "Active"], [[one.id, _deployments.describe(one.schedule), one.active] for one in found]
    )


@command.command("create")
@positional("name", help="Give the name of a deployment, <flow>/<deployment>.")
@click.option("--interval", type=click.FloatRange(min=0, min_open=True), help="Seconds between two runs.")
@click.option("--anchor-date", "interval_anchor", metavar="TIME", help="A time at which an interval begins.")
@click.option("--rrule", "rrule_string", metavar="RULE", help="A recurrence rule (RFC 5545), or JSON with one.")
@click.option("--cron", "cron_string", metavar="EXPRESSION", help="A cron expression.")
@flag("--day_or", "cron_day_or", default=True, help="A cron day matches by month or by week, rather than by both.")
@click.option("--timezone", metavar="ZONE", help="The time zone, for instance 'Europe/Berlin'.")
@flag("--active", default=True, help="Whether it makes runs.")
@flag("--replace", help="In place of the schedules that the deployment has.")
@_yes
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
        fail("Give one of --interval, --rrule and --cron.")
    if interval_anchor is not None and interval is None:
        fail("--anchor-date goes with --interval.")
    schedule = _make(interval, interval_anchor, rrule_string, cron_string, cron_day_or, timezone)
    deployment = find(name)
    before = client().read_deployment_schedules(deployment.id) if replace else []
    if before and not yes:
        confirm(f"Delete {_count(before)} of {name!r} for the new one?")
    client().create_deployment_schedules(deployment.id, [(schedule, active)])
    _delete(deployment, before)
    instead = f", in place of {_count(before)}" if before else ""
    click.echo(f"Added the schedule '{_deployments.describe(schedule)}' to {name!r}{instead}.")


def _make(
    interval: float | None, anchor: str | None, rrule: str | None, cron: str | None, day_or: bool, timezone: str | None
) -> Any:
    given: dict[str, Any] = {"timezone": timezone} if timezone else {}
    try:
        if interval is not None:
            if anchor is not None:
                given["anchor_date"] = _deployments.read_time(anchor, "--anchor-date")
            return schedules.IntervalSchedule(interval=interval, **given)  # pyright: ignore[reportArgumentType]
        if cron is not None:
            return schedules.CronSchedule(cron=cron, day_or=day_or, **given)
        assert rrule is not None
        if rrule.lstrip().startswith("{"):
            return schedules.RRuleSchedule(**{**_deployments.read_object(rrule, "--rrule"), **given})
        return schedules.RRuleSchedule(rrule=rrule, **given)
    except ValueError as error:
        fail(f"This is no schedule: {reason(error)}.")


def _count(found: list[DeploymentSchedule]) -> str:
    return f"{len(found)} schedule{'' if len(found) == 1 else 's'}"


def _delete(deployment: DeploymentResponse, found: list[DeploymentSchedule]) -> None:
    for one in found:
        client().delete_deployment_schedule(deployment.id, one.id)


@command.command("delete")
@_deployment()
@_schedule()
@_yes
def delete(deployment_name: str, schedule_id: UUID, yes: bool) -> None:
    """Delete a schedule of a deployment."""
    deployment, one = _find(deployment_name, schedule_id)
    if not yes:
        confirm(f"Delete the schedule '{_deployments.describe(one.schedule)}' of {deployment_name!r}?")
    _delete(deployment, [one])
    click.echo(f"Deleted the schedule {schedule_id} of {deployment_name!r}.")


def _find(deployment_name: str, schedule_id: UUID) -> tuple[DeploymentResponse, DeploymentSchedule]:
    deployment = find(deployment_name)
    for one in client().read_deployment_schedules(deployment.id):
        if one.id == schedule_id:
            return deployment, one
    fail(
        f"The deployment {deployment_name!r} has no schedule {str(schedule_id)!r}. "
        f"`prefect deployment schedule ls {deployment_name!r}` lists them."
    )


@command.command("pause")
@_deployment("--deployment_name", required=False)
@_schedule("--schedule_id", required=False)
@flag("--all", "every", help="All schedules of all deployments.")
def pause(deployment_name: str | None, schedule_id: UUID | None, every: bool) -> None:
    """Let a schedule make no more runs."""
    _switch(deployment_name, schedule_id, every, active=False)


@command.command("resume")
@_deployment("--deployment_name", required=False)
@_schedule("--schedule_id", required=False)
@flag("--all", "every", help="All schedules of all deployments.")
def resume(deployment_name: str | None, schedule_id: UUID | None, every: bool) -> None:
    """Let a schedule make runs again."""
    _switch(deployment_name, schedule_id, every, active=True)


def _switch(deployment_name: str | None, schedule_id: UUID | None, every: bool, *, active: bool) -> None:
    done = "Resumed" if active else "Paused"
    if every:
        if deployment_name or schedule_id:
            fail("Give either --all or one schedule.")
        return _switch_all(active, done)
    if deployment_name is None or schedule_id is None:
        fail("Give a deployment and the id of one of its schedules, or --all.")
    deployment, one = _find(deployment_name, schedule_id)
    if one.active is active:
        return click.echo(
            f"The schedule {schedule_id} of {deployment_name!r} is {'active' if active else 'paused'} already."
        )
    client().update_deployment_schedule(deployment.id, schedule_id, active=active)
    return click.echo(f"{done} the schedule {schedule_id} of {deployment_name!r}.")


def _switch_all(active: bool, done: str) -> None:
    found = pages(lambda limit, offset: client().read_deployments(limit=limit, offset=offset))
    wanted = [(deployment, one) for deployment in found for one in deployment.schedules if one.active is not active]
    if wanted:
        confirm(f"{'Resume' if active else 'Pause'} {_count([one for _, one in wanted])} of all deployments?")
    for deployment, one in wanted:
        client().update_deployment_schedule(deployment.id, one.id, active=active)
    click.echo(f"{done} {_count([one for _, one in wanted])}.")


@command.command("clear")
@_deployment()
@_yes
def clear(deployment_name: str, yes: bool) -> None:
    """Delete all schedules of a deployment."""
    deployment = find(deployment_name)
    found = client().read_deployment_schedules(deployment.id)
    if found and not yes:
        confirm(f"Delete {_count(found)} of {deployment_name!r}?")
    _delete(deployment, found)
    click.echo(f"Deleted {_count(found)} of {deployment_name!r}.")
