"""`prefect task`: run background tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from prefect._lazy import lazy_from
from prefect.cli.core.command import group, multiple_option, positional
from prefect.cli.core.output import fail
from prefect.exceptions import PrefectException
from prefect.loading import imports

if TYPE_CHECKING:
    from prefect import task_worker, tasks
else:
    task_worker, tasks = lazy_from("prefect", "task_worker", "tasks")

command = group("task", "Run background tasks.")


@command.command("serve")
@positional("entrypoints", required=False, multiple=True, help="Pass the tasks, as path/to/file.py:task.")
@multiple_option("--module", "-m", "modules", help="Serve all tasks of this module")
@click.option(
    "--limit", type=click.IntRange(min=1), default=10, show_default=True, help="Number of concurrent task runs."
)
def serve(entrypoints: tuple[str, ...], modules: tuple[str, ...], limit: int) -> None:
    """Run a task worker, which executes the background runs of tasks.

    ENTRYPOINTS are tasks, as path/to/file.py:task.
    """
    if not entrypoints and not modules:
        fail("Name the tasks to serve: `prefect task serve path/to/file.py:task`, or `--module NAME`.")
    found: list[Any] = [_load(entrypoint) for entrypoint in entrypoints]
    for module in modules:
        found += _find_tasks(module)
    unique = list({task.task_key: task for task in found}.values())
    click.echo(f"Serving the tasks {', '.join(sorted(task.name for task in unique))}. Press Ctrl+C to stop.")
    task_worker.serve(*unique, limit=limit)


def _load(entrypoint: str) -> Any:
    path, separator, name = entrypoint.rpartition(":")
    if not separator or not path.endswith(".py"):
        fail(f"{entrypoint!r} names no task: write path/to/file.py:task.")
    try:
        loaded = imports.import_object(entrypoint)
    except AttributeError:
        fail(f"There is no {name!r} in {path!r}.")
    except (OSError, ImportError, PrefectException) as error:
        fail(f"The task {entrypoint!r} cannot be loaded: {error}")
    if not isinstance(loaded, tasks.Task):
        fail(f"{entrypoint!r} is a {type(loaded).__name__}, not a task.")
    return loaded


def _find_tasks(module: str) -> list[Any]:
    try:
        loaded = imports.load_module(module)
    except ImportError as error:
        fail(f"The module {module!r} cannot be imported: {error}")
    found = [value for value in vars(loaded).values() if isinstance(value, tasks.Task)]
    if not found:
        fail(f"The module {module!r} has no tasks.")
    return found
