"""`prefect deployment`: list, inspect, run and delete deployments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

import click

from prefect._lazy import lazy, lazy_from
from prefect.cli.core import times
from prefect.cli.core.command import flag, group, multiple_option, output_option, positional
from prefect.cli.core.formats import as_text, format_age, format_time
from prefect.cli.core.lookup import get_client, read_all_pages
from prefect.cli.core.output import confirm, fail, print_fields, print_json, print_table
from prefect.cli.deployments import _deployments
from prefect.cli.deployments._deployments import find_deployment, read_full_names
from prefect.cli.deployments.deployment_schedule import command as schedule

if TYPE_CHECKING:
    from prefect.cli.runs import _follow
    from prefect.schemas import filters, sorting, states
    from prefect.schemas.responses import DeploymentResponse
else:
    _follow = lazy("prefect.cli.runs._follow")
    filters, sorting, states = lazy_from("prefect.schemas", "filters", "sorting", "states")

command = group("deployment", "Manage deployments, their runs and schedules.")
command.add_command(schedule)


@command.command("ls")
@positional("flow_name", help="Pass names of flows.", required=False, multiple=True, option="--flow_name")
@flag("--by-created", help="Sort by creation time, newest first, instead of by name.")
@output_option
def ls(flow_name: tuple[str, ...], by_created: bool, output: str | None) -> None:
    """List deployments, of all flows or of the named ones."""
    flows = filters.FlowFilter(name=filters.FlowFilterName(any_=list(flow_name))) if flow_name else None
    found = read_all_pages(
        lambda limit, offset: get_client().read_deployments(
            flow_filter=flows, sort=sorting.DeploymentSort.CREATED_DESC, limit=limit, offset=offset
        )
    )
    names = read_full_names(found)
    if not by_created:
        found.sort(key=lambda deployment: names[deployment.id])
    if output:
        return print_json(found)
    return print_table(
        ["Name", "ID", "Work pool"],
        [[names[deployment.id], deployment.id, deployment.work_pool_name] for deployment in found],
    )


@command.command("inspect")
@positional("name", help="Pass the name of a deployment, <flow>/<deployment>.")
@output_option
def inspect(name: str, output: str | None) -> None:
    """Show a deployment and its related automations."""
    deployment = find_deployment(name)
    automations = get_client().read_resource_related_automations(f"prefect.deployment.{deployment.id}")
    if output:
        shown = deployment.model_dump(mode="json")
        return print_json({**shown, "automations": [one.model_dump(mode="json") for one in automations]})
    print_fields(
        {
            "ID": deployment.id,
            "Name": read_full_names([deployment])[deployment.id],
            "Description": deployment.description,
            "Version": deployment.version,
            "Status": deployment.status and deployment.status.value,
            "Paused": "yes" if deployment.paused else None,
            "Entrypoint": deployment.entrypoint,
            "Path": deployment.path,
            "Work pool": deployment.work_pool_name,
            "Work queue": deployment.work_queue_name,
            "Concurrency limit": _describe_limit(deployment),
            "Tags": ", ".join(deployment.tags) or None,
            "Job variables": as_text(deployment.job_variables) if deployment.job_variables else None,
            "Pull steps": as_text(deployment.pull_steps) if deployment.pull_steps else None,
            "Created": format_age(deployment.created),
            "Updated": format_age(deployment.updated),
            "Schedules": "; ".join(
                f"{_deployments.describe_schedule(one.schedule)}{'' if one.active else ' (paused)'}"
                for one in deployment.schedules
            )
            or None,
            "Automations": ", ".join(repr(one.name) for one in automations) or None,
            **{f"Parameter {key}": repr(value) for key, value in deployment.parameters.items()},
        }
    )
    return None


def _describe_limit(deployment: DeploymentResponse) -> str | None:
    """Return the limit of a deployment with what happens to the runs that exceed it."""
    limit, options = deployment.global_concurrency_limit, deployment.concurrency_options
    if limit is None:
        return None
    strategy = options.collision_strategy.value if options else "ENQUEUE"
    return f"{limit.limit} (collision strategy {strategy})"


@command.command("delete")
@positional("name", help="Pass the name of a deployment, <flow>/<deployment>.", required=False)
@click.option("--id", "deployment_id", type=click.UUID, help="Id of the deployment.")
@flag("--all", "delete_all", help="Delete all deployments.")
def delete(name: str | None, deployment_id: UUID | None, delete_all: bool) -> None:
    """Delete a deployment, or all of them."""
    if delete_all:
        if name or deployment_id:
            fail("Pass either --all or one deployment.")
        found = read_all_pages(lambda limit, offset: get_client().read_deployments(limit=limit, offset=offset))
        if not found:
            return click.echo("There are no deployments.")
        confirm(f"Delete all {len(found)} deployments?")
        for deployment in found:
            get_client().delete_deployment(deployment.id)
        return click.echo(f"Deleted {len(found)} deployment{'' if len(found) == 1 else 's'}.")
    deployment = find_deployment(name, deployment_id)
    full_name = read_full_names([deployment])[deployment.id]
    confirm(f"Delete the deployment {full_name!r}?")
    get_client().delete_deployment(deployment.id)
    return click.echo(f"Deleted deployment {full_name!r}.")


@command.command("run")
@positional("name", help="Pass the name of a deployment, <flow>/<deployment>.", required=False)
@click.option("--id", "deployment_id", metavar="ID", help="Id of the deployment.")
@multiple_option("--job-variable", "job_variables", metavar="NAME=VALUE", help="Job variable of the run")
@multiple_option(
    "--param", "-p", "params", metavar="NAME=VALUE", help="Parameter of the run; VALUE is JSON or a string"
)
@click.option(
    "--params", "multiparams", metavar="JSON", help="Parameters as a JSON object; - reads it from standard input."
)
@click.option("--start-in", metavar="TIME", help="Delay of the start: '5 minutes', '1h 30m'.")
@click.option("--start-at", metavar="TIME", help="Start time in the local zone: 'tomorrow 5pm', '2030-01-31 08:30'.")
@multiple_option("--tag", "tags", help="Tag of the run")
@flag("--watch", help="Print the states and logs of the run until it has ended.")
@click.option("--watch-interval", type=click.IntRange(min=1), help="Seconds between two polls of the run.")
@click.option("--watch-timeout", type=click.IntRange(min=1), help="Seconds after which --watch gives up.")
@click.option("--flow-run-name", metavar="NAME", help="Name of the run; generated if not set.")
def run(
    name: str | None,
    deployment_id: str | None,
    job_variables: Sequence[str],
    params: Sequence[str],
    multiparams: str | None,
    start_in: str | None,
    start_at: str | None,
    tags: Sequence[str],
    watch: bool,
    watch_interval: int | None,
    watch_timeout: int | None,
    flow_run_name: str | None,
) -> None:
    """Create a flow run of a deployment; a worker or `serve` process executes it."""
    if (watch_interval or watch_timeout) and not watch:
        fail("--watch-interval and --watch-timeout require --watch.")
    due = times.parse_due_time(start_in, start_at)
    parameters = {
        **_deployments.parse_json_object(multiparams, "--params"),
        **_deployments.parse_pairs(params, "--param"),
    }
    deployment = find_deployment(name, deployment_id)
    _deployments.check_parameters(deployment, parameters)
    flow_run = get_client().create_flow_run_from_deployment(
        deployment.id,
        parameters=parameters,
        state=states.Scheduled(scheduled_time=due),
        name=flow_run_name,
        tags=tags,
        job_variables=_deployments.parse_pairs(job_variables, "--job-variable") or None,
    )
    print_fields(
        {
            "Flow run": flow_run.name,
            "ID": flow_run.id,
            "Deployment": read_full_names([deployment])[deployment.id],
            "Parameters": as_text(flow_run.parameters),
            "Job variables": as_text(flow_run.job_variables) if flow_run.job_variables else None,
            "Due": format_time(due),
        }
    )
    if watch:
        _follow.follow_run(flow_run, timeout=watch_timeout, interval=watch_interval)
