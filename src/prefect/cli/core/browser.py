"""Open pages of the web page in a browser."""

from __future__ import annotations

import webbrowser
from typing import TYPE_CHECKING

import click

from prefect._lazy import lazy
from prefect.cli.core.output import fail
from prefect.client.urls import UI_URL_FORMATS
from prefect.settings import get_current_settings, temporary_settings

if TYPE_CHECKING:
    from uuid import UUID

    from prefect.server.app import serving
else:
    serving = lazy("prefect.server.app.serving")


def open_page(kind: str = "", obj_id: UUID | None = None) -> None:
    """Open an address of the web page in a browser; without a server, serve this home until interrupted.

    Args:
        kind: What the page shows, such as `flow-run`; by default everything.
        obj_id: Its id.

    Raises:
        click.ClickException: There is a server, but no browser could be opened.
    """
    path = UI_URL_FORMATS[kind].format(obj_id=obj_id) if kind else ""
    settings = get_current_settings()
    base = settings.ui_url or (settings.api.url or "").removesuffix("/").removesuffix("/api")
    if base:
        url = _join(base, path)
        if not webbrowser.open(url):
            fail(f"No browser could be opened. The page is at {url}")
        click.echo(f"Opened {url} in a browser.")
        return
    with temporary_settings({"server.api.port": 0}) as settings:
        serving.serve(settings, started=lambda address: _open_local(_join(address, path)))
    click.echo("Stopped.")


def _join(base: str, path: str) -> str:
    return f"{base.rstrip('/')}/{path}" if path else base


def _open_local(url: str) -> None:
    click.echo(f"The history of this home is at {url} until you press Ctrl+C.")
    if not webbrowser.open(url):
        click.echo("No browser could be opened: open the address in one.")
