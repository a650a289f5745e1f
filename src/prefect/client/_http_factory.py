"""HTTP clients of one API: headers, certificates and timeouts from the settings and from the client's arguments."""

from __future__ import annotations

import base64
import logging
import ssl
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

import prefect
from prefect import _forks, settings
from prefect._lazy import lazy
from prefect.client._http import PrefectHttpxAsyncClient, PrefectHttpxSyncClient
from prefect.client._http_clients import LOCAL_URL
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

RESERVED_HEADERS = frozenset({"user-agent", "prefect-csrf-token", "prefect-csrf-client"})
"""Headers that the setting `client.custom_headers` cannot set."""

KEEPALIVE_SECONDS = 4.0
"""How long an idle connection is kept: less than the 5 seconds after which uvicorn closes it, maybe as it is used."""


@dataclass(frozen=True)
class HttpClientFactory:
    """Creates the HTTP clients of one API.

    Attributes:
        api: The API's address, ending in `/api`; or an ASGI application to be called in this process.
        auth_string: `"user:password"`, for basic authentication.
        api_key: The bearer token for Prefect Cloud.
        api_version: The version of the REST API to request; that of this package if None.
        httpx_settings: Arguments of httpx's clients.
    """

    api: str | Callable[..., Any]
    auth_string: str | None = None
    api_key: str | None = None
    api_version: str | None = None
    httpx_settings: Mapping[str, Any] = field(default_factory=dict)
    settings: Settings = field(default_factory=settings.get_current_settings)
    """The settings of the code that creates the client, not of the thread that uses it first."""

    @property
    def app(self) -> Callable[..., Any] | None:
        """The application to call in this process, if the API is one."""
        return None if isinstance(self.api, str) else self.api

    @property
    def url(self) -> str:
        """The API's address with a slash at its end; a made-up one for an application."""
        return f"{self.api.rstrip('/')}/" if isinstance(self.api, str) else LOCAL_URL

    def create_async_client(self, keep_connections: bool) -> PrefectHttpxAsyncClient:
        """Create a client for an event loop.

        Args:
            keeps: Whether connections are kept for further requests.
        """
        with SettingsContext(None, settings=self.settings):
            options = self._options()
            if not keep_connections and "limits" not in self.httpx_settings:
                options["limits"] = httpx.Limits(max_keepalive_connections=0)
            if self.app is not None:
                options["transport"] = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)
            return PrefectHttpxAsyncClient(**options)

    def create_sync_client(self) -> PrefectHttpxSyncClient:
        """Create a client for sync code."""
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
            "limits": httpx.Limits(keepalive_expiry=KEEPALIVE_SECONDS),
            "enable_csrf_support": current.client.csrf_support_enabled,
            **self.httpx_settings,
        }
        if "verify" not in options and "transport" not in options:
            options["verify"] = create_ssl_context(self.url)
        options["headers"] = {**self._headers(), **dict(self.httpx_settings.get("headers") or {})}
        return options

    def _headers(self) -> dict[str, str]:
        headers = {
            "User-Agent": get_user_agent(),
            "X-PREFECT-API-VERSION": self.api_version or SERVER_API_VERSION,
        }
        if self.auth_string is not None:
            headers["Authorization"] = basic_auth_header(self.auth_string)
        elif self.api_key is not None:
            headers["Authorization"] = f"Bearer {self.api_key}"
        return {**headers, **get_custom_headers(RESERVED_HEADERS)}


class AppTransport(httpx.BaseTransport):
    """Sends requests of sync code to an ASGI application, which runs in a separate thread of this process.

    Args:
        app: The application. It is started by the first request and stopped by `close`.
    """

    def __init__(self, app: Callable[..., Any]) -> None:
        self._app = app
        self._asgi = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        self._running = ExitStack()
        self._portal: BlockingPortal | None = None
        self._starting = _forks.create_lock()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request to the application."""
        with self._starting:
            if self._portal is None:
                self._portal = self._running.enter_context(from_thread.start_blocking_portal())
                self._running.enter_context(self._portal.wrap_async_context_manager(app_lifespan_context(self._app)))
        return self._portal.call(self._handle_async, request)

    async def _handle_async(self, request: httpx.Request) -> httpx.Response:
        copied = httpx.Request(request.method, request.url, headers=request.headers, content=request.read())
        response = await self._asgi.handle_async_request(copied)
        body = b"".join([chunk async for chunk in response.aiter_raw()])
        return httpx.Response(response.status_code, headers=response.headers, stream=httpx.ByteStream(body))

    def close(self) -> None:
        """Stop the application."""
        with self._starting:
            self._portal = None
            self._running.close()


def get_user_agent() -> str:
    """Return the value of the header `User-Agent`."""
    return f"prefect/{prefect.__version__} (API {SERVER_API_VERSION})"


def basic_auth_header(auth_string: str) -> str:
    """Return the `Authorization` header for `"user:password"`."""
    return f"Basic {base64.b64encode(auth_string.encode()).decode()}"


def get_custom_headers(reserved: frozenset[str]) -> dict[str, str]:
    """Return the headers of the setting `client.custom_headers`, without reserved ones, which are logged."""
    headers = settings.get_current_settings().client.custom_headers
    for name in headers:
        if name.lower() in reserved:
            logger.warning(
                "The header %s of the setting client.custom_headers is not sent: it is set by Prefect.", name
            )
    return {name: value for name, value in headers.items() if name.lower() not in reserved}


def create_ssl_context(url: str) -> ssl.SSLContext:
    """Return the TLS context for a URL by the settings `api.tls_insecure_skip_verify` and `api.ssl_cert_file`."""
    api = settings.get_current_settings().api
    if url.startswith("http:") and not urllib.request.getproxies():
        return _context_without_certificates()
    return _context_without_verification() if api.tls_insecure_skip_verify else _verifying_context(api.ssl_cert_file)


# Reading certificates takes tens of milliseconds, so contexts are cached.


@cache
def _context_without_certificates() -> ssl.SSLContext:
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@cache
def _context_without_verification() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@cache
def _verifying_context(file: str | None) -> ssl.SSLContext:
    if file is None:
        return httpx.create_ssl_context()
    return ssl.create_default_context(cafile=file)
