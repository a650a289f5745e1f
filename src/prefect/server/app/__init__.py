"""The server as an application: the operations over HTTP, the websockets, the loops, and what all of them share."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from prefect.server.app import metrics, sockets
from prefect.server.app.csrf import Guard
from prefect.server.app.edge import LARGEST, Edge
from prefect.server.app.endpoints import route
from prefect.server.app.errors import HANDLERS
from prefect.server.bus import Bus
from prefect.server.db import opening
from prefect.server.db.connection import Database
from prefect.server.loops import Loops
from prefect.server.routes import operations
from prefect.server.services import starting
from prefect.settings import get_current_settings

if TYPE_CHECKING:
    from prefect.settings import Settings

__all__ = ["Server", "create_app"]

logger = logging.getLogger("prefect.server")


class Server:
    """A server: its database, its bus, its loops and its application.

    Args:
        settings: What it is told; the current settings if None.
        database: Its database; the one that the settings name if None.
        loops: Whether it does the work of the loops, too.
    """

    def __init__(self, settings: Settings | None = None, database: Database | None = None, loops: bool = True) -> None:
        self.settings = settings or get_current_settings()
        self.database = database or opening.database(self.settings)
        self.bus = Bus()
        self.loops = Loops(self.database, self.bus, self.settings) if loops else None
        self.api = self._api()
        self.app = self._app()

    async def start(self) -> None:
        """Open the database, take in what was recorded without a server, and begin to work."""
        await self.database.open()
        self.bus.start(self.database)
        await starting.prepare(self.database, self.settings)
        if self.loops is not None:
            self.loops.start()

    async def stop(self) -> None:
        """Finish what is under way and let go of the database."""
        if self.loops is not None:
            await self.loops.stop()
        await self.database.close()

    def _api(self) -> FastAPI:
        api = FastAPI(
            title="Prefect REST API",
            version=starting.API_VERSION,
            exception_handlers=HANDLERS,
            strict_content_type=False,
        )
        api.router.routes.extend(route(operation, self.database) for operation in operations())
        api.router.routes.extend(sockets.routes(self))
        api.add_route("/metrics", _metrics, include_in_schema=False)
        return api

    def _app(self) -> FastAPI:
        told = self.settings.server.api
        app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, lifespan=self._lifespan)
        app.state.server = self
        auth = told.auth_string.get_secret_value() if told.auth_string else None
        inside: ASGIApp = GZipMiddleware(self.api, minimum_size=1000)
        if told.csrf_protection_enabled:
            inside = Guard(inside, self.database)
        app.mount("/api", Edge(inside, auth, LARGEST))
        app.add_middleware(
            CORSMiddleware,
            allow_origins=told.cors_allowed_origins.split(","),
            allow_methods=told.cors_allowed_methods.split(","),
            allow_headers=told.cors_allowed_headers.split(","),
        )
        return app

    @asynccontextmanager
    async def _lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        await self.start()
        try:
            yield
        finally:
            await self.stop()


async def _metrics(_: Request) -> Response:
    return Response(metrics.text(), media_type="text/plain; version=0.0.4")


def create_app(settings: Settings | None = None) -> FastAPI:
    """The application of a server, for any ASGI server."""
    return Server(settings).app
