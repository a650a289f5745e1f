"""`prefect worker`: run a worker that starts the flow runs of a work pool."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from prefect._lazy import lazy_from
from prefect.cli._command import flag, group, multiple_option
from prefect.cli._output import fail
from prefect.settings import get_current_settings

if TYPE_CHECKING:
    from prefect.cli import _worker_types
    from prefect.logging import configuration
    from prefect.outbox import leftovers
    from prefect.workers import running
else:
    _worker_types, configuration = lazy_from("prefect", "cli._worker_types", "logging.configuration")
    leftovers, running = lazy_from("prefect", "outbox.leftovers", "workers.running")

command = group("worker", "Run a worker that starts the flow runs of a work pool.")

INSTALL_POLICIES = ("always", "if-not-present", "never", "prompt")


@command.command("start")
@click.option("--name", "-n", "worker_name", help="Name of the worker; made of its type and a random part by default.")
@click.option("--pool", "-p", "work_pool_name", metavar="NAME", help="Work pool to poll.")
@multiple_option("--work-queue", "-q", "work_queues", metavar="NAME", help="Work queue to poll; all by default")
@click.option("--type", "-t", "worker_type", metavar="TYPE", help="Type of the worker; by default that of the pool.")
@click.option("--prefetch-seconds", type=click.IntRange(min=0), help="Seconds before its time that a run is submitted.")
@flag("--run-once", help="Poll for runs once, run them, and stop.")
@click.option("--limit", "-l", type=click.IntRange(min=1), help="How many runs at the same time at most.")
@flag("--with-healthcheck", help="Serve the health of the worker over HTTP.")
@click.option(
    "--install-policy",
    type=click.Choice(INSTALL_POLICIES, case_sensitive=False),
    default="prompt",
    show_default=True,
    help="Whether to install the package of the worker's type.",
)
@click.option(
    "--base-job-template",
    type=click.Path(exists=True, dir_okay=False),
    metavar="FILE",
    help="JSON file with the base job template of a pool that is created.",
)
@flag("--create-pool-if-not-found", default=True, help="Create the work pool if there is none of this name.")
def start(
    worker_name: str | None,
    work_pool_name: str | None,
    work_queues: tuple[str, ...],
    worker_type: str | None,
    prefetch_seconds: int | None,
    run_once: bool,
    limit: int | None,
    with_healthcheck: bool,
    install_policy: str,
    base_job_template: str | None,
    create_pool_if_not_found: bool,
) -> None:
    """Start a worker, which runs until it is stopped."""
    settings = get_current_settings()
    configuration.setup_logging()
    template = _read_template(base_job_template) if base_job_template else None
    pool = work_pool_name or _worker_types.find_pool(work_queues)
    worker_class = _worker_types.find_class(pool, worker_type, install_policy)
    worker = worker_class(
        work_pool_name=pool,
        work_queues=list(work_queues) or None,
        name=worker_name,
        prefetch_seconds=prefetch_seconds,
        create_pool_if_not_found=create_pool_if_not_found,
        limit=limit,
        heartbeat_interval_seconds=int(settings.worker.heartbeat_seconds),
        base_job_template=template,
    )
    with leftovers.ship_leftovers(settings):
        running.run_worker(worker, run_once=run_once, with_healthcheck=with_healthcheck, printer=click.echo)


def _read_template(file: str) -> dict[str, Any]:
    try:
        template = json.loads(Path(file).read_bytes())
    except ValueError as error:
        fail(f"The base job template in {file!r} is not valid JSON: {error}.")
    if not isinstance(template, dict):
        fail(f"The base job template in {file!r} is not a JSON object.")
    return template
