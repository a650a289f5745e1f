"""`prefect dashboard`: open the web page."""

from __future__ import annotations

import webbrowser
from typing import TYPE_CHECKING

import click

from prefect._lazy import lazy
from prefect.cli._command import group
from prefect.cli._output import fail
from prefect.settings import get_current_settings, temporary_settings

if TYPE_CHECKING:
    from prefect.server.app import serving
else:
    serving = lazy("prefect.server.app.serving")

command = group("dashboard", "Open the web interface of the server.")


@command.command("open")
def open_dashboard() -> None:
    """Open the web interface of the server in a browser; without a server, run one on this home meanwhile."""
    settings = get_current_settings()
    url = settings.ui_url or (settings.api.url or "").removesuffix("/").removesuffix("/api")
    if url:
        if not webbrowser.open(url):
            fail(f"No browser could be opened. The web interface is at {url}")
        click.echo(f"Opened {url} in a browser.")
        return
    with temporary_settings({"server.api.port": 0}) as settings:
        serving.serve(settings, started=_open)
    click.echo("Stopped.")


def _open(address: str) -> None:
    click.echo(f"The history of this home is at {address} until you press Ctrl+C.")
    if not webbrowser.open(address):
        click.echo("No browser could be opened: open the address in one.")
