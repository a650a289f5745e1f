"""Middleware that requires a CSRF token of requests with an unsafe method, where the settings enable it."""

from __future__ import annotations

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from prefect.server.app.errors import error_response, handle_unavailable
from prefect.server.db.errors import StoreBusy, StoreUnavailable
from prefect.server.db.interface import Database, Transaction
from prefect.server.services.security import csrf

_UNSAFE_METHODS = frozenset(("POST", "PUT", "PATCH", "DELETE"))


class CsrfMiddleware:
    """Refuses requests that have no valid CSRF token.

    Args:
        app: The API.
        database: The database of the tokens.
    """

    def __init__(self, app: ASGIApp, database: Database) -> None:
        self.app = app
        self.database = database

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in _UNSAFE_METHODS:
            await self.app(scope, receive, send)
            return
        try:
            reason = await self._refusal(dict(scope["headers"]))
        except (StoreBusy, StoreUnavailable) as error:
            await (await handle_unavailable(Request(scope), error))(scope, receive, send)
            return
        if reason is not None:
            await error_response(403, {"detail": reason})(scope, receive, send)
            return
        await self.app(scope, receive, send)

    async def _refusal(self, headers: dict[bytes, bytes]) -> str | None:
        """Return why a request is refused, or None. Clients compare the words `Invalid CSRF token`."""
        token = headers.get(b"prefect-csrf-token", b"").decode("latin-1")
        client = headers.get(b"prefect-csrf-client", b"").decode("latin-1")
        if not token:
            return "The request has no CSRF token: fetch one, and send it as Prefect-Csrf-Token."
        if not client:
            return "The request does not name the client of its CSRF token: send Prefect-Csrf-Client."

        async def valid(tx: Transaction) -> bool:
            return await csrf.is_token_valid(tx, client, token)

        return None if await self.database.read(valid) else "Invalid CSRF token or client: fetch another token."
