"""Questions of `prefect deploy` on a terminal: which deployment, its flow, name, work pool and schedule."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from prefect._lazy import lazy_from
from prefect.cli.core.lookup import get_client, read_all_pages

if TYPE_CHECKING:
    from prefect.deployments.yaml import document as yaml_document
    from prefect.deployments.yaml import saving, schedules
    from prefect.deployments.yaml.project import DeploymentEntry, Project
    from prefect.loading import sources
    from prefect.schemas import actions
else:
    actions, sources = lazy_from("prefect", "schemas.actions", "loading.sources")
    saving, schedules, yaml_document = lazy_from("prefect.deployments.yaml", "saving", "schedules", "document")

T = TypeVar("T")

MAX_FILES = 1000
"""Files that are searched for flows at most."""


def choose(found: Project) -> list[DeploymentEntry]:
    """Ask which deployments of a file are meant; a new one if it has none."""
    if not found.entries:
        return [found.new_entry()]
    choices = [*found.entries, None]
    titles = [f"{entry.name} ({entry.values.get('entrypoint')})" for entry in found.entries]
    chosen = _select("Which deployment?", choices, [*titles, "a new one"])
    return [found.new_entry() if chosen is None else chosen]


def complete(entry: DeploymentEntry) -> DeploymentEntry:
    """Ask for what a deployment needs and does not say; for a new one also for its work pool and schedule."""
    is_new = "entrypoint" in entry.overridden or not entry.values.get("entrypoint")
    if not entry.values.get("entrypoint"):
        entry = entry.override({"entrypoint": _ask_entrypoint()})
    if not entry.name:
        entry = entry.override({"name": click.prompt("Name of the deployment", default="default", err=True)})
    pool: dict[str, Any] = entry.values.get("work_pool") or {}
    if is_new and not pool.get("name"):
        name = _ask_work_pool()
        if name is not None:
            entry = entry.override({"work_pool": {**pool, "name": name}})
    if is_new and not entry.values.get("schedules"):
        entry = _ask_schedules(entry)
    return entry


def offer_saving(found: Project, path: Path, entries: Sequence[DeploymentEntry]) -> None:
    """Ask whether what was chosen is written to the file."""
    for entry in entries:
        if not entry.overridden:
            continue
        question = f"Save the deployment {entry.name!r} to {path}, for the next time?"
        if click.confirm(question, default=True, err=True):
            saving.save_entry(path, entry)
            click.echo(f"Saved. Deploy it again with: prefect deploy -n {entry.name}")


def _select(question: str, values: Sequence[T], titles: Sequence[str]) -> T:
    click.echo(question, err=True)
    for number, title in enumerate(titles, start=1):
        click.echo(f"  {number}  {title}", err=True)
    return click.prompt("Number", value_proc=lambda text: _parse_choice(text, values), default="1", err=True)


def _parse_choice(text: str, values: Sequence[T]) -> T:
    if text.isdecimal() and 0 < int(text) <= len(values):
        return values[int(text) - 1]
    raise click.UsageError(f"{text!r} is none of the choices: type a number from 1 to {len(values)}.")


# --- flows -----------------------------------------------------------------------------------------------------------


def _ask_entrypoint() -> str:
    found = sorted(find_flows(Path(".")))
    other = "another one"
    chosen = _select("Which flow?", [*found, None], [*found, other]) if found else None
    return chosen or click.prompt("Flow, as path/to/file.py:function", err=True)


def find_flows(directory: Path) -> Iterable[str]:
    """Return the entrypoints of functions with the decorator `flow` in the Python files of a directory."""
    count = 0
    for root, directories, files in os.walk(directory):
        hidden = ("node_modules", "site-packages", "__pycache__")
        directories[:] = sorted(name for name in directories if name[0] not in "._" and name not in hidden)
        if (Path(root) / "pyvenv.cfg").exists():
            directories.clear()
            continue
        for name in sorted(files):
            if name.endswith(".py") and count < MAX_FILES:
                count += 1
                path = Path(root) / name
                yield from (f"{path}:{function}" for function in sources.find_flow_functions(path))


# --- work pools and schedules ----------------------------------------------------------------------------------------


def _ask_work_pool() -> str | None:
    """Ask for a work pool: one that is there, a new one of processes, or none."""
    pools = [pool.name for pool in read_all_pages(lambda limit, offset: get_client().read_work_pools(limit, offset))]
    titles = [*pools, "a new one, whose worker runs flows as processes", "none"]
    chosen = _select("Which work pool runs it?", [*pools, "", None], titles)
    if chosen != "":
        return chosen
    name = click.prompt("Name of the work pool", default="default", err=True)
    get_client().create_work_pool(actions.WorkPoolCreate(name=name, type="process"))
    click.echo(f"Created work pool {name!r}.")
    return name


def _ask_schedules(entry: DeploymentEntry) -> DeploymentEntry:
    """Ask for schedules, each of their values until it is valid."""
    written: list[dict[str, Any]] = []
    question = "Should it run on a schedule?"
    while click.confirm(question, default=False, err=True):
        kind = _select("Which kind of schedule?", schedules.KINDS, ("cron expression", "interval", "iCalendar rule"))
        written.append(_ask_schedule(entry, kind))
        question = "Another schedule?"
    return entry.override({"schedules": written}) if written else entry


def _ask_schedule(entry: DeploymentEntry, kind: str) -> dict[str, Any]:
    def add(name: str, question: str, default: str, parse: Callable[[str], Any] = str) -> None:
        def check(text: str) -> dict[str, Any]:
            written = {**schedule, name: parse(text)}
            try:
                schedules.build_schedules(entry.override({"schedules": [written]}), clear_on_empty=False)
            except yaml_document.ProjectFileError as error:
                raise click.UsageError(str(error)) from None
            return written

        schedule.update(click.prompt(question, value_proc=check, default=default, err=True))

    schedule: dict[str, Any] = {}
    if kind == "interval":
        add(kind, "Seconds between two runs", "3600", lambda text: int(text) if text.isdecimal() else text)
        return schedule
    add(kind, *(("Cron expression", "0 0 * * *") if kind == "cron" else ("Rule", "FREQ=DAILY")))
    add("timezone", "Time zone", "UTC")
    return schedule
