"""One HTTP request to a user's endpoint, sync or async."""

from __future__ import annotations

import functools
import importlib.util
import ssl
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from prefect import _io
from prefect._lazy import lazy_modules
from prefect.notifications import hosts
from prefect.notifications.logs import capture_logs

if TYPE_CHECKING:
    import httpx

    from prefect.notifications import guarded_http
else:
    guarded_http, httpx = lazy_modules("prefect.notifications.guarded_http", "httpx")

TIMEOUT_SECONDS = 10.0

MAX_IDLE_CONNECTIONS = 20
"""Connections that a client keeps for further requests."""


@dataclass(frozen=True)
class Request:
    """A request. `options` are arguments of `httpx.Client.request`: `json`, `data`, `content`, `headers`, `params`."""

    method: str
    url: str
    options: Mapping[str, Any] = field(default_factory=dict)
    cookies: Mapping[str, str] | None = None
    timeout_seconds: float = TIMEOUT_SECONDS
    verify: bool = True
    allow_private_urls: bool = True


async def send(request: Request, client: httpx.AsyncClient | None = None) -> httpx.Response:
    """Send a request and return the response, also one with an error status.

    Args:
        request: The request.
        client: What sends it, if it needs nothing special: `create_client` made it. It keeps connections.

    Raises:
        ValueError: The host is in a private network, and the request does not allow that.
        httpx.TransportError: There is no answer.
    """
    context = _create_tls_context(request.url.startswith("https:"), request.verify)
    arguments = {"cookies": request.cookies, "timeout": request.timeout_seconds, "verify": context}
    if not request.allow_private_urls:
        await _io.blocking(hosts.resolve_public, request.url)
    is_usual = request.verify and request.allow_private_urls and not request.cookies
    with capture_logs():
        if client is not None and is_usual:
            response = await client.request(
                request.method, request.url, timeout=request.timeout_seconds, **request.options
            )  # fmt: skip
            client.cookies.clear()  # one endpoint's are not another's
            return response
        return await _send(request, arguments)


def create_client() -> httpx.AsyncClient:
    """Return a client for many requests, to be closed by the caller."""
    _note_missing_modules()
    # The caller limits how many are sent at a time: one that waited for others here would count as unanswered.
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=MAX_IDLE_CONNECTIONS)
    return httpx.AsyncClient(verify=_create_tls_context(is_encrypted=True, verify=True), limits=limits)


async def _send(request: Request, arguments: dict[str, Any]) -> httpx.Response:
    if _io.is_driven():
        with httpx.Client(transport=_build_transport(request, "HTTP", arguments["verify"]), **arguments) as client:
            return client.request(request.method, request.url, **request.options)
    async with httpx.AsyncClient(
        transport=_build_transport(request, "AsyncHTTP", arguments["verify"]), **arguments
    ) as client:
        return await client.request(request.method, request.url, **request.options)


def _build_transport(request: Request, kind: str, context: ssl.SSLContext) -> Any:
    """Return the transport of a request; None for the default of httpx, which uses the proxies of the environment."""
    if not request.allow_private_urls:
        return getattr(guarded_http, f"SSRFProtected{kind}Transport")(verify=context)
    return None if request.verify else getattr(httpx, f"{kind}Transport")(verify=context)


def _note_missing_modules() -> None:
    """Note that sniffio is not installed: httpx asks six times a request, and Python would look in all directories."""
    if "sniffio" not in sys.modules and importlib.util.find_spec("sniffio") is None:
        sys.modules["sniffio"] = None  # pyright: ignore[reportArgumentType]  # what forbids an import


@functools.cache
def _create_tls_context(is_encrypted: bool, verify: bool) -> ssl.SSLContext:
    """Return the TLS context of requests; to read the certificates takes longer than to send a request."""
    return httpx.create_ssl_context(verify) if is_encrypted else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
