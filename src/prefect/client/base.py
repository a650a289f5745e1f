"""Kinds of APIs, the HTTP clients of a server, and the lifespans of applications in this process.

The HTTP clients live in `_http`, which is imported with httpx at their first use.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import AsyncGenerator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from enum import auto
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from prefect import settings
from prefect._lazy import exports, lazy
from prefect.types.enums import AutoEnum

if TYPE_CHECKING:
    import asyncio

    from prefect._backoff import bounded_poisson_interval as bounded_poisson_interval
    from prefect._backoff import clamped_poisson_interval as clamped_poisson_interval
    from prefect.client._http import PrefectHttpxAsyncClient as PrefectHttpxAsyncClient
    from prefect.client._http import PrefectHttpxSyncClient as PrefectHttpxSyncClient
    from prefect.client._http import PrefectResponse as PrefectResponse
    from prefect.client.attribution import get_attribution_headers as get_attribution_headers
    from prefect.exceptions import PrefectHTTPStatusError as PrefectHTTPStatusError
    from prefect.logging import get_logger as get_logger
    from prefect.schemas.account import CsrfToken as CsrfToken
    from prefect.settings import get_current_settings as get_current_settings
else:
    asyncio = lazy("asyncio")

__all__ = [
    "APP_LIFESPANS",
    "APP_LIFESPANS_LOCKS",
    "APP_LIFESPANS_REF_COUNTS",
    "ASGIApp",
    "Message",
    "PrefectHttpxAsyncClient",
    "PrefectHttpxSyncClient",
    "PrefectResponse",
    "Receive",
    "Scope",
    "Send",
    "ServerType",
    "app_lifespan_context",
    "determine_server_type",
]


_EXPORTS = {
    "prefect._backoff": "bounded_poisson_interval clamped_poisson_interval",
    "prefect.client._http": "PrefectHttpxAsyncClient PrefectHttpxSyncClient PrefectResponse",
    "prefect.client.attribution": "get_attribution_headers",
    "prefect.exceptions": "PrefectHTTPStatusError",
    "prefect.logging": "get_logger",
    "prefect.schemas.account": "CsrfToken",
    "prefect.settings": "get_current_settings",
}

__getattr__, __dir__ = exports(__name__, _EXPORTS)

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]


class ASGIApp(Protocol):
    """An ASGI application, such as a server's, that can be called in this process."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None: ...


class ServerType(AutoEnum):
    """The kind of API behind a client.

    `EPHEMERAL` is the local store in this process.
    """

    EPHEMERAL = auto()
    SERVER = auto()
    CLOUD = auto()
    UNCONFIGURED = auto()


def determine_server_type() -> ServerType:
    """Return what the current settings name: a server, Prefect Cloud, or the local store when there is no API URL."""
    url = settings.get_current_settings().api.url
    return find_server_type(url) if url else ServerType.EPHEMERAL


def find_server_type(url: str) -> ServerType:
    """Return the kind of API at a URL."""
    if url.startswith("http://ephemeral-prefect/"):
        return ServerType.EPHEMERAL
    return ServerType.CLOUD if url.startswith(settings.get_current_settings().cloud.api_url) else ServerType.SERVER


# --- applications in this process ------------------------------------------------------------------------------------

_Key: TypeAlias = tuple[int, int]

APP_LIFESPANS: dict[_Key, _Lifespan] = {}
"""The applications that were started, by thread and application."""
APP_LIFESPANS_REF_COUNTS: dict[_Key, int] = {}
"""The number of contexts that use each application."""
APP_LIFESPANS_LOCKS: dict[int, Any] = defaultdict(lambda: asyncio.Lock())
"""A lock for each thread, so that an application is started once."""


@asynccontextmanager
async def app_lifespan_context(app: ASGIApp) -> AsyncGenerator[None]:
    """Run an application in this process while the block runs. Nested blocks share it; the last one stops it."""
    thread = threading.get_ident()
    key = (thread, id(app))
    async with APP_LIFESPANS_LOCKS[thread]:
        if key not in APP_LIFESPANS:
            lifespan = _Lifespan(app)
            await lifespan.start()
            APP_LIFESPANS[key] = lifespan
        APP_LIFESPANS_REF_COUNTS[key] = APP_LIFESPANS_REF_COUNTS.get(key, 0) + 1
    try:
        yield
    finally:
        async with APP_LIFESPANS_LOCKS[thread]:
            APP_LIFESPANS_REF_COUNTS[key] -= 1
            if not APP_LIFESPANS_REF_COUNTS[key]:
                del APP_LIFESPANS_REF_COUNTS[key]
                await APP_LIFESPANS.pop(key).stop()


class _Lifespan:
    """Starts and stops an application by the lifespan protocol of ASGI."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._to_app: asyncio.Queue[Message] = asyncio.Queue()
        self._from_app: asyncio.Queue[Message] = asyncio.Queue()

    async def start(self) -> None:
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": {}}
        self._task = asyncio.create_task(self._run(scope))
        await self._step("lifespan.startup")

    async def stop(self) -> None:
        if not self._task.done():
            await self._step("lifespan.shutdown")
        await self._task

    async def _run(self, scope: Scope) -> None:
        try:
            await self._app(scope, self._to_app.get, self._from_app.put)
        except Exception as error:
            # An application without this protocol raises.
            await self._from_app.put({"type": "unsupported", "error": error})

    async def _step(self, name: str) -> None:
        await self._to_app.put({"type": name})
        answer = await self._from_app.get()
        if answer["type"] == f"{name}.failed":
            raise RuntimeError(f"The application in this process failed at {name}: {answer.get('message', '')}")
