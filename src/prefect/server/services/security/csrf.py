"""CSRF tokens: a client sends, with each request that changes something, a token that it fetched before.

A page of another site can make a browser send a request, but cannot read the token.
"""

from __future__ import annotations

import hmac
import secrets

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.services.core.errors import InvalidRequest
from prefect.server.services.core.presenters import Answer
from prefect.server.store.queries import upkeep
from prefect.settings import get_current_settings
from prefect.types import new_id, now


async def issue_token(tx: Transaction, client: str) -> Answer:
    """Issue a token to a client, in place of the one that it had.

    Raises:
        InvalidRequest: CSRF protection is disabled.
    """
    api = get_current_settings().server.api
    if not api.csrf_protection_enabled:
        # Clients compare this text.
        raise InvalidRequest("CSRF protection is disabled.")
    at = now()
    await upkeep.remove_expired_csrf_tokens(tx, at)
    values = {"updated": at, "token": secrets.token_hex(32), "expiration": at + api.csrf_token_expiration}
    await store.csrf_tokens.add(tx, [{**values, "id": new_id(), "created": at, "client": client}])
    row = (await store.csrf_tokens.find(tx, {"client": client}, lock=True))[0]
    row = {**row, **values}
    await store.csrf_tokens.change(tx, [row], list(values))
    return row


async def is_token_valid(tx: Transaction, client: str, token: str) -> bool:
    """Return whether a token is the client's own and has not expired."""
    expected = await upkeep.find_csrf_token(tx, client, now())
    return expected is not None and hmac.compare_digest(expected.encode(), token.encode())
