"""`prefect dashboard`: open the web interface of the server."""

from __future__ import annotations

import webbrowser

import click

from prefect.cli._command import group
from prefect.cli._output import fail
from prefect.settings import get_current_settings

command = group("dashboard", "Open the web interface of the server.")


@command.command("open")
def open_dashboard() -> None:
    """Open the web interface of the server in a browser."""
    settings = get_current_settings()
    url = settings.ui_url or (settings.api.url or "").removesuffix("/").removesuffix("/api")
    if not url:
        fail("No API URL configured. Set PREFECT_API_URL to the address of your server.")
    if not webbrowser.open(url):
        fail(f"No browser could be opened. The web interface is at {url}")
    click.echo(f"Opened {url} in a browser.")
