"""The edge of the API: what holds for every request, before any operation sees it.

Every request gets an id. Then it is let through or not: its size, its client's version, who it comes from, and its CSRF
token where those are asked for.
"""

from __future__ import annotations

import base64
import hmac
import logging
import re
import time
from typing import Any

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from prefect.server.app import metrics
from prefect.server.app.errors import error_response
from prefect.types import new_id

logger = logging.getLogger("prefect.server.requests")

MIN_API_VERSION = (0, 8, 0)
"""The oldest version of the REST API that a client may ask for."""

MAX_BODY_BYTES = 64 * 1024 * 1024
"""Bytes that the body of a request may have."""

_OPEN = ("/health", "/ready")
"""What is answered to everybody."""


class RequestMiddleware:
    """The API as it is seen from outside.

    Args:
        app: The API.
        auth_string: What a client must know: `"user:password"`; None when nobody is asked.
        largest: Bytes that a body may have.
    """

    def __init__(self, app: ASGIApp, auth_string: str | None = None, largest: int = MAX_BODY_BYTES) -> None:
        self.app = app
        self.largest = largest
        self._expected = _basic(auth_string) if auth_string else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        request_id = headers.get(b"x-request-id", b"").decode("latin-1")[:64] or str(new_id())
        scope["request_id"] = request_id
        begun = time.perf_counter()
        status: int | None = None

        async def reply(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message.setdefault("headers", [])
                message["headers"] = [
                    *message["headers"],
                    (b"x-request-id", request_id.encode("latin-1")),
                    # Says that records may be sent as they are, to `POST /journal`.
                    (b"prefect-journal", b"1"),
                ]
            await send(message)

        try:
            refusal = self._refusal(scope, headers)
            if refusal is not None:
                await error_response(*refusal)(scope, receive, reply)
            else:
                await self.app(scope, self._limited(receive), reply)
        except Exception:
            if status is None:
                raise
            # It was logged and answered: nothing is left to do for the web server.
        finally:
            seconds = time.perf_counter() - begun
            metrics.observe_request(scope, status or 500, seconds)
            logger.debug(
                "%s %s %s in %.1f ms (%s)", scope["method"], scope["path"], status, seconds * 1000, request_id,
                extra={"request_id": request_id},
            )  # fmt: skip

    def _refusal(self, scope: Scope, headers: dict[bytes, bytes]) -> tuple[int, Any] | None:
        """The status and body that a request is refused with, or None."""
        length = headers.get(b"content-length", b"")
        if length.isdigit() and int(length) > self.largest:
            return 413, {"detail": self._too_large}
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        if self._expected is not None and path not in _OPEN:
            if not hmac.compare_digest(headers.get(b"authorization", b""), self._expected):
                return 401, {"exception_message": "Unauthorized"}
            scope["actor"] = "admin"
        return _wrong_version(headers.get(b"x-prefect-api-version"))

    def _limited(self, receive: Receive) -> Receive:
        """The request's messages, as long as they are not larger than its header said, or than any may be."""
        taken = 0

        async def limited() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self.largest:
                raise HTTPException(413, self._too_large)
            return message

        return limited

    @property
    def _too_large(self) -> str:
        return f"The body is larger than the {self.largest} bytes that this server takes: send it in parts."


def _basic(auth_string: str) -> bytes:
    return b"Basic " + base64.b64encode(auth_string.encode())


def _wrong_version(given: bytes | None) -> tuple[int, Any] | None:
    if given is None:
        return None
    text = given.decode("latin-1")
    parts = re.fullmatch(r"(\d+)\.(\d+)\.(\d+)", text)
    if parts is None:
        return 400, {"detail": f"X-PREFECT-API-VERSION is {text!r}, which is no version: send one like 0.8.4."}
    if tuple(map(int, parts.groups())) < MIN_API_VERSION:
        oldest = ".".join(map(str, MIN_API_VERSION))
        return 400, {"detail": f"The client asks for version {text} of the API; this server has {oldest} and later."}
    return None
