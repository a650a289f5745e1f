"""The settings of a server, group by group."""

from prefect.settings.models.server.root import ServerSettings

__all__ = ["ServerSettings"]
