"""The table of commands: what the help of `prefect` shows, and the module of each command.

It must import nothing of this package, so that the help can be shown without loading a command.
"""

from __future__ import annotations

from typing import NamedTuple


class CommandEntry(NamedTuple):
    """A top-level command of `prefect`."""

    name: str
    module: str
    """The module in this package that defines `command`."""
    summary: str
    aliases: tuple[str, ...] = ()


COMMANDS: tuple[CommandEntry, ...] = (
    CommandEntry("artifact", "artifact", "Manage artifacts."),
    CommandEntry("automation", "automation", "Manage automations.", ("automations",)),
    CommandEntry("block", "block", "Manage blocks and block types.", ("blocks",)),
    CommandEntry(
        "concurrency-limit",
        "concurrency_limit",
        "Manage tag-based task run concurrency limits.",
        ("concurrency-limits",),
    ),
    CommandEntry("api", "api", "Send a request to the API and print the response."),
    CommandEntry("config", "config", "View and change settings."),
    CommandEntry("deploy", "deploy", "Create or update the deployments of prefect.yaml."),
    CommandEntry("deployment", "deployment", "Manage deployments, their runs and schedules.", ("deployments",)),
    CommandEntry("events", "events", "Stream and emit events.", ("event",)),
    CommandEntry("dashboard", "dashboard", "Open the web page of the server."),
    CommandEntry("experimental", "experimental", "Use features that may change."),
    CommandEntry("flow", "flow", "View and serve flows.", ("flows",)),
    CommandEntry("flow-run", "flow_run", "Manage flow runs: list, inspect, watch, cancel, retry.", ("flow-runs",)),
    CommandEntry("global-concurrency-limit", "global_concurrency_limit", "Manage named concurrency limits.", ("gcl",)),
    CommandEntry("init", "init", "Start a project with a prefect.yaml."),
    CommandEntry("integrations", "integrations", "Install published integrations of Prefect with this package."),
    CommandEntry("journal", "journal", "Inspect and ship the records that wait in the journal."),
    CommandEntry("kubernetes", "kubernetes", "Run a server and workers in a Kubernetes cluster."),
    CommandEntry("profile", "profile", "Manage profiles of settings.", ("profiles",)),
    CommandEntry("server", "server", "Run a server and check its health."),
    CommandEntry("shell", "shell", "Run shell commands as flows."),
    CommandEntry("task", "task", "Run background tasks."),
    CommandEntry("task-run", "task_run", "View task runs.", ("task-runs",)),
    CommandEntry("variable", "variable", "Manage variables."),
    CommandEntry("version", "version", "Show the version of this package, Python and the database."),
    CommandEntry("work-pool", "work_pool", "Manage work pools.", ("work-pools",)),
    CommandEntry("work-queue", "work_queue", "Manage work queues.", ("work-queues",)),
    CommandEntry("worker", "worker", "Run a worker that starts the flow runs of a work pool."),
)

PLANNED: frozenset[str] = frozenset(
    {
        "cloud",
        "dev",
        "plugins",
        "sdk",
        "transfer",
    }
)
"""Commands of the interface that are not implemented yet."""
