"""Which kind of API the settings name. The HTTP clients come beside it with the server."""

from __future__ import annotations

from enum import auto

from prefect import settings
from prefect.utilities.collections import AutoEnum

__all__ = ["ServerType", "determine_server_type"]


class ServerType(AutoEnum):
    """What answers the client.

    `EPHEMERAL` is the local store in this process.
    """

    EPHEMERAL = auto()
    SERVER = auto()
    CLOUD = auto()
    UNCONFIGURED = auto()


def determine_server_type() -> ServerType:
    """What the current settings name: a server, Prefect Cloud, or the local store when there is no API URL."""
    current = settings.get_current_settings()
    if not current.api.url:
        return ServerType.EPHEMERAL
    return ServerType.CLOUD if current.api.url.startswith(current.cloud.api_url) else ServerType.SERVER
