"""The authenticator that requires a CSRF token of requests with an unsafe method, where the settings enable it."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.types import Scope

from prefect.server.app.authentication import Authenticator, RequestRefused, authenticate
from prefect.server.db.interface import Database, Transaction
from prefect.server.principals import Principal
from prefect.server.services.security import csrf

_UNSAFE_METHODS = frozenset(("POST", "PUT", "PATCH", "DELETE"))


class CsrfAuthenticator:
    """Leaves the decision to other authenticators, and refuses a request of theirs that has no valid CSRF token.

    Args:
        authenticators: How callers are recognised.
        database: The database of the tokens.
    """

    def __init__(self, authenticators: Sequence[Authenticator], database: Database) -> None:
        self._authenticators = authenticators
        self._database = database

    async def __call__(self, scope: Scope) -> Principal | None:
        principal = await authenticate(scope, self._authenticators)
        if principal is not None and scope["type"] == "http" and scope["method"] in _UNSAFE_METHODS:
            reason = await self._find_fault(dict(scope["headers"]))
            if reason is not None:
                raise RequestRefused(403, reason)
        return principal

    async def _find_fault(self, headers: dict[bytes, bytes]) -> str | None:
        """Return why a request is refused, or None. Clients compare the words `Invalid CSRF token`."""
        token = headers.get(b"prefect-csrf-token", b"").decode("latin-1")
        client = headers.get(b"prefect-csrf-client", b"").decode("latin-1")
        if not token:
            return "The request has no CSRF token: fetch one, and send it as Prefect-Csrf-Token."
        if not client:
            return "The request does not name the client of its CSRF token: send Prefect-Csrf-Client."

        async def valid(tx: Transaction) -> bool:
            return await csrf.is_token_valid(tx, client, token)

        return None if await self._database.read(valid) else "Invalid CSRF token or client: fetch another token."
