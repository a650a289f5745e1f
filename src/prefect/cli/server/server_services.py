"""`prefect server services`: list and run the background services of a server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from prefect._lazy import lazy_from
from prefect.cli.core.command import flag, group, output_option
from prefect.cli.core.output import print_json, print_table
from prefect.cli.server._background import BackgroundProcess
from prefect.settings import get_current_settings

if TYPE_CHECKING:
    from prefect.logging import configuration
    from prefect.server import loops
    from prefect.server.app import serving
else:
    configuration, loops, serving = lazy_from("prefect", "logging.configuration", "server.loops", "server.app.serving")

command = group("services", "Manage the background services of a server.")
command.aliases = {"list": "ls", "enable": "start", "disable": "stop"}


@command.command("ls")
@output_option
def ls(output: str | None) -> None:
    """List background services and whether they are enabled."""
    found = loops.all_loops(get_current_settings())
    if output:
        return print_json(
            [
                {
                    "name": loop.name,
                    "enabled": loop.enabled,
                    "seconds": loop.interval_seconds,
                    "description": loop.summary,
                }
                for loop in found
            ]
        )
    print_table(
        ["Name", "Enabled", "Every", "Description"],
        [[loop.name, "yes" if loop.enabled else "no", f"{loop.interval_seconds:g} s", loop.summary] for loop in found],
        wrapped="Description",
    )


@command.command("start")
@flag("--background", "-b", help="Run the services in the background.")
def start(background: bool) -> None:
    """Run the background services without the API."""
    if background:
        background_process = BackgroundProcess("services")
        log_start = background_process.log_file.stat().st_size if background_process.log_file.exists() else 0
        pid = background_process.start(
            ["server", "services", "start"], lambda: b"\n" in background_process.log_file.read_bytes()[log_start:]
        )
        click.echo(f"Services running as process {pid}. Stop them with `prefect server services stop`.")
        return
    configuration.setup_logging()
    serving.serve_loops(get_current_settings(), lambda: click.echo("Services running. Press Ctrl+C to stop."))
    click.echo("Stopped.")


@command.command("stop")
def stop() -> None:
    """Stop the background services."""
    stopped = BackgroundProcess("services").stop()
    click.echo("All services stopped." if stopped else "No services are running in the background.")
