"""The server as an ASGI application: operations over HTTP, websockets, loops, and what they share."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

import prefect
from prefect.server.app import metrics, sockets
from prefect.server.app.authentication import Authenticator, default_authenticators
from prefect.server.app.csrf import CsrfAuthenticator
from prefect.server.app.dispatch import OperationDispatcher
from prefect.server.app.endpoints import LazyRoute
from prefect.server.app.errors import HANDLERS
from prefect.server.app.middleware import RequestMiddleware
from prefect.server.app.root_pages import add_root_pages
from prefect.server.app.shared_answers import SharedAnswers
from prefect.server.app.state import ServerState
from prefect.server.app.streams.live import LiveHub
from prefect.server.bus import Bus
from prefect.server.db import opening
from prefect.server.db.interface import Database
from prefect.server.loops import Loops
from prefect.server.routes import list_operations
from prefect.server.services.runs.states import observed_states
from prefect.server.services.upkeep import startup
from prefect.settings import get_current_settings

if TYPE_CHECKING:
    from prefect.settings import Settings

__all__ = ["Server", "create_app"]

logger = logging.getLogger("prefect.server")


def base_path(settings: Settings) -> str:
    """Return the path that the API is mounted at."""
    return "/" + (settings.server.api.base_path or "/api").strip("/")


class _Api(FastAPI):
    """The API. Each route is built by its first request, and all of them for the OpenAPI document."""

    def openapi(self) -> dict[str, Any]:
        if not self.openapi_schema:
            routes = [route.operation_app.route for route in self.routes if isinstance(route, LazyRoute)]
            self.openapi_schema = get_openapi(title=self.title, version=self.version, routes=routes)
        return self.openapi_schema


class _App(FastAPI):
    """The application of a server: the API below its base path, and the page at the root.

    A request for the API from outside of a browser needs none of FastAPI's own middlewares and goes around them.

    Args:
        base: The base path of the API.
        api: The API.
        **options: Of FastAPI.
    """

    def __init__(self, base: str, api: ASGIApp, **options: Any) -> None:
        super().__init__(openapi_url=None, docs_url=None, redoc_url=None, **options)
        self._base = base
        self._api = api
        self.mount(base, api)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._is_plain_api_request(scope):
            await self._api({**scope, "app": self, "app_root_path": "", "root_path": self._base}, receive, send)
        else:
            await super().__call__(scope, receive, send)

    def _is_plain_api_request(self, scope: Scope) -> bool:
        return (
            scope["type"] == "http"
            and not scope.get("root_path")
            and scope["path"].startswith(f"{self._base}/")
            and b"origin" not in dict(scope["headers"])
        )


class Server(ServerState):
    """A server: its database, its bus, its loops and its application.

    Args:
        settings: Its settings; the current ones if None.
        database: Its database; the one that the settings name if None.
        loops: Whether it runs the loops.
        authenticators: How callers are recognised, in the order in which they are tried; as the settings say if None.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        database: Database | None = None,
        loops: bool = True,
        authenticators: Sequence[Authenticator] | None = None,
    ) -> None:
        self.settings = settings or get_current_settings()
        self.database = database or opening.open_database(self.settings)
        self.bus = Bus()
        self.loops = Loops(self.database, self.bus, self.settings, metrics.observe_round) if loops else None
        self.authenticators = default_authenticators(self.settings) if authenticators is None else authenticators
        if self.settings.server.api.csrf_protection_enabled:
            self.authenticators = [CsrfAuthenticator(self.authenticators, self.database)]
        self.answers = SharedAnswers()
        self.live = LiveHub(self)
        self._routes = [LazyRoute(operation, self) for operation in list_operations()]
        self.api = self._build_api()
        self.app = self._build_app()

    async def start(self) -> None:
        """Open the database, apply what was recorded without a server, and start the loops."""
        await self.database.open()
        self.bus.start(self.database)
        self.database.listen(observed_states.remember_recorded(self.database.memory))
        await self.database.await_listening()
        await startup.prepare_store(self.database, self.settings)
        if self.loops is not None:
            self.loops.start()

    async def stop(self) -> None:
        """Stop the loops and close the database."""
        self.live.stop()
        if self.loops is not None:
            await self.loops.stop()
        await self.database.close()

    def _build_api(self) -> FastAPI:
        api = _Api(
            title="Prefect REST API",
            version=prefect.__version__,
            exception_handlers=HANDLERS,
            strict_content_type=False,
        )
        api.router.routes += self._routes
        api.router.routes.extend(sockets.websocket_routes(self))
        api.add_route("/metrics", self._metrics, include_in_schema=False)
        api.add_route("/ui/live", self.live.serve, include_in_schema=False)
        return api

    def _build_app(self) -> FastAPI:
        api_settings = self.settings.server.api
        base = base_path(self.settings)
        api = RequestMiddleware(OperationDispatcher(self._routes, self.api), self.authenticators)
        app = _App(base, api, lifespan=self._lifespan)
        app.state.server = self
        add_root_pages(app, self.api, base, self.settings)
        app.add_middleware(
            CORSMiddleware,
            allow_origins=api_settings.cors_allowed_origins.split(","),
            allow_methods=api_settings.cors_allowed_methods.split(","),
            allow_headers=api_settings.cors_allowed_headers.split(","),
        )
        return app

    async def _metrics(self, _: Request) -> Response:
        depths = {"writes": self.database.depth, "bus": self.bus.depth}
        return Response(metrics.render(depths), media_type="text/plain; version=0.0.4")

    @asynccontextmanager
    async def _lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        await self.start()
        try:
            yield
        finally:
            await self.stop()


def create_app(settings: Settings | None = None) -> FastAPI:
    """Return the application of a new server, for any ASGI server."""
    return Server(settings).app
