"""`prefect dashboard`: open the web page."""

from __future__ import annotations

from prefect.cli.core.browser import open_page
from prefect.cli.core.command import group

command = group("dashboard", "Open the web page of the server.")


@command.command("open")
def open_dashboard() -> None:
    """Open the web page of the server in a browser; without a server, serve this home until interrupted."""
    open_page()
