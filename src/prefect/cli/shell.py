"""`prefect shell`: run shell commands as flows, once or by a schedule."""

from __future__ import annotations

import functools
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import IO, TYPE_CHECKING, Any

import click

from prefect import flow
from prefect._lazy import lazy, lazy_from, lazy_modules
from prefect.cli.core.command import flag, group, multiple_option, positional
from prefect.cli.core.output import fail
from prefect.context import tags as add_tags
from prefect.exceptions import FailedRun
from prefect.logging import get_run_logger

if TYPE_CHECKING:
    import asyncio

    from prefect import runner, schedules, states
    from prefect.states import State
    from prefect.types import entrypoint
else:
    asyncio, entrypoint = lazy_modules("asyncio", "prefect.types.entrypoint")
    runner, schedules = lazy_from("prefect", "runner", "schedules")
states = lazy("prefect.states")

command = group("shell", "Run shell commands as flows.")

MAX_ERROR_LINES = 100
"""How many of the last lines of standard error are logged when a command fails."""


@flow(name="Shell Command")
def run_shell_process(
    command: str,
    log_output: bool = True,
    stream_stdout: bool = False,
    log_stderr: bool = False,
    popen_kwargs: dict[str, Any] | None = None,
) -> State[None] | None:
    """Run a shell command, and fail if it does.

    Args:
        command: The command.
        log_output: Whether each line of its output is logged as it comes.
        stream_stdout: Whether its output is printed as well; where logs are shown, once is enough.
        log_stderr: Whether what it prints to standard error is logged too. The last lines are, when it fails.
        popen_kwargs: Arguments of `subprocess.Popen`.

    Returns:
        A failed state if the command ended with another exit code than 0.
    """
    logger = get_run_logger()
    errors: list[str] = []
    options = {"shell": True, "text": True, "errors": "replace", **(popen_kwargs or {})}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options) as process:
        assert process.stdout and process.stderr
        take_error = functools.partial(_take_error, errors, logger.info if log_stderr else None)
        reader = threading.Thread(target=_read_lines, args=(process.stderr, take_error), daemon=True)
        reader.start()
        _read_lines(process.stdout, _choose_output(logger, log_output, stream_stdout))
        reader.join()
    if process.returncode:
        if errors and not log_stderr:
            logger.error("\n".join(errors))
        # Returned, not raised: a traceback of this function would say nothing about the command.
        return states.Failed(message=f"Command failed with exit code {process.returncode}")
    return None


def _choose_output(logger: Any, log_output: bool, stream_stdout: bool) -> Callable[[str], object] | None:
    """Return what is done with a line of the output: it is logged, else printed, else dropped."""
    if log_output:
        return logger.info
    return _print if stream_stdout else None


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _take_error(errors: list[str], log: Callable[[str], object] | None, line: str) -> None:
    errors.append(line)
    del errors[:-MAX_ERROR_LINES]
    if log is not None:
        log(line)


def _read_lines(stream: IO[str], take: Callable[[str], object] | None) -> None:
    """Read a stream to its end, so that the command is never held up."""
    for line in stream:
        if take is not None:
            take(line.rstrip("\n"))


_command_argument = positional("command", help="Pass a shell command, in quotes.")
_log_option = click.option("--log-output/--no-log-output", default=True, hidden=True, help="Log the output.")
_stream_option = flag("--stream-stdout", default=True, help="Print the output if it is not logged.")
_tag_option = multiple_option("--tag", "tags", help="Tag of the flow run, besides `shell`", metavar="TAG")


@command.command("watch")
@_command_argument
@_log_option
@click.option("--flow-run-name", metavar="NAME", help="Name of the flow run.")
@click.option("--flow-name", metavar="NAME", default="Shell Command", show_default=True, help="Name of the flow.")
@_stream_option
@_tag_option
def watch(
    command: str,
    log_output: bool,
    flow_run_name: str | None,
    flow_name: str,
    stream_stdout: bool,
    tags: tuple[str, ...],
) -> None:
    """Run a shell command as a flow and log its output.

    Ends with exit code 1 if the command fails.
    """
    watched = run_shell_process.with_options(name=flow_name, flow_run_name=flow_run_name)
    with add_tags(*tags, "shell"):
        try:
            watched(command=command, log_output=log_output, stream_stdout=stream_stdout)
        except FailedRun as error:
            fail(f"{error}.")


@command.command("serve")
@_command_argument
@click.option("--flow-name", metavar="NAME", required=True, help="Name of the flow.")
@click.option(
    "--deployment-name",
    metavar="NAME",
    default="CLI Runner Deployment",
    show_default=True,
    help="Name of the deployment.",
)
@multiple_option("--tag", "tags", help="Tag of the deployment, besides `shell`", metavar="TAG")
@_log_option
@_stream_option
@click.option("--cron-schedule", metavar="CRON", help="Cron schedule of the runs, for instance '0 * * * *'.")
@click.option("--timezone", metavar="ZONE", help="Time zone of the schedule, for instance Europe/Berlin.")
@click.option("--concurrency-limit", type=click.IntRange(min=1), help="Maximum number of concurrent runs.")
@flag("--run-once", help="Run the due runs once, then exit.")
def serve(
    command: str,
    flow_name: str,
    deployment_name: str,
    tags: tuple[str, ...],
    log_output: bool,
    stream_stdout: bool,
    cron_schedule: str | None,
    timezone: str | None,
    concurrency_limit: int | None,
    run_once: bool,
) -> None:
    """Serve a shell command as a deployment that runs on a schedule or on demand."""
    if timezone and not cron_schedule:
        fail("--timezone needs a --cron-schedule.")
    try:
        deployment = run_shell_process.with_options(name=flow_name).to_deployment(
            name=deployment_name,
            parameters={"command": command, "log_output": log_output, "stream_stdout": stream_stdout},
            entrypoint_type=entrypoint.EntrypointType.MODULE_PATH,
            schedule=schedules.Cron(cron_schedule, timezone) if cron_schedule else None,
            tags=[*tags, "shell"],
            concurrency_limit=concurrency_limit,
        )
    except ValueError as error:
        fail(str(error))
    serving = runner.Runner(name=flow_name)
    serving.add_deployment(deployment)
    click.echo(
        f"Serving {f'{flow_name}/{deployment_name}'!r} until it is interrupted. "
        f"Run it with: prefect deployment run {f'{flow_name}/{deployment_name}'!r}"
    )
    asyncio.run(serving.start(run_once=run_once))
