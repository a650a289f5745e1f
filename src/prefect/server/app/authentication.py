"""Authentication: which principal a request or a websocket acts for.

A server has a few authenticators. Each checks one kind of credentials; the first that recognises them decides. The one
that requires CSRF tokens (`app.csrf`) stands before the others.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from starlette.types import Scope

from prefect.server.principals import ADMIN, ANONYMOUS, Permission, Principal

if TYPE_CHECKING:
    from prefect.settings import Settings

Authenticator: TypeAlias = Callable[[Scope], Awaitable[Principal | None]]
"""Returns the principal of an HTTP request or a websocket, or None when it does not recognise any credentials.

It raises `RequestRefused` for a request that must be refused whoever sends it.
"""

TOKEN = "prefect.token"
"""The key under which a websocket's scope has the token that its client sent in its first message."""

_HEALTH_PATHS = ("/health", "/ready")


class RequestRefused(Exception):
    """A request whose caller is known is refused all the same.

    Attributes:
        status: The HTTP status of the answer.
        detail: Why, as a sentence.
    """

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


async def authenticate(scope: Scope, authenticators: Sequence[Authenticator]) -> Principal | None:
    """Return the principal that the first matching authenticator finds, or None when the caller must be refused.

    Raises:
        RequestRefused: The request lacks something else than credentials.
        StoreBusy: What an authenticator needs cannot be read now.
        StoreUnavailable: The database is unavailable.
    """
    for authenticator in authenticators:
        principal = await authenticator(scope)
        if principal is not None:
            return principal
    return None


def default_authenticators(settings: Settings) -> list[Authenticator]:
    """Return the authenticators of a server: the auth string where the settings have one, else none is required."""
    auth_string = settings.server.api.auth_string
    if auth_string is None or not auth_string.get_secret_value():
        return [allow_anonymous]
    return [AuthStringAuthenticator(auth_string.get_secret_value()), allow_health_checks]


class AuthStringAuthenticator:
    """Recognises clients that know the server's auth string, over HTTP by basic authentication.

    Args:
        auth_string: The secret, as `"user:password"`.
    """

    def __init__(self, auth_string: str) -> None:
        self._token = auth_string.encode()
        self._header = b"Basic " + base64.b64encode(self._token)

    async def __call__(self, scope: Scope) -> Principal | None:
        if scope["type"] == "websocket":
            token = scope.get(TOKEN)
            sent, expected = token.encode() if isinstance(token, str) else b"", self._token
        else:
            sent, expected = dict(scope["headers"]).get(b"authorization", b""), self._header
        return ADMIN if hmac.compare_digest(sent, expected) else None


async def allow_anonymous(_: Scope) -> Principal | None:
    """Recognise every caller."""
    return ANONYMOUS


async def allow_health_checks(scope: Scope) -> Principal | None:
    """Recognise every caller of the paths by which a server is monitored."""
    is_health_check = scope["type"] == "http" and api_path(scope) in _HEALTH_PATHS
    return _MONITOR if is_health_check else None


_MONITOR = replace(ANONYMOUS, permissions=frozenset({Permission.READ}))


def api_path(scope: Scope) -> str:
    """Return the path of a request below the API."""
    return scope["path"].removeprefix(scope.get("root_path", ""))
