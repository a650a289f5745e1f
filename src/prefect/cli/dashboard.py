"""`prefect dashboard`: open the web page."""

from __future__ import annotations

from prefect.cli._browser import open_page
from prefect.cli._command import group

command = group("dashboard", "Open the web interface of the server.")


@command.command("open")
def open_dashboard() -> None:
    """Open the web interface of the server in a browser; without a server, run one on this home meanwhile."""
    open_page()
