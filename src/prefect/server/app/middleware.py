"""The outermost middleware of the API: what holds for every request, before it reaches an operation.

Every request gets an id. It is refused when its body is too large, its client too old, or its caller unknown.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Sequence
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from prefect.server.app import metrics
from prefect.server.app.authentication import Authenticator, RequestRefused, authenticate
from prefect.server.app.errors import error_response, handle_unavailable
from prefect.server.db.errors import StoreBusy, StoreUnavailable
from prefect.types import new_id

logger = logging.getLogger("prefect.server.requests")

MIN_API_VERSION = (0, 8, 0)
"""The oldest version of the REST API that a client may request."""

MAX_BODY_BYTES = 64 * 1024 * 1024


class RequestMiddleware:
    """Gives requests an id, authenticates and measures them.

    Args:
        app: The API.
        authenticators: How callers are recognised.
        max_body_bytes: The largest body that is accepted.
    """

    def __init__(
        self, app: ASGIApp, authenticators: Sequence[Authenticator], max_body_bytes: int = MAX_BODY_BYTES
    ) -> None:
        self.app = app
        self.authenticators = authenticators
        self.max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        request_id = headers.get(b"x-request-id", b"").decode("latin-1")[:64] or str(new_id())
        scope["request_id"] = request_id
        begun = time.perf_counter()
        status: int | None = None

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message.setdefault("headers", [])
                message["headers"] = [
                    *message["headers"],
                    (b"x-request-id", request_id.encode("latin-1")),
                    # Clients may send batches of records to `POST /journal`.
                    (b"prefect-journal", b"1"),
                ]
            await send(message)

        try:
            refusal = await self._refusal(scope, headers)
            if refusal is not None:
                await error_response(*refusal)(scope, receive, send_with_id)
            else:
                await self.app(scope, self._limited(receive), send_with_id)
        except (StoreBusy, StoreUnavailable) as error:  # while the caller was authenticated
            await (await handle_unavailable(Request(scope), error))(scope, receive, send_with_id)
        except Exception:
            if status is None:
                raise
            # It was logged and answered: nothing is left to do for the web server.
        finally:
            seconds = time.perf_counter() - begun
            metrics.observe_request(scope, status or 500, seconds)
            if logger.isEnabledFor(logging.DEBUG):
                logger.debug(
                    "%s %s %s in %.1f ms (%s)", scope["method"], scope["path"], status, seconds * 1000, request_id,
                    extra={"request_id": request_id},
                )  # fmt: skip

    async def _refusal(self, scope: Scope, headers: dict[bytes, bytes]) -> tuple[int, Any] | None:
        """Return the status and body that a request is refused with, or None; set the principal of its scope."""
        length = headers.get(b"content-length", b"")
        if length.isdigit() and int(length) > self.max_body_bytes:
            return 413, {"detail": self._too_large}
        refusal = None
        try:
            principal = await authenticate(scope, self.authenticators)
            if principal is None:
                return 401, {"exception_message": "Unauthorized"}
            scope["principal"] = principal
        except RequestRefused as error:
            refusal = error.status, {"detail": error.detail}
        return _version_error(headers.get(b"x-prefect-api-version")) or refusal

    def _limited(self, receive: Receive) -> Receive:
        """Return a `receive` that fails once a body is larger than allowed, also when `Content-Length` is wrong."""
        received = 0

        async def limited() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self.max_body_bytes:
                raise HTTPException(413, self._too_large)
            return message

        return limited

    @property
    def _too_large(self) -> str:
        return f"The body is larger than the {self.max_body_bytes} bytes that this server accepts: send it in parts."


def _version_error(requested: bytes | None) -> tuple[int, Any] | None:
    if requested is None:
        return None
    text = requested.decode("latin-1")
    parts = re.fullmatch(r"(\d+)\.(\d+)\.(\d+)", text)
    if parts is None:
        return 400, {"detail": f"X-PREFECT-API-VERSION is {text!r}, which is not a version: send one like 0.8.4."}
    if tuple(map(int, parts.groups())) < MIN_API_VERSION:
        oldest = ".".join(map(str, MIN_API_VERSION))
        return 400, {"detail": f"The client requests version {text} of the API; this server has {oldest} and later."}
    return None
