"""What a server serves at the root beside its API: a first page, the API's documentation, and facts for a web page.

Nothing here requires credentials, and none of it reads the database.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from fastapi.openapi.docs import get_redoc_html, get_swagger_ui_html
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

if TYPE_CHECKING:
    from prefect.settings import Settings

OPENAPI_PATH = "/openapi.json"

_FIRST_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Prefect API</title>
<body style="font: 1rem/1.5 system-ui; margin: 4rem auto; max-width: 36rem; padding: 0 1rem">
<h1>The server runs.</h1>
<p>Programs reach its API at <code>{api}</code>, which is described in <a href="/docs">its documentation</a>.</p>
"""


def add_root_pages(app: FastAPI, api: FastAPI, base: str, settings: Settings) -> None:
    """Add the pages to the application of a server.

    Args:
        app: The application.
        api: Its API.
        base: The path of the API.
        settings: The settings of the server.
    """
    pages: dict[str, Callable[[], Response]] = {
        "/": lambda: HTMLResponse(_FIRST_PAGE.format(api=base)),
        "/docs": lambda: get_swagger_ui_html(openapi_url=OPENAPI_PATH, title="Prefect Server - Swagger UI"),
        "/redoc": lambda: get_redoc_html(openapi_url=OPENAPI_PATH, title="Prefect Server - ReDoc"),
        # Its paths are those below the API's.
        OPENAPI_PATH: lambda: JSONResponse({**api.openapi(), "servers": [{"url": base}]}),
    }
    if settings.server.ui.enabled:
        pages["/ui-settings"] = lambda: JSONResponse(describe_ui(settings))
    for path, build in pages.items():
        app.add_route(path, _respond_with(build), include_in_schema=False)


def _respond_with(build: Callable[[], Response]) -> Callable[[Request], Response]:
    return lambda _: build()


def describe_ui(settings: Settings) -> dict[str, Any]:
    """Return what a web page must know of its server."""
    ui = settings.server.ui
    root = ui.serve_base.rstrip("/")
    versions = ["v1", "v2"] if ui.v2_enabled else ["v1"]
    return {
        "api_url": ui.api_url,
        "csrf_enabled": settings.server.api.csrf_protection_enabled,
        "auth": "BASIC" if settings.server.api.auth_string is not None else None,
        "flags": [],
        "default_ui": versions[-1],
        "available_uis": versions,
        "v1_base_url": root or "/",
        "v2_base_url": f"{root}/v2" if ui.v2_enabled else None,
    }
