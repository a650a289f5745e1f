"""The table of commands: what the help of `prefect` shows, and the module of each command.

It must import nothing of this package, so that the help can be shown without loading a command.
"""

from __future__ import annotations

from typing import NamedTuple


class Entry(NamedTuple):
    """A top-level command of `prefect`."""

    name: str
    module: str
    """The module in this package that defines `command`."""
    summary: str
    aliases: tuple[str, ...] = ()


COMMANDS: tuple[Entry, ...] = (
    Entry("artifact", "artifact", "Manage artifacts."),
    Entry("automation", "automation", "Manage automations.", ("automations",)),
    Entry("block", "block", "Manage blocks and block types.", ("blocks",)),
    Entry(
        "concurrency-limit",
        "concurrency_limit",
        "Manage tag-based task run concurrency limits.",
        ("concurrency-limits",),
    ),
    Entry("api", "api", "Send a request to the API and print the response."),
    Entry("config", "config", "View and change settings."),
    Entry("deploy", "deploy", "Create and change deployments as prefect.yaml says."),
    Entry("deployment", "deployment", "Manage deployments, their runs and schedules.", ("deployments",)),
    Entry("events", "events", "Stream and emit events.", ("event",)),
    Entry("dashboard", "dashboard", "Open the web interface of the server."),
    Entry("experimental", "experimental", "Use features that may change."),
    Entry("flow", "flow", "View and serve flows.", ("flows",)),
    Entry("flow-run", "flow_run", "Manage flow runs: list, inspect, watch, cancel, retry.", ("flow-runs",)),
    Entry("global-concurrency-limit", "global_concurrency_limit", "Manage named concurrency limits.", ("gcl",)),
    Entry("init", "init", "Start a project with a prefect.yaml."),
    Entry("integrations", "integrations", "Install published integrations of Prefect beside this package."),
    Entry("journal", "journal", "Inspect and ship the records that wait in the journal."),
    Entry("kubernetes", "kubernetes", "Run a server and workers in a Kubernetes cluster."),
    Entry("profile", "profile", "Manage profiles of settings.", ("profiles",)),
    Entry("server", "server", "Run a server and check its health."),
    Entry("shell", "shell", "Run shell commands as flows."),
    Entry("task", "task", "Run background tasks."),
    Entry("task-run", "task_run", "View task runs.", ("task-runs",)),
    Entry("variable", "variable", "Manage variables."),
    Entry("version", "version", "Show the version of this package, Python and the database."),
    Entry("work-pool", "work_pool", "Manage work pools.", ("work-pools",)),
    Entry("work-queue", "work_queue", "Manage work queues.", ("work-queues",)),
    Entry("worker", "worker", "Run a worker that starts the flow runs of a work pool."),
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
