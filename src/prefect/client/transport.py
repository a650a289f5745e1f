"""The seam below the client: an operation of the API goes in, its answer comes out.

An operation is named by its HTTP method and its route as the API declares it, so that a transport over HTTP needs no
table. `LocalTransport` hands it to the local application in this process, with no socket; the application is found by
name at run time, because the client must not look up to the server.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from prefect._lazy import lazy
from prefect.exceptions import ObjectNotFound

if TYPE_CHECKING:
    from types import ModuleType

local: ModuleType = lazy("prefect.server.local")
errors: ModuleType = lazy("prefect.server.services.errors")


class Transport(Protocol):
    """What carries operations to an API."""

    @property
    def url(self) -> str:
        """Where the API is, for people."""
        ...

    async def call(
        self, method: str, route: str, params: Mapping[str, Any] | None = None, body: Mapping[str, Any] | Any = None
    ) -> Any:
        """Carry out an operation and return its answer: Python values, or JSON as it came over the wire.

        Args:
            method: The HTTP method.
            route: The path as the API declares it, for instance `"/flow_runs/{id}"`.
            params: The parameters of its path and its query.
            body: The values of its body.

        Raises:
            ObjectNotFound: The API knows no such object.
        """
        ...


class LocalTransport:
    """The API of a home directory's local store, in this process.

    Args:
        home: The directory.
    """

    url = "http://ephemeral-prefect/api/"

    def __init__(self, home: Path) -> None:
        self.home = home
        self._application: Any = None

    async def call(
        self, method: str, route: str, params: Mapping[str, Any] | None = None, body: Mapping[str, Any] | Any = None
    ) -> Any:
        if self._application is None:
            self._application = local.LocalApplication(self.home)
        try:
            return await self._application.call(method, route, params or {}, body)
        except errors.Missing as error:
            raise ObjectNotFound(error, str(error)) from None
