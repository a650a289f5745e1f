"""The output of `prefect deploy`: results, what to do next, and plans."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from prefect.cli.core.formats import Cell, as_text
from prefect.cli.core.output import print_notice, print_table
from prefect.cli.deployments._deployments import describe_schedule
from prefect.client.urls import url_for

if TYPE_CHECKING:
    from prefect.deployments.yaml.planning import Plan
    from prefect.deployments.yaml.preparation import PreparedDeployment

_MARKS = {"create": ("+ create", "green"), "update": ("~ update", "yellow"), "delete": ("- delete", "red")}
_DONE = {"create": "created", "update": "updated", "unchanged": "is unchanged"}


def print_result(plan: Plan, deployment_id: Any) -> None:
    """Print that a deployment was created or updated, or is unchanged."""
    name, done = plan.change.spec.full_name, _DONE[plan.action]
    if plan.action == "unchanged":
        click.echo(f"Deployment {name!r} {done}.")
    else:
        click.echo(f"Deployment {name!r} successfully {done} with id '{deployment_id}'.")
    url = url_for("deployment", obj_id=deployment_id)
    if url:
        click.echo(f"  View it at {url}")


def print_next_steps(prepared: Sequence[PreparedDeployment]) -> None:
    """Print how to start workers and runs, and which deployments have no work pool."""
    for each in prepared:
        if each.pool is None:
            print_notice(f"{each.full_name!r} has no work pool, so no worker runs it: add `work_pool`, or pass --pool.")
    pools = dict.fromkeys(each.pool.name for each in prepared if each.pool is not None)
    if pools:
        click.echo("\nStart a worker that runs them:\n")
        for pool in pools:
            click.echo(f"  prefect worker start --pool '{pool}'")
    click.echo("\nSchedule a run:\n")
    click.echo(f"  prefect deployment run '{prepared[0].full_name}'")


def print_plans(plans: Sequence[Plan], removed: Sequence[str]) -> None:
    """Print what would change: a line for each field and schedule of each deployment."""
    rows: list[list[Any]] = []
    for plan in plans:
        if plan.action != "unchanged":
            rows += _describe_plan(plan)
    rows += [[_mark("delete"), name, "", "", ""] for name in removed]
    if rows:
        print_table(["Action", "Deployment", "Field", "Before", "After"], rows)
    unchanged = sum(plan.action == "unchanged" for plan in plans)
    created = sum(plan.action == "create" for plan in plans)
    updated = len(plans) - unchanged - created
    click.echo(f"{created} to create, {updated} to update, {len(removed)} to delete, {unchanged} unchanged.")


def _describe_plan(plan: Plan) -> list[list[Any]]:
    described = plan.describe()
    name, mark = described["name"], _mark(plan.action)
    rows: list[list[Any]] = []
    if plan.action == "create":
        rows.append([mark, name, "", "", ""])
    else:
        for field, values in described["fields"].items():
            rows.append([mark, name, field, _shorten(values["before"]), _shorten(values["after"])])
    for change in plan.change.schedules:
        rows.append([mark, name, "schedule", _show_schedule(change.before), _show_schedule(change.after)])
    if plan.changes_triggers:
        rows.append([mark, name, "triggers", "", f"{len(plan.change.spec.triggers)} as written"])
    return rows


def _mark(action: str) -> Cell:
    return Cell(*_MARKS[action])


def _shorten(value: Any) -> str:
    text = "" if value is None else as_text(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _show_schedule(schedule: Any) -> str:
    if schedule is None:
        return ""
    return f"{describe_schedule(schedule.schedule)}{'' if schedule.active else ' (paused)'}"
