"""`prefect worker`: run a worker that starts the flow runs of a work pool, and list those that run."""

from __future__ import annotations

import json
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from prefect._lazy import lazy, lazy_from
from prefect.cli.core.command import flag, group, multiple_option, output_option, positional
from prefect.cli.core.formats import format_age
from prefect.cli.core.lookup import get_client
from prefect.cli.core.output import fail, print_json, print_table
from prefect.cli.runs import _runs
from prefect.exceptions import ObjectNotFound
from prefect.settings import get_current_settings

if TYPE_CHECKING:
    from prefect.cli.runs import _follow
    from prefect.cli.work import _worker_types, work_pool
    from prefect.logging import configuration
    from prefect.outbox import leftovers
    from prefect.schemas import filters, records
    from prefect.server.app import embedded
    from prefect.workers import running
else:
    _follow = lazy("prefect.cli.runs._follow")
    _worker_types, work_pool = lazy_from("prefect.cli.work", "_worker_types", "work_pool")
    filters, records = lazy_from("prefect.schemas", "filters", "records")
    configuration = lazy("prefect.logging.configuration")
    embedded, leftovers = lazy_from("prefect", "server.app.embedded", "outbox.leftovers")
    running = lazy("prefect.workers.running")

command = group("worker", "Run and list workers, which start the flow runs of a work pool.")

INSTALL_POLICIES = ("always", "if-not-present", "never", "prompt")


@command.command("start")
@click.option("--name", "-n", "worker_name", help="Name of the worker; made of its type and a random part by default.")
@click.option("--pool", "-p", "work_pool_name", metavar="NAME", help="Work pool to poll.")
@multiple_option("--work-queue", "-q", "work_queues", metavar="NAME", help="Work queue to poll; all by default")
@click.option("--type", "-t", "worker_type", metavar="TYPE", help="Type of the worker; by default that of the pool.")
@click.option(
    "--prefetch-seconds", type=click.IntRange(min=0), help="Seconds before its scheduled time that a run is submitted."
)
@flag("--run-once", help="Poll for runs once, run them, and stop.")
@click.option("--limit", "-l", type=click.IntRange(min=1), help="Maximum number of concurrent runs.")
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
    with leftovers.ship_leftovers(settings), ExitStack() as stack:
        if not settings.api.url and not run_once:
            # Schedules fire, and automations are evaluated, while a worker holds the home open.
            stack.enter_context(embedded.serve_home(settings))
        running.run_worker(worker, run_once=run_once, with_healthcheck=with_healthcheck, printer=click.echo)


@command.command("ls")
@click.option("--pool", "-p", "pool", metavar="NAME", required=True, help="Work pool whose workers are listed.")
@output_option
def ls(pool: str, output: str | None) -> None:
    """List the workers of a work pool with their hosts, runs and last failures."""
    workers = _read_workers(pool)
    if output:
        return print_json(workers)
    columns = ["Name", "Status", "Runs", "Host", "Process", "Version", "Python", "Last heartbeat", "Last failure"]
    print_table(columns, [_build_row(worker) for worker in workers])


@command.command("logs")
@positional("worker", help="Pass the work pool and the name of a worker, as POOL/NAME.")
@_runs.log_options(num_logs=None)
@flag("--follow", "-f", help="Print new logs as they arrive, until Ctrl+C.")
def logs(
    worker: str, head: bool, tail: bool, num_logs: int | None, reverse: bool, output: str | None, follow: bool
) -> None:
    """Show the logs of a worker."""
    pool, found, name = worker.partition("/")
    if not found:
        fail(f"Pass the work pool and the name of the worker as POOL/NAME, not {worker!r}.")
    if follow and (head or reverse):
        fail("Use --follow without --head and --reverse.")

    def read(log_filter: Any, limit: int | None, offset: int, sort: Any) -> list[records.Log]:
        return _read_log_page(pool, name, log_filter, limit, offset, sort)

    log_filter = filters.LogFilter()
    selected = _runs.read_logs(log_filter, head, tail or follow, num_logs, reverse, read)
    if follow:
        return _follow.follow_logs(log_filter, selected, read, output)
    return _runs.print_logs(selected, output, {})


def _read_log_page(
    pool: str, name: str, log_filter: filters.LogFilter, limit: int | None, offset: int, sort: Any
) -> list[records.Log]:
    body = {"logs": log_filter.model_dump(mode="json"), "limit": limit, "offset": offset, "sort": sort}
    route: Any = "/work_pools/{work_pool_name}/workers/{name}/logs/filter"
    try:
        answer = get_client().request("POST", route, path_params={"work_pool_name": pool, "name": name}, json=body)
    except ObjectNotFound:
        url = get_current_settings().api.url
        fail(f"There is no worker {name!r} in the work pool {pool!r}, or the API at {url} keeps no logs of workers.")
    return [records.Log.model_validate(log) for log in answer.json()]


def _read_workers(pool: str) -> list[dict[str, Any]]:
    """Return the workers of a pool, with the facts that they report where the server keeps them."""
    client = get_client()
    work_pool.find_work_pool(pool)
    try:
        route: Any = "/ui/pages/work-pool/{name}"
        return client.request("GET", route, path_params={"name": pool}).json()["workers"]
    except ObjectNotFound:  # the server is not of this package
        return [worker.model_dump(mode="json") for worker in client.read_workers_for_work_pool(pool)]


def _build_row(worker: dict[str, Any]) -> list[Any]:
    facts, heartbeat = worker.get("facts", {}), worker["last_heartbeat_time"]
    limit, failure = facts.get("limit"), facts.get("last_failure")
    return [
        worker["name"],
        str(worker["status"]).lower(),
        worker.get("runs") if limit is None else f"{worker['runs']} of {limit}",
        *(facts.get(name) for name in ("host", "pid", "version", "python")),
        format_age(datetime.fromisoformat(heartbeat)) if heartbeat else None,
        failure and f"{failure['flow_run_name']}: {failure['message']}",
    ]


def _read_template(file: str) -> dict[str, Any]:
    try:
        template = json.loads(Path(file).read_bytes())
    except ValueError as error:
        fail(f"The base job template in {file!r} is not valid JSON: {error}.")
    if not isinstance(template, dict):
        fail(f"The base job template in {file!r} is not a JSON object.")
    return template
