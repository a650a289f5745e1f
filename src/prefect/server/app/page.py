"""The web page: its files, as `ui/` builds them into this package, and the addresses at which it opens.

A file whose name holds a hash of its content is cached for ever. The one HTML document is the same for every address
and holds the settings that the page needs of the server. A clone without the built files says how to build them.
"""

from __future__ import annotations

import gzip
import json
import mimetypes
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

import prefect

if TYPE_CHECKING:
    from prefect.settings import Settings

DIRECTORY = Path(__file__).parent / "page_files"
"""Where the build puts the page."""

PAGES = (
    *("", "dashboard", "runs", "flow-runs", "flows", "deployments", "work-pools", "blocks", "variables", "automations"),
    *("events", "concurrency-limits", "artifacts", "assets", "settings", "login"),
)
"""The first words of the addresses at which the page opens."""

_CACHED_FOR_EVER = "public, max-age=31536000, immutable"

_NOT_BUILT = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Prefect server</title>
<body>
<h1>The server runs.</h1>
<p>Its web page has not been built in this checkout: run <code>make page</code>, then load this address again.</p>
<p>Programs reach the API at <code>{api}</code>, which is described in <a href="{root}docs">its documentation</a>.</p>
"""


class WebPage:
    """The web page of a server.

    Args:
        settings: The settings of the server.
        api_path: The path of its API.
        directory: Where the page's files are.
    """

    def __init__(self, settings: Settings, api_path: str, directory: Path = DIRECTORY) -> None:
        self.root = "/" + f"{settings.server.ui.serve_base.strip('/')}/".lstrip("/")
        self._settings = settings
        self._api_path = api_path
        self._directory = directory

    @property
    def is_built(self) -> bool:
        """Whether the page was built, so that there are files to serve."""
        return (self._directory / "index.html").is_file()

    async def serve(self, request: Request) -> Response:
        """Answer a request for an address outside of the API."""
        path = request.url.path
        if not path.startswith(self.root):
            known = path == self.root.rstrip("/") or path == "/"
            return RedirectResponse(self.root) if known else _not_found()
        words = path.removeprefix(self.root).split("/")
        if words[0] == "assets" and len(words) == 2:
            return self._serve_asset(request, words[1])
        if words == ["diagram.html"] and self.is_built:
            return self._serve_diagram_document()
        if words[0] in ("v1", "v2"):  # of the original's pages
            query = f"?{request.url.query}" if request.url.query else ""
            return RedirectResponse(self.root + "/".join(words[1:]).lstrip("/") + query)
        if words[0] in PAGES:
            return self._serve_document(200)
        # A person who mistyped an address sees the page say so; a program gets what it understands.
        is_person = "text/html" in request.headers.get("accept", "")
        return self._serve_document(404) if is_person else _not_found()

    def _serve_document(self, status: int) -> Response:
        if not self.is_built:
            return HTMLResponse(_NOT_BUILT.format(api=escape(self._api_path), root=escape(self.root)), status)
        facts = escape(json.dumps(self._describe_server()))
        head = f'<base href="{escape(self.root)}"><meta name="server" content="{facts}">'
        html = (self._directory / "index.html").read_text().replace("<!-- head -->", head)
        headers = {
            "cache-control": "no-cache",
            "content-security-policy": self._content_security_policy(),
            "x-content-type-options": "nosniff",
            "referrer-policy": "no-referrer",
        }
        return HTMLResponse(html, status, headers)

    def _serve_diagram_document(self) -> Response:
        """Answer with the document in which the page draws diagrams.

        It has no origin, whoever opens it, so what it runs reaches neither the page nor the API. The library that draws
        needs style elements, which the page itself forbids.
        """
        policy = "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; sandbox allow-scripts"
        headers = {
            "cache-control": "no-cache",
            "content-security-policy": f"{policy}; frame-ancestors 'self'",
            "x-content-type-options": "nosniff",
        }
        return HTMLResponse((self._directory / "diagram.html").read_text(), 200, headers)

    def _serve_asset(self, request: Request, name: str) -> Response:
        path = self._directory / "assets" / f"{name}.gz"
        if not path.is_file():
            return _not_found()
        headers = {"cache-control": _CACHED_FOR_EVER, "vary": "accept-encoding", "x-content-type-options": "nosniff"}
        body = _read(path)
        if "gzip" in request.headers.get("accept-encoding", ""):
            headers["content-encoding"] = "gzip"
        else:
            body = gzip.decompress(body)
        return Response(body, 200, headers, mimetypes.guess_type(name)[0] or "application/octet-stream")

    def _describe_server(self) -> dict[str, Any]:
        """Return what the page's program must know before its first request."""
        api = self._settings.server.api
        return {
            "api": self.find_api_url() or self._api_path,
            "version": prefect.__version__,
            "csrf": api.csrf_protection_enabled,
            "auth": bool(api.auth_string is not None and api.auth_string.get_secret_value()),
        }

    def find_api_url(self) -> str | None:
        """Return the address of the API that the settings name for the page; None for the server that it comes from."""
        ui = self._settings.server.ui
        return ui.api_url if "api_url" in ui.model_fields_set else None

    def _content_security_policy(self) -> str:
        address = urlsplit(self.find_api_url() or "")
        other = f" {address.scheme}://{address.netloc}" if address.netloc else ""
        return (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
            f"connect-src 'self'{other}; frame-src 'self'; base-uri 'self'; form-action 'none'; frame-ancestors 'self'"
        )


def _not_found() -> Response:
    return JSONResponse({"detail": "Not Found"}, 404)


@lru_cache(maxsize=256)
def _read(path: Path) -> bytes:
    return path.read_bytes()
