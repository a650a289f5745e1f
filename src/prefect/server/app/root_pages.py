"""Routes at the root of a server, outside of its API: the web page, the API's documentation, and facts for a web page.

Nothing here requires credentials, and none of it reads the database.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from fastapi.openapi.docs import get_redoc_html, get_swagger_ui_html
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from prefect.server.app.page import WebPage

if TYPE_CHECKING:
    from prefect.settings import Settings

OPENAPI_PATH = "/openapi.json"


def add_root_pages(app: FastAPI, api: FastAPI, base: str, settings: Settings) -> None:
    """Add the pages to the application of a server.

    Args:
        app: The application.
        api: Its API.
        base: The path of the API.
        settings: The settings of the server.
    """
    pages: dict[str, Callable[[], Response]] = {
        "/docs": lambda: get_swagger_ui_html(openapi_url=OPENAPI_PATH, title="Prefect Server - Swagger UI"),
        "/redoc": lambda: get_redoc_html(openapi_url=OPENAPI_PATH, title="Prefect Server - ReDoc"),
        # Its paths are those below the API's.
        OPENAPI_PATH: lambda: JSONResponse({**api.openapi(), "servers": [{"url": base}]}),
    }
    page = WebPage(settings, base) if settings.server.ui.enabled else None
    if page is not None:
        pages["/ui-settings"] = lambda: JSONResponse(describe_ui(settings, page))
    for path, build in pages.items():
        app.add_route(path, _respond_with(build), include_in_schema=False)
    if page is not None:
        app.add_route("/{path:path}", page.serve, include_in_schema=False)


def _respond_with(build: Callable[[], Response]) -> Callable[[Request], Response]:
    return lambda _: build()


def describe_ui(settings: Settings, page: WebPage) -> dict[str, Any]:
    """Return what a web page must know of its server. There is one page, which stands in for the newer of two."""
    return {
        "api_url": settings.server.ui.api_url,
        "csrf_enabled": settings.server.api.csrf_protection_enabled,
        "auth": "BASIC" if settings.server.api.auth_string is not None else None,
        "flags": [],
        "default_ui": "v2",
        "available_uis": ["v2"] if page.is_built else [],
        "v1_base_url": None,
        "v2_base_url": page.root.rstrip("/") or "/",
    }
