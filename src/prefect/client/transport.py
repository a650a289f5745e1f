"""The seam below the client: an operation of the API goes in, its answer comes out.

An operation is named by its HTTP method and its route as the API declares it. `LocalTransport` hands it to the local
application in this process, with no socket; the application is found by name at run time, because the client must not
look up to the server. `HttpTransport` sends it to a server.
"""

from __future__ import annotations

import os
import re
import sys
import threading
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote

from prefect._io import driving, running_loop, settled
from prefect._lazy import lazy
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound

if TYPE_CHECKING:
    from types import ModuleType

    import httpx

    from prefect.client import _connecting, _encoding, _http, _httpx
else:
    _connecting = lazy("prefect.client._connecting")
    _encoding = lazy("prefect.client._encoding")
    _http = lazy("prefect.client._http")
    _httpx = lazy("prefect.client._httpx")

local: ModuleType = lazy("prefect.server.local")
operation: ModuleType = lazy("prefect.server.routes.operation")
errors: ModuleType = lazy("prefect.server.services.core.errors")


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
            params: The parameters of its path and its query; those that are None are left out.
            body: The values of its body.

        Raises:
            ObjectNotFound: The API knows no such object.
            ObjectAlreadyExists: There is such an object already.
            PrefectHTTPStatusError: The API refuses for another reason.
        """
        ...

    async def request(
        self,
        method: str,
        route: str,
        params: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | Any = None,
        **options: Any,
    ) -> httpx.Response:
        """As `call`, for who wants the response itself.

        Args:
            method: The HTTP method.
            route: The path.
            params: The parameters of its path and its query.
            body: The values of its body.
            options: What httpx's `build_request` takes besides, for instance `headers`.
        """
        ...

    async def open(self) -> None:
        """Keep connections from now on, until `close`."""
        ...

    async def close(self) -> None:
        """Close the connections. The transport can be used again."""
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
            answer = await self._application.call(method, route, params or {}, body)
        except errors.ServiceError as refusal:
            raise self._error(method, fill(route, params or {})[0], refusal) from None
        return answer.body.decode() if isinstance(answer, operation.RawResponse) else answer

    async def request(
        self,
        method: str,
        route: str,
        params: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | Any = None,
        **options: Any,
    ) -> httpx.Response:
        answer = await self.call(method, route, params, body)
        request = _httpx.httpx.Request(method, self.url + route.lstrip("/"))
        if answer is None:
            return _httpx.httpx.Response(204, request=request)
        return _httpx.httpx.Response(
            200, content=_encoding.encoded(answer), headers={"content-type": "application/json"}, request=request
        )

    def _error(self, method: str, path: str, refusal: Any) -> Exception:
        # Whoever means to catch an HTTP error has imported httpx. Others need not wait for it.
        if "httpx" in sys.modules or refusal.status not in (404, 409):
            return _http.refused(method, self.url + path.lstrip("/"), refusal)
        kind = ObjectNotFound if refusal.status == 404 else ObjectAlreadyExists
        return kind(refusal, str(refusal))

    async def open(self) -> None:
        """There is nothing to keep open."""

    async def close(self) -> None:
        """There is nothing to close."""


class HttpTransport:
    """The API of a server.

    It has one pool of connections for sync code, shared by all threads, and one for each event loop that uses it. The
    pool of an event loop keeps connections only between `open` and `close`, as nobody could close them later.

    Args:
        url: The API's address, ending in `/api`; or an ASGI application to be called in this process.
        auth_string: `"user:password"`, for basic authentication.
        api_key: The bearer token for Prefect Cloud.
        api_version: The version of the REST API to ask for.
        httpx_settings: What httpx's clients take.
    """

    def __init__(
        self,
        url: str | Callable[..., Any],
        *,
        auth_string: str | None = None,
        api_key: str | None = None,
        api_version: str | None = None,
        httpx_settings: Mapping[str, Any] | None = None,
    ) -> None:
        self.app = None if isinstance(url, str) else url
        self.url = f"{url.rstrip('/')}/" if isinstance(url, str) else LocalTransport.url
        self._make = _connecting.Maker(
            self.url, self.app, auth_string, api_key, api_version, dict(httpx_settings or {})
        )
        self._kept = False
        self._forget()

    def _forget(self) -> None:
        """Begin without connections. After a fork those of the parent are not for this process to use."""
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._sync: _http.PrefectHttpxSyncClient | None = None
        self._by_loop: weakref.WeakKeyDictionary[Any, _http.PrefectHttpxAsyncClient] = weakref.WeakKeyDictionary()

    @property
    def http(self) -> _http.PrefectHttpxAsyncClient | _http.PrefectHttpxSyncClient:
        """The HTTP client for the code that asks: driven or not, and in which event loop."""
        if self._pid != os.getpid():
            self._forget()
        if driving():
            with self._lock:
                if self._sync is None:
                    self._sync = self._make.sync_client()
                    weakref.finalize(self, self._sync.close)
                return self._sync
        loop = running_loop()
        with self._lock:
            client = self._by_loop.get(loop)
            if client is None:
                client = self._by_loop[loop] = self._make.async_client(self._kept)
            return client

    async def call(
        self, method: str, route: str, params: Mapping[str, Any] | None = None, body: Mapping[str, Any] | Any = None
    ) -> Any:
        return _encoding.decoded(await self.request(method, route, params, body))

    async def request(
        self,
        method: str,
        route: str,
        params: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | Any = None,
        **options: Any,
    ) -> httpx.Response:
        path, query = fill(route, params or {})
        if body is not None:
            options["content"] = _encoding.encoded(body)
            options["headers"] = {"content-type": "application/json", **(options.get("headers") or {})}
        client = self.http
        return await settled(client.send(client.build_request(method, path, params=query, **options)))

    async def open(self) -> None:
        self._kept = True
        if not driving():
            self._by_loop.pop(running_loop(), None)  # one that keeps no connections

    async def close(self) -> None:
        self._kept = False
        if self._pid != os.getpid():
            return
        if driving():
            client, self._sync = self._sync, None
            if client is not None:
                client.close()
            return
        client = self._by_loop.pop(running_loop(), None)
        if client is not None:
            await client.aclose()


def fill(route: str, params: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The path of a route with its parameters in it, and those that belong to the query."""
    left = {name: value for name, value in params.items() if value is not None}
    path = re.sub(r"{(\w+)}", lambda field: quote(str(left.pop(field[1])), safe=":"), route)
    return path, {name: _encoding.as_query(value) for name, value in left.items()}
