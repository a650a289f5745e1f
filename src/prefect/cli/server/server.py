"""`prefect server`: run a server in the foreground or background, and check its health."""

from __future__ import annotations

import os
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

import click

from prefect import exceptions
from prefect._lazy import lazy_from
from prefect.cli.core import errors
from prefect.cli.core.command import flag, group, output_option
from prefect.cli.core.lookup import get_client
from prefect.cli.core.output import fail, print_json
from prefect.cli.server._background import BackgroundProcess
from prefect.cli.server.server_database import command as database
from prefect.cli.server.server_services import command as services
from prefect.settings import get_current_settings, temporary_settings

if TYPE_CHECKING:
    from prefect.client import failures
    from prefect.logging import configuration
    from prefect.outbox import leftovers
    from prefect.server.app import serving
    from prefect.settings import Settings
else:
    configuration, failures = lazy_from("prefect", "logging.configuration", "client.failures")
    leftovers, serving = lazy_from("prefect", "outbox.leftovers", "server.app.serving")

command = group("server", "Run a server and check its health.")
command.add_command(database)
command.add_command(services)

POLL_INTERVAL_SECONDS = 0.2
"""Seconds between two health checks."""


@command.command("start")
@click.option("--host", help="Address to listen on.  [PREFECT_SERVER_API_HOST]")
@click.option("--port", type=int, help="Port to listen on; 0 picks a free one.  [PREFECT_SERVER_API_PORT]")
@click.option("--keep-alive-timeout", type=int, help="Seconds to keep an idle connection open.")
@click.option("--log-level", help="Log level.  [PREFECT_SERVER_LOGGING_LEVEL]")
@flag("--scheduler", default=None, help="Run the scheduler, which creates runs of schedules.")
@click.option(
    "--analytics-on/--analytics-off", "analytics", default=None, help="Accepted without effect: no analytics are sent."
)
@flag("--late-runs", default=None, help="Mark late runs.")
@flag("--ui", default=None, help="Serve the web page at /.")
@click.option("--no-services", is_flag=True, help="Serve the API only; run background services in another process.")
@flag("--background", "-b", help="Run the server in the background.")
@click.option("--workers", type=click.IntRange(min=1), default=1, show_default=True, help="Number of server processes.")
def start(no_services: bool, background: bool, workers: int, **options: Any) -> None:
    """Run a server until it is stopped."""
    accessors = {
        "host": "server.api.host",
        "port": "server.api.port",
        "keep_alive_timeout": "server.api.keepalive_timeout",
        "log_level": "server.logging_level",
        "scheduler": "server.services.scheduler.enabled",
        "analytics": "server.analytics_enabled",
        "late_runs": "server.services.late_runs.enabled",
        "ui": "server.ui.enabled",
    }
    if options["log_level"]:
        options["log_level"] = options["log_level"].upper()
    updates: dict[Any, Any] = {accessors[name]: value for name, value in options.items() if value is not None}
    with temporary_settings(updates) as settings:
        if background:
            _start_in_background(settings, no_services, workers)
            return
        if (pid := BackgroundProcess("server").find_pid()) not in (None, os.getpid()):
            click.echo(f"Another server of this home is running in the background as process {pid}.", err=True)
        configuration.setup_logging()
        with leftovers.ship_leftovers(settings):
            serving.serve(
                settings,
                loops=not no_services,
                workers=workers,
                started=lambda address: _print_address(address, settings),
            )
        click.echo("Stopped.")


def _print_address(address: str, settings: Settings) -> None:
    api = address + serving.base_path(settings)
    click.echo(
        f"\nServer running at {api}\n\n"
        f"  Documentation   {api}/docs\n"
        f"  Data            {serving.describe_database(settings)}\n"
        f"  Use it with     prefect config set PREFECT_API_URL={api}\n\n"
        "Press Ctrl+C to stop.\n"
    )


def _start_in_background(settings: Settings, no_services: bool, workers: int) -> None:
    api = settings.server.api
    if api.port == 0:
        fail("A server in the background requires a fixed port. Pass one with --port.")
    if BackgroundProcess("server").find_pid() is None:
        serving.check_port(settings)  # or the health check would reach another server on that port
    url = f"http://{_client_host(api.host)}:{api.port}{serving.base_path(settings)}"
    arguments = ["server", "start", "--workers", str(workers), *(["--no-services"] if no_services else [])]
    pid = BackgroundProcess("server").start(arguments, lambda: _is_healthy(f"{url}/health"))
    click.echo(f"Server running at {url} as process {pid}. Stop it with `prefect server stop`.")


def _client_host(host: str) -> str:
    """Return a host that reaches a server listening on this address."""
    name = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"[{name}]" if ":" in name else name


def _is_healthy(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except (OSError, urllib.error.URLError):
        return False


@command.command("stop")
def stop() -> None:
    """Stop the background server."""
    stopped = BackgroundProcess("server").stop()
    click.echo("Server stopped." if stopped else "No server running in the background.")


@command.command("status")
@flag("--wait", help="Wait until the server is available.")
@click.option(
    "--timeout",
    "-t",
    type=int,
    default=0,
    show_default=True,
    help="Maximum number of seconds to --wait; 0 waits forever.",
)
@output_option
def status(wait: bool, timeout: int, output: str | None) -> None:
    """Check whether the server of PREFECT_API_URL is available."""
    url = get_current_settings().api.url
    if not url:
        fail("No API URL configured. Set PREFECT_API_URL to the address of your server.")
    deadline = time.monotonic() + (timeout or float("inf")) if wait else 0.0
    error = get_client().api_healthcheck()
    while error is not None and time.monotonic() < deadline:
        time.sleep(POLL_INTERVAL_SECONDS)
        error = get_client().api_healthcheck()
    if error is None:
        version = _read_version()
        if output:
            return print_json({"status": "available", "api_url": url, "server_version": version})
        known = f"Its version is {version}." if version else f"It {errors.describe_missing_credentials()}"
        return click.echo(f"The server at {url} is available. {known}")
    if not output:
        fail(f"The server at {url} is not available: {error}")
    print_json({"status": "unavailable", "api_url": url, "error": str(error)})
    raise click.exceptions.Exit(1)


def _read_version() -> str | None:
    """Return the version of the server; None when it requires credentials to say it."""
    try:
        return get_client().request("GET", "/admin/version").json()
    except exceptions.PrefectHTTPStatusError as error:
        if error.response.status_code not in failures.UNAUTHORIZED_STATUSES:
            raise
        return None
