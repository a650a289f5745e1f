"""Transports of the client, which call API operations and return their responses.

An operation is named by its HTTP method and its route as the API declares it. `LocalTransport` calls the local
application in this process, without a socket; that application is found by name at run time, because the client must
not import the server. `HttpTransport` sends the operation to a server.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias
from urllib.parse import quote

from prefect import settings
from prefect._io import resolve_outcome
from prefect._lazy import lazy, lazy_from
from prefect.client._http_clients import LOCAL_URL, HttpClients
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
from prefect.types.mappings import Values

if TYPE_CHECKING:
    from types import ModuleType

    import httpx
    from pydantic import SecretStr

    from prefect.client import _encoding, _http, _http_factory, _httpx, _local_http
    from prefect.client._http_factory import HttpClientFactory
    from prefect.settings import Settings
else:
    _encoding, _http, _http_factory = lazy_from("prefect.client", "_encoding", "_http", "_http_factory")
    _httpx, _local_http = lazy_from("prefect.client", "_httpx", "_local_http")

local: ModuleType = lazy("prefect.server.local")
operation: ModuleType = lazy("prefect.server.routes.core.operation")
errors: ModuleType = lazy("prefect.server.services.core.errors")

Headers: TypeAlias = Mapping[str, str] | None
"""Headers of a request, by names in lower case."""


class Transport(Protocol):
    """Carries API operations out."""

    @property
    def url(self) -> str:
        """Return the address of the API."""
        ...

    @property
    def clients(self) -> HttpClients:
        """Return the httpx clients of the API."""
        ...

    async def call(
        self, method: str, route: str, params: Values | None = None, body: Any = None, headers: Headers = None
    ) -> Any:
        """Call an operation and return its answer: Python values, or JSON as it came over the network.

        Args:
            method: The HTTP method.
            route: The path as the API declares it, for instance `"/flow_runs/{id}"`.
            params: The parameters of its path and its query; those that are None are left out.
            body: The values of its body.
            headers: Headers of the request, by names in lower case.

        Raises:
            ObjectNotFound: The API has no such object.
            ObjectAlreadyExists: Such an object exists already.
            PrefectHTTPStatusError: The API refused for another reason.
        """
        ...

    async def request(
        self, method: str, route: str, params: Values | None = None, body: Any = None, **options: Any
    ) -> httpx.Response:
        """Call an operation and return the response.

        Args:
            method: The HTTP method.
            route: The path.
            params: The parameters of its path and its query.
            body: The values of its body.
            options: `max_retries`, how often the request is repeated (the setting `client.max_retries` if None), and
                arguments of httpx's `build_request`, for instance `headers` or `timeout`.
        """
        ...

    async def open(self) -> None:
        """Keep connections from now on, until `close`."""
        ...

    async def close(self) -> None:
        """Close the connections. The transport can be used again."""
        ...


def create_transport(settings: Settings, httpx_settings: Mapping[str, Any] | None = None) -> Transport:
    """Return the transport to the API of these settings: a server's, or the local store's when no API URL is set."""
    api = settings.api
    if not api.url:
        return LocalTransport(settings.home)
    factory = _http_factory.HttpClientFactory(
        api.url,
        auth_string=_reveal(api.auth_string),
        api_key=_reveal(api.key),
        httpx_settings=httpx_settings or {},
        settings=settings,
    )
    return HttpTransport(factory)


def get_shared_transport() -> Transport:
    """Return the transport to the API of the current settings that all parts of this process share."""
    global _shared
    current = settings.get_current_settings()
    if _shared is None or _shared[0] is not current:
        _shared = current, create_transport(current)
    return _shared[1]


_shared: tuple[Settings, Transport] | None = None


def _reveal(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()


class LocalTransport:
    """The API of a home directory's local store, in this process.

    Args:
        home: The directory.
    """

    url = LOCAL_URL

    def __init__(self, home: Path) -> None:
        self.home = home
        self._application: Any = None
        self._clients: HttpClients | None = None

    @property
    def application(self) -> Any:
        """Return the local application, made at its first use."""
        if self._application is None:
            self._application = local.LocalApplication(self.home)
        return self._application

    @property
    def clients(self) -> HttpClients:
        """httpx clients whose requests the local application answers."""
        clients = self._clients
        if clients is None:
            clients = self._clients = _local_http.create_clients(self.application, self.url)
        return clients

    async def call(
        self, method: str, route: str, params: Values | None = None, body: Any = None, headers: Headers = None
    ) -> Any:
        try:
            lower = {name.lower(): value for name, value in headers.items()} if headers else None
            answer = await self.application.call(method, route, params or {}, body, lower)
        except errors.ServiceError as refusal:
            raise self._error(method, build_path(route, params or {})[0], refusal) from None
        return answer.body.decode() if isinstance(answer, operation.RawResponse) else answer

    async def request(
        self, method: str, route: str, params: Values | None = None, body: Any = None, **options: Any
    ) -> httpx.Response:
        answer = await self.call(method, route, params, body, options.get("headers"))
        request = _httpx.httpx.Request(method, self.url + route.lstrip("/"))
        if answer is None:
            return _httpx.httpx.Response(204, request=request)
        return _httpx.httpx.Response(
            200, content=_encoding.encode(answer), headers={"content-type": "application/json"}, request=request
        )

    def _error(self, method: str, path: str, refusal: Any) -> Exception:
        # A program that catches an HTTP error has imported httpx. Others need not wait for its import.
        if "httpx" in sys.modules or refusal.status not in (404, 409):
            return _http.create_refusal_error(method, self.url + path.lstrip("/"), refusal)
        kind = ObjectNotFound if refusal.status == 404 else ObjectAlreadyExists
        return kind(refusal, str(refusal))

    async def open(self) -> None:
        """Do nothing: there are no connections."""

    async def close(self) -> None:
        if self._clients is not None:
            await self._clients.close()


class HttpTransport:
    """The API of a server.

    Args:
        factory: Creates its HTTP clients.
    """

    def __init__(self, factory: HttpClientFactory) -> None:
        self.app, self.url = factory.app, factory.url
        self.clients = HttpClients(factory.create_sync_client, factory.create_async_client)

    async def call(
        self, method: str, route: str, params: Values | None = None, body: Any = None, headers: Headers = None
    ) -> Any:
        options: dict[str, Any] = {"headers": headers} if headers else {}
        return _encoding.decode_response(await self.request(method, route, params, body, **options))

    async def request(
        self, method: str, route: str, params: Values | None = None, body: Any = None, **options: Any
    ) -> httpx.Response:
        path, query = build_path(route, params or {})
        max_retries: int | None = options.pop("max_retries", None)
        if body is not None:
            options["content"] = _encoding.encode(body)
            options["headers"] = {"content-type": "application/json", **(options.get("headers") or {})}
        if max_retries is not None:
            options["extensions"] = {**(options.get("extensions") or {}), _http.MAX_RETRIES: max_retries}
        client = self.clients.get()
        return await resolve_outcome(client.send(client.build_request(method, path, params=query, **options)))

    async def open(self) -> None:
        await self.clients.open()

    async def close(self) -> None:
        await self.clients.close()


def build_path(route: str, params: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the path of a route with its parameters filled in, and the parameters that belong to the query."""
    left = {name: value for name, value in params.items() if value is not None}
    path = re.sub(r"{(\w+)}", lambda field: quote(str(left.pop(field[1])), safe=":"), route)
    return path, {name: _encoding.to_query_value(value) for name, value in left.items()}
