"""`prefect flow`: list and serve flows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from prefect._lazy import lazy_from
from prefect.cli.core import times
from prefect.cli.core.command import flag, group, multiple_option, output_option, positional
from prefect.cli.core.formats import format_age
from prefect.cli.core.lookup import get_client, limit_option, read_all_pages
from prefect.cli.core.output import describe_error, fail, print_json, print_table
from prefect.exceptions import PrefectException

if TYPE_CHECKING:
    from prefect.deployments import runner_deployment, serving
    from prefect.schemas import schedules, sorting
else:
    runner_deployment, serving = lazy_from("prefect.deployments", "runner_deployment", "serving")
    schedules, sorting = lazy_from("prefect.schemas", "schedules", "sorting")

command = group("flow", "View and serve flows.")


@command.command("ls")
@limit_option(15)
@output_option
def ls(limit: int, output: str | None) -> None:
    """List flows, newest first."""
    newest = sorting.FlowSort.CREATED_DESC
    found = read_all_pages(lambda size, offset: get_client().read_flows(sort=newest, limit=size, offset=offset), limit)
    if output:
        return print_json(found)
    print_table(["ID", "Name", "Created"], [[flow.id, flow.name, format_age(flow.created)] for flow in found])


@command.command("serve")
@positional("entrypoint", help="Pass the entrypoint of a flow, path/to/file.py:function.")
@click.option("--name", "-n", required=True, help="Name of the deployment.")
@click.option("--description", "-d", help="Description of the deployment; that of the flow if not set.")
@click.option("--version", "-v", help="Version of the deployment; that of the flow if not set.")
@multiple_option("--tag", "-t", "tags", help="Tag of the deployment's runs")
@click.option("--cron", help="Cron expression of its schedule.")
@click.option("--interval", type=click.IntRange(min=1), help="Seconds between two scheduled runs.")
@click.option("--anchor-date", metavar="TIME", help="Time that an interval is aligned to.")
@click.option("--rrule", help="iCalendar recurrence rule of its schedule.")
@click.option("--timezone", help="Time zone of its schedule, for example America/New_York.")
@flag("--pause-on-shutdown", default=True, help="Pause the deployment when the program stops.")
@click.option("--limit", type=click.IntRange(min=1), help="Maximum number of concurrent runs in this program.")
@click.option(
    "--global-limit",
    type=click.IntRange(min=1),
    help="Maximum number of concurrent runs of the deployment in all programs.",
)
def serve(
    entrypoint: str,
    name: str,
    description: str | None,
    version: str | None,
    tags: Sequence[str],
    cron: str | None,
    interval: int | None,
    anchor_date: str | None,
    rrule: str | None,
    timezone: str | None,
    pause_on_shutdown: bool,
    limit: int | None,
    global_limit: int | None,
) -> None:
    """Deploy a flow and run its due runs until interrupted. Without a configured server, a temporary one is started."""
    if sum(value is not None for value in (interval, cron, rrule)) > 1:
        fail("Pass at most one of --interval, --cron and --rrule.")
    schedule = _build_schedule(
        interval=interval, anchor_date=_parse_anchor(anchor_date), cron=cron, rrule=rrule, timezone=timezone
    )
    try:
        deployment = runner_deployment.RunnerDeployment.from_entrypoint(
            entrypoint,
            name,
            schedules=None if schedule is None else [schedule],
            concurrency_limit=global_limit,
            description=description,
            tags=list(tags),
            version=version,
        )
    except (ImportError, PrefectException, ValueError) as error:
        fail(f"The flow {entrypoint!r} cannot be served: {describe_error(error)}.")
    serving.run_until_interrupted(deployments=[deployment], pause_on_shutdown=pause_on_shutdown, limit=limit)


def _parse_anchor(anchor_date: str | None) -> datetime | None:
    return None if anchor_date is None else times.parse_time(anchor_date, "--anchor-date")


def _build_schedule(**options: Any) -> Any:
    """Return the schedule of the options, or None if they have none."""
    if all(value is None for value in options.values()):
        return None
    try:
        return schedules.construct_schedule(**options)
    except ValueError as error:
        fail(describe_error(error))
