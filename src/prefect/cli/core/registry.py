"""The table of commands: what the help of `prefect` shows, and the module of each command.

It must import nothing of this package, so that the help can be shown without loading a command.
"""

from __future__ import annotations

from typing import NamedTuple


class CommandEntry(NamedTuple):
    """A top-level command of `prefect`."""

    name: str
    module: str
    """The module in `prefect.cli` that defines `command`."""
    summary: str
    aliases: tuple[str, ...] = ()


COMMANDS: tuple[CommandEntry, ...] = (
    CommandEntry("artifact", "catalog.artifact", "Manage artifacts."),
    CommandEntry("automation", "events.automation", "Manage automations.", ("automations",)),
    CommandEntry("block", "catalog.block", "Manage blocks and block types.", ("blocks",)),
    CommandEntry(
        "concurrency-limit",
        "concurrency.tag_limit",
        "Manage tag-based task run concurrency limits.",
        ("concurrency-limits",),
    ),
    CommandEntry("api", "server.api", "Send a request to the API and print the response."),
    CommandEntry("config", "environment.config", "View and change settings."),
    CommandEntry("deploy", "deployments.deploy", "Create or update the deployments of prefect.yaml."),
    CommandEntry(
        "deployment", "deployments.deployment", "Manage deployments, their runs and schedules.", ("deployments",)
    ),
    CommandEntry("events", "events.events", "Stream and emit events.", ("event",)),
    CommandEntry("dashboard", "server.dashboard", "Open the web page of the server."),
    CommandEntry("experimental", "server.experimental", "Use features that may change."),
    CommandEntry("flow", "runs.flow", "View and serve flows.", ("flows",)),
    CommandEntry("flow-run", "runs.flow_run", "Manage flow runs: list, inspect, watch, cancel, retry.", ("flow-runs",)),
    CommandEntry("global-concurrency-limit", "concurrency.global_limit", "Manage named concurrency limits.", ("gcl",)),
    CommandEntry("init", "deployments.init", "Start a project with a prefect.yaml."),
    CommandEntry(
        "integrations", "environment.integrations", "Install published integrations of Prefect with this package."
    ),
    CommandEntry("journal", "environment.journal", "Inspect and ship the records that wait in the journal."),
    CommandEntry("kubernetes", "server.kubernetes", "Run a server and workers in a Kubernetes cluster."),
    CommandEntry("profile", "environment.profile", "Manage profiles of settings.", ("profiles",)),
    CommandEntry("server", "server.server", "Run a server and check its health."),
    CommandEntry("shell", "shell", "Run shell commands as flows."),
    CommandEntry("task", "runs.task", "Run background tasks."),
    CommandEntry("task-run", "runs.task_run", "View task runs.", ("task-runs",)),
    CommandEntry("variable", "catalog.variable", "Manage variables."),
    CommandEntry("version", "environment.version", "Show the version of this package, Python and the database."),
    CommandEntry("work-pool", "work.work_pool", "Manage work pools.", ("work-pools",)),
    CommandEntry("work-queue", "work.work_queue", "Manage work queues.", ("work-queues",)),
    CommandEntry("worker", "work.worker", "Run a worker that starts the flow runs of a work pool."),
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
