"""The `prefect` command.

`main` is what the command runs. It must start in the blink of an eye, so nothing is imported before it is known which
command was asked for: the table `COMMANDS` holds what the help shows, and names the module of each command.

A command is added in two steps:

1. a module `prefect/cli/<module>.py` that defines `command`, a click command or, with `_frame.group`, a group of them:

        command = group("flow-run", "View flow runs.")

        @command.command("inspect")
        @positional("id", help="The id of the run.")
        @output_option
        def inspect(id: str, output: str | None) -> None:
            '''Show a flow run.'''
            run = ...
            if output:
                return print_json(run)
            print_table(["Name", "State"], [[run.name, state(run.state)]])

   Heavy imports (`prefect.client`, pydantic models) belong inside the functions or behind `lazy`: `--help` of a command
   imports its module. Errors are raised: `fail("There is no flow run ...")`, any `PrefectException`, `ValueError` of a
   setting; `main` prints them as one line and exits with 1 (2 when the command line itself is wrong). I/O is driven by
   calling twins; a command is a plain function.

2. a line in `COMMANDS` here.

Commands print through `_output`: tables on a terminal, plain columns in a pipe, JSON with `-o json`. What a command
finds goes to standard output; errors, questions and notices go to standard error. `--profile` and `--prompt` are read
before the command is looked for, wherever they stand. Commands ask through `_output.confirm`, which answers itself when
nobody can be asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

__all__ = ["COMMANDS", "LATER", "Entry", "main"]


class Entry(NamedTuple):
    """A command that `prefect` offers."""

    name: str
    module: str
    """The module in this package that defines `command`."""
    summary: str
    aliases: tuple[str, ...] = ()


COMMANDS: tuple[Entry, ...] = (
    Entry("artifact", "artifact", "Look at artifacts, and delete them."),
    Entry("config", "config", "View and change settings."),
    Entry("flow", "flow", "Look at flows.", ("flows",)),
    Entry("flow-run", "flow_run", "Look at flow runs, and delete them.", ("flow-runs",)),
    Entry("journal", "journal", "See what waits in the journal, and deliver it."),
    Entry("profile", "profile", "Choose and change profiles of settings.", ("profiles",)),
    Entry("task-run", "task_run", "Look at task runs.", ("task-runs",)),
    Entry("version", "version", "Show the version and what it works with."),
)

LATER: frozenset[str] = frozenset(
    {
        "api",
        "automation",
        "automations",
        "block",
        "blocks",
        "cloud",
        "concurrency-limit",
        "concurrency-limits",
        "dashboard",
        "deploy",
        "deployment",
        "deployments",
        "dev",
        "event",
        "events",
        "experimental",
        "gcl",
        "global-concurrency-limit",
        "init",
        "plugins",
        "sdk",
        "server",
        "shell",
        "task",
        "transfer",
        "variable",
        "work-pool",
        "work-pools",
        "work-queue",
        "work-queues",
        "worker",
    }
)
"""Commands of the interface that a later issue builds."""


def main(args: Sequence[str] | None = None) -> None:
    """Run the command line `args` (without the program's name; those of the process if None) and exit."""
    from prefect.cli._frame import run

    raise SystemExit(run(args))
