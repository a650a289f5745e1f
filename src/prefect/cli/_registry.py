"""The table of commands: what the help of `prefect` shows, and the module of each command.

It must import nothing of this package, so that the help can be shown without loading a command.
"""

from __future__ import annotations

from typing import NamedTuple


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

PLANNED: frozenset[str] = frozenset(
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
