"""Transports of httpx that refuse hosts whose names resolve to addresses in private networks.

The name is resolved here, once, and the connection goes to that address.
"""

from __future__ import annotations

import functools
from typing import Any

import httpx

from prefect import _io
from prefect.notifications.hosts import resolve_public


def _pinned(request: httpx.Request, address: str) -> httpx.Request:
    """Return the same request to an address instead of a name; TLS and the `Host` header still name the host."""
    host = request.url.host
    request.headers.setdefault("Host", request.url.netloc.decode())
    request.extensions = {**request.extensions, "sni_hostname": host}
    request.url = request.url.copy_with(host=address)
    return request


class SSRFProtectedHTTPTransport(httpx.HTTPTransport):
    """A transport that refuses hosts in private networks with `ValueError`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request to a public host."""
        return super().handle_request(_pinned(request, resolve_public(str(request.url))[0]))


class SSRFProtectedAsyncHTTPTransport(httpx.AsyncHTTPTransport):
    """An async transport that refuses hosts in private networks with `ValueError`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request to a public host."""
        addresses = await _io.blocking(functools.partial(resolve_public, str(request.url)))
        return await super().handle_async_request(_pinned(request, addresses[0]))
