"""httpx clients whose requests the local application answers in this process, without a socket.

Programs use them as `client._client`: what works with a server's httpx client works with the local store as well.
"""

from __future__ import annotations

from typing import Any

from prefect._io import drive
from prefect.client import _encoding
from prefect.client._http import PrefectHttpxAsyncClient, PrefectHttpxSyncClient
from prefect.client._http_clients import HttpClients
from prefect.client._httpx import httpx


def create_clients(application: Any, url: str) -> HttpClients:
    """Return the httpx clients of a local application, whose API they see at a URL."""
    options: dict[str, Any] = {"base_url": url, "transport": _LocalHttpTransport(application, url)}
    return HttpClients(
        lambda: PrefectHttpxSyncClient(**options),
        lambda keep_connections: PrefectHttpxAsyncClient(**options),
    )


class _LocalHttpTransport(httpx.AsyncBaseTransport, httpx.BaseTransport):
    """Turns HTTP requests into calls of the local application.

    Args:
        application: The local application.
        url: The URL that stands for its API.
    """

    def __init__(self, application: Any, url: str) -> None:
        self._application = application
        self._base_path = httpx.URL(url).path.rstrip("/")

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await self._respond(request, await request.aread())

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return drive(self._respond(request, request.read()))

    async def _respond(self, request: httpx.Request, body: bytes) -> httpx.Response:
        query: dict[str, list[str]] = {}
        for name, value in request.url.params.multi_items():
            query.setdefault(name, []).append(value)
        path = request.url.path.removeprefix(self._base_path)
        status, headers, answer = await self._application.respond(request.method, path, query, request.headers, body)
        if answer is None and status == 204:
            return httpx.Response(204)
        content = answer if isinstance(answer, bytes) else _encoding.encode(answer)
        return httpx.Response(status, content=content, headers={"content-type": "application/json", **headers})
