"""How a server is reached: headers, certificates and time limits, from the settings and from who makes the client."""

from __future__ import annotations

import base64
import logging
import ssl
import threading
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

import prefect
from prefect import settings
from prefect._lazy import lazy
from prefect.client._http import PrefectHttpxAsyncClient, PrefectHttpxSyncClient
from prefect.client._httpx import httpx
from prefect.client.base import app_lifespan_context
from prefect.client.constants import SERVER_API_VERSION
from prefect.settings import Settings
from prefect.settings.context import SettingsContext

if TYPE_CHECKING:
    from anyio import from_thread
    from anyio.from_thread import BlockingPortal
else:
    from_thread = lazy("anyio.from_thread")

logger = logging.getLogger("prefect.client")

OURS = frozenset({"user-agent", "prefect-csrf-token", "prefect-csrf-client"})
"""Headers that nobody else sets."""

KEEPALIVE = 4.0
"""Seconds that an idle connection is kept: fewer than the 5 after which uvicorn closes it, maybe just as it is used."""


@dataclass(frozen=True)
class Maker:
    """Makes HTTP clients for one API. What it takes is described at `HttpTransport`."""

    url: str
    app: Callable[..., Any] | None
    auth_string: str | None
    api_key: str | None
    api_version: str | None
    httpx_settings: dict[str, Any]
    settings: Settings = field(default_factory=settings.get_current_settings)
    """Those of whoever makes the client, not of the thread that uses it first."""

    def async_client(self, keeps: bool) -> PrefectHttpxAsyncClient:
        """A client for an event loop.

        Args:
            keeps: Whether connections are kept for further requests.
        """
        with SettingsContext(None, settings=self.settings):
            options = self._options()
            if not keeps and "limits" not in self.httpx_settings:
                options["limits"] = httpx.Limits(max_keepalive_connections=0)
            if self.app is not None:
                options["transport"] = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)
            return PrefectHttpxAsyncClient(**options)

    def sync_client(self) -> PrefectHttpxSyncClient:
        """A client for code without an event loop."""
        with SettingsContext(None, settings=self.settings):
            options = self._options()
            if self.app is not None:
                options["transport"] = AppTransport(self.app)
            return PrefectHttpxSyncClient(**options)

    def _options(self) -> dict[str, Any]:
        current = self.settings
        options: dict[str, Any] = {
            "base_url": self.url,
            "timeout": current.api.request_timeout,
            "http2": current.api.enable_http2,
            "limits": httpx.Limits(keepalive_expiry=KEEPALIVE),
            "enable_csrf_support": current.client.csrf_support_enabled,
            **self.httpx_settings,
        }
        if "verify" not in options and "transport" not in options:
            options["verify"] = certificates(self.url)
        options["headers"] = {**self._headers(), **dict(self.httpx_settings.get("headers") or {})}
        return options

    def _headers(self) -> dict[str, str]:
        headers = {
            "User-Agent": user_agent(),
            "X-PREFECT-API-VERSION": self.api_version or SERVER_API_VERSION,
        }
        if self.auth_string is not None:
            headers["Authorization"] = basic(self.auth_string)
        elif self.api_key is not None:
            headers["Authorization"] = f"Bearer {self.api_key}"
        return {**headers, **custom_headers(OURS)}


class AppTransport(httpx.BaseTransport):
    """Carries requests of sync code to an ASGI application in this process, which runs in a thread of its own.

    Args:
        app: The application. It is started with the first request, and stopped when this is closed.
    """

    def __init__(self, app: Callable[..., Any]) -> None:
        self._app = app
        self._asgi = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        self._running = ExitStack()
        self._portal: BlockingPortal | None = None
        self._starting = threading.Lock()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Have a request answered."""
        with self._starting:
            if self._portal is None:
                self._portal = self._running.enter_context(from_thread.start_blocking_portal())
                self._running.enter_context(self._portal.wrap_async_context_manager(app_lifespan_context(self._app)))
        return self._portal.call(self._answer, request)

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        asked = httpx.Request(request.method, request.url, headers=request.headers, content=request.read())
        response = await self._asgi.handle_async_request(asked)
        body = b"".join([chunk async for chunk in response.aiter_raw()])
        return httpx.Response(response.status_code, headers=response.headers, stream=httpx.ByteStream(body))

    def close(self) -> None:
        """Stop the application."""
        with self._starting:
            self._portal = None
            self._running.close()


def user_agent() -> str:
    """What requests say they come from."""
    return f"prefect/{prefect.__version__} (API {SERVER_API_VERSION})"


def basic(auth_string: str) -> str:
    """The header of basic authentication for `"user:password"`."""
    return f"Basic {base64.b64encode(auth_string.encode()).decode()}"


def custom_headers(reserved: frozenset[str]) -> dict[str, str]:
    """The headers of the setting `client.custom_headers`, without those that are not the user's to set."""
    given = settings.get_current_settings().client.custom_headers
    for name in given:
        if name.lower() in reserved:
            logger.warning(
                "The header %s of the setting client.custom_headers is not sent: it is set by Prefect.", name
            )
    return {name: value for name, value in given.items() if name.lower() not in reserved}


def certificates(url: str) -> ssl.SSLContext:
    """Which certificates a server at this address may show, by the settings `api.tls_insecure_skip_verify` and
    `api.ssl_cert_file`."""
    api = settings.get_current_settings().api
    if url.startswith("http:") and not urllib.request.getproxies():
        return _none()
    return _accept_any() if api.tls_insecure_skip_verify else _trusted(api.ssl_cert_file)


# Reading certificates takes tens of milliseconds, so it is done once.


@cache
def _none() -> ssl.SSLContext:
    # Where nothing is encrypted none is needed, and none is trusted.
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@cache
def _accept_any() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@cache
def _trusted(file: str | None) -> ssl.SSLContext:
    if file is None:
        return httpx.create_ssl_context()
    return ssl.create_default_context(cafile=file)
