"""`prefect deploy`: create and change deployments as prefect.yaml and the options say."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from prefect._io import drive
from prefect._lazy import lazy, lazy_from
from prefect.cli.core.command import command_group, flag, multiple_option, output_option, positional
from prefect.cli.core.output import confirm, fail, is_interactive, print_json, print_notice
from prefect.cli.deployments import _deploy_options, _deploy_output, init
from prefect.exceptions import ScriptError

if TYPE_CHECKING:
    from prefect import flows, settings
    from prefect.cli.deployments import _deploy_prompts
    from prefect.client import orchestration
    from prefect.client.orchestration import PrefectClient
    from prefect.deployments import changes
    from prefect.deployments.yaml import planning, preparation, project
    from prefect.deployments.yaml.planning import Plan
    from prefect.deployments.yaml.preparation import PreparedDeployment
    from prefect.deployments.yaml.project import DeploymentEntry, Project
else:
    _deploy_prompts, changes = lazy_from("prefect", "cli.deployments._deploy_prompts", "deployments.changes")
    flows, settings = lazy_from("prefect", "flows", "settings")
    orchestration = lazy("prefect.client.orchestration")
    planning, preparation, project = lazy_from("prefect.deployments.yaml", "planning", "preparation", "project")

DEFAULT_FILE = Path("prefect.yaml")

CHANGES_PLANNED = 2
"""The exit code of `--plan` when there is something to change."""


@command_group("deploy")
@positional("entrypoint", help="Pass a flow, path/to/file.py:my_flow.", required=False)
@multiple_option("--name", "-n", "names", metavar="NAME", help="Deployment, flow/deployment or a pattern with *")
@click.option("--description", "-d", metavar="TEXT", help="Description of the deployment.")
@click.option("--version-type", metavar="TYPE", help="Origin of the version: prefect:simple, vcs:git, vcs:github ...")
@click.option("--version", metavar="TEXT", help="Version of the deployment.")
@multiple_option("--tag", "-t", "tags", metavar="TAG", help="Tag of the deployment's runs")
@click.option("--concurrency-limit", type=int, metavar="N", help="Maximum number of concurrent runs of the deployment.")
@click.option(
    "--collision-strategy",
    "concurrency_limit_collision_strategy",
    metavar="NAME",
    help="What happens to a run beyond the limit: ENQUEUE or CANCEL_NEW.",
)
@click.option("--pool", "-p", "work_pool_name", metavar="NAME", help="Work pool of the deployment.")
@click.option("--work-queue", "-q", "work_queue_name", metavar="NAME", help="Work queue in the pool.")
@multiple_option("--job-variable", "job_variables", metavar="NAME=VALUE", help="Job variable, or a JSON object")
@multiple_option("--cron", metavar="EXPRESSION", help="Schedule by a cron expression")
@multiple_option("--interval", type=int, metavar="SECONDS", help="Schedule by an interval")
@click.option("--anchor-date", "interval_anchor", metavar="TIME", help="Date and time of the first interval.")
@multiple_option("--rrule", metavar="RULE", help="Schedule by an iCalendar rule, or a JSON object with one")
@click.option("--timezone", metavar="ZONE", help="Time zone of the schedules, such as Europe/Berlin.")
@multiple_option("--trigger", metavar="TRIGGER", help="Trigger, as JSON or the path of a YAML or JSON file")
@multiple_option("--param", metavar="NAME=VALUE", help="Parameter; VALUE is JSON or a string")
@click.option("--params", metavar="JSON", help="Parameters as a JSON object.")
@flag("--enforce-parameter-schema", default=True, help="Check the parameters of its runs against the flow's types.")
@flag("--all", "deploy_all", help="Deploy all deployments of the file.")
@click.option(
    "--prefect-file", type=click.Path(path_type=Path), default=DEFAULT_FILE, help="File with the deployments."
)
@multiple_option("--sla", metavar="SLA", help="Service level agreement, which only Prefect Cloud has")
@click.option(
    "--plan",
    "plan_only",
    is_flag=True,
    help="Print the changes without making them; exit with status 2 if there are any.",
)
@click.option(
    "--prune",
    is_flag=True,
    help="With --all: delete deployments of this file that are no longer in it, after confirmation.",
)
@output_option
def command(
    entrypoint: str | None,
    names: tuple[str, ...],
    deploy_all: bool,
    prefect_file: Path,
    plan_only: bool,
    prune: bool,
    output: str | None,
    **options: Any,
) -> int:
    """Create or update deployments from prefect.yaml and the options.

    Without a name or --all it deploys the only deployment of the file, or asks which.
    """
    if prune and not deploy_all:
        fail("--prune needs --all: it compares all deployments of the file with what was deployed from it.")
    if deploy_all and (names or entrypoint):
        fail("Pass either --all, or names or an entrypoint.")
    if output and not plan_only:
        fail("-o json belongs to --plan.")
    if prefect_file != DEFAULT_FILE and not prefect_file.exists():
        fail(f"There is no file '{prefect_file}'.")
    found = project.load_project(prefect_file)
    for warning in found.warnings:
        print_notice(warning)
    is_click_default = click.get_current_context().get_parameter_source("enforce_parameter_schema")
    if is_click_default is not click.core.ParameterSource.COMMANDLINE:
        options["enforce_parameter_schema"] = None
    entries = _choose_entries(found, prefect_file, entrypoint, names, deploy_all)
    entries = _deploy_options.override(entries, _deploy_options.build_overrides(options))
    has_prompts = is_interactive() and not deploy_all and not plan_only
    if has_prompts:
        entries = [_deploy_prompts.complete(entry) for entry in entries]
    client = orchestration.get_client()
    prepared = _prepare(client, entries)
    removed = drive(planning.find_removed(client, found.name, [each.full_name for each in prepared])) if prune else {}
    if plan_only:
        return _show_plan(client, prepared, list(removed), output)
    if removed and not is_interactive() and settings.get_current_settings().cli.prompt is None:
        fail(f"--prune asks before it deletes {_quote(removed)}: pass --no-prompt where nobody can answer.")
    _deploy(client, found, prepared)
    if removed:
        _prune(client, removed)
    if has_prompts:
        _deploy_prompts.offer_saving(found, prefect_file, entries)
    return 0


command.add_command(init.command)


# --- choosing --------------------------------------------------------------------------------------------------------


def _choose_entries(
    found: Project, path: Path, entrypoint: str | None, names: tuple[str, ...], deploy_all: bool
) -> list[DeploymentEntry]:
    """Return the deployments that a command line names."""
    if deploy_all:
        if not found.entries:
            fail(f"{path} has no deployments to deploy: write them there, or pass an entrypoint.")
        return list(found.entries)
    if entrypoint is not None:
        return [_find_or_create(found, entrypoint, names)]
    if names:
        entries, missing = found.select(names)
        if missing:
            known = ", ".join(repr(entry.name) for entry in found.entries) or "none"
            fail(f"{path} has no deployment {missing[0]!r}. There is: {known}.")
        return entries
    if len(found.entries) == 1:
        return list(found.entries)
    if is_interactive():
        return _deploy_prompts.choose(found)
    if not found.entries:
        fail(f"An entrypoint is needed: there are no deployments in {path}. Pass path/to/file.py:my_flow.")
    return fail(f"{path} has {len(found.entries)} deployments: name some with -n, or pass --all.")


def _find_or_create(found: Project, entrypoint: str, names: Sequence[str]) -> DeploymentEntry:
    """Return the deployment of the file with the name, or a new one, with the entrypoint of the command line."""
    if len(names) > 1:
        fail("Pass one --name with an entrypoint.")
    known = found.select(names)[0] if names else []
    if len(known) > 1:
        fail(f"{names[0]!r} names {len(known)} deployments: pass one name with an entrypoint.")
    entry = known[0] if known else found.new_entry()
    default = None if is_interactive() else "default"
    name = names[0].rpartition("/")[2] if names else default
    values: dict[str, Any] = {"entrypoint": entrypoint}
    if not known and name is not None:
        values["name"] = name
    return entry.override(values)


# --- deploying -------------------------------------------------------------------------------------------------------


def _prepare(client: PrefectClient, entries: list[DeploymentEntry]) -> list[PreparedDeployment]:
    load_flow = functools.cache(_load_flow)
    prepared = [drive(preparation.prepare(client, entry, load_flow)) for entry in entries]
    names: set[str] = set()
    for each in prepared:
        if each.full_name in names:
            raise each.entry.error(("name",), f"Another deployment is named {each.full_name!r} as well.")
        names.add(each.full_name)
    return prepared


def _load_flow(entrypoint: str) -> Any:
    """Load a flow; with a warning, from its source alone when its file fails to run here."""
    try:
        return flows.load_flow_from_entrypoint(entrypoint, use_placeholder_flow=False)
    except ScriptError as error:
        flow = flows.load_flow_from_entrypoint(entrypoint)
        reason = f"{type(error.user_exc).__name__}: {error.user_exc}"
        click.echo(
            f"Warning: {entrypoint.rpartition(':')[0]!r} fails to run here ({reason}). The parameters are those of its"
            " source; its runs fail where that is missing, too.",
            err=True,
        )
        return flow


def _deploy(client: PrefectClient, found: Project, prepared: list[PreparedDeployment]) -> None:
    """Run the steps of all deployments, and then create or change them: a failing step leaves all as they are."""
    runner = preparation.StepRunner(click.echo)
    specs = [
        preparation.build_spec(each, drive(runner.run(each)), found.name, functools.partial(_warn, each))
        for each in prepared
    ]
    for each, spec in zip(prepared, specs, strict=True):
        plan = drive(planning.plan(client, each, spec))
        deployment_id = drive(changes.apply_change(client, plan.change))
        _deploy_output.print_result(plan, deployment_id)
    _deploy_output.print_next_steps(prepared)


def _warn(prepared: PreparedDeployment, key: str, placeholder: str) -> None:
    message = f"The placeholder {{{{ {placeholder} }}}} has no value and is left out."
    print_notice(str(prepared.entry.error((key,), message)))


def _show_plan(
    client: PrefectClient, prepared: list[PreparedDeployment], removed: list[str], output: str | None
) -> int:
    plans: list[Plan] = [drive(planning.plan(client, each, preparation.plan_spec(each))) for each in prepared]
    if output:
        deleted = [{"name": name, "action": "delete"} for name in removed]
        print_json([*(plan.describe() for plan in plans), *deleted])
    else:
        _deploy_output.print_plans(plans, removed)
    return CHANGES_PLANNED if removed or any(plan.action != "unchanged" for plan in plans) else 0


def _prune(client: PrefectClient, removed: dict[str, Any]) -> None:
    confirm(f"Delete {_quote(removed)}, which the file no longer has?")
    for name, deployment_id in removed.items():
        drive(client.delete_deployment(deployment_id))
        click.echo(f"Deleted deployment {name!r}.")


def _quote(names: Iterable[str]) -> str:
    return ", ".join(map(repr, names))
