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
    Entry("automation", "automation", "Look at automations, and change them.", ("automations",)),
    Entry("block", "block", "Look at blocks and their types.", ("blocks",)),
    Entry(
        "concurrency-limit",
        "concurrency_limit",
        "Limits of task runs by their tags.",
        ("concurrency-limits",),
    ),
    Entry("api", "api", "Send a request to the API as it is."),
    Entry("config", "config", "View and change settings."),
    Entry("deployment", "deployment", "Look at deployments, run and schedule them.", ("deployments",)),
    Entry("events", "events", "Follow events, and send them.", ("event",)),
    Entry("dashboard", "dashboard", "Open the pages of the server."),
    Entry("flow", "flow", "Look at flows.", ("flows",)),
    Entry("flow-run", "flow_run", "Look at flow runs, cancel and retry them.", ("flow-runs",)),
    Entry(
        "global-concurrency-limit",
        "global_concurrency_limit",
        "Named limits of what runs at the same time.",
        ("gcl",),
    ),
    Entry("journal", "journal", "See what the journal holds, and deliver it."),
    Entry("profile", "profile", "Choose and change profiles of settings.", ("profiles",)),
    Entry("server", "server", "Run a server, and see whether it answers."),
    Entry("task-run", "task_run", "Look at task runs.", ("task-runs",)),
    Entry("variable", "variable", "Named values that programs read."),
    Entry("version", "version", "Show the version and what it works with."),
    Entry("work-pool", "work_pool", "Look at work pools, and change them.", ("work-pools",)),
    Entry("work-queue", "work_queue", "Look at work queues, and change them.", ("work-queues",)),
)

LATER: frozenset[str] = frozenset(
    {
        "cloud",
        "deploy",
        "dev",
        "experimental",
        "init",
        "plugins",
        "sdk",
        "shell",
        "task",
        "transfer",
        "worker",
    }
)
"""Commands of the interface that a later issue builds."""


def main(args: Sequence[str] | None = None) -> None:
    """Run the command line `args` (without the program's name; those of the process if None) and exit."""
    from prefect.cli._frame import run

    raise SystemExit(run(args))
