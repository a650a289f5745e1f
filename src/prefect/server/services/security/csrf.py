"""CSRF tokens: a client shows, with each request that changes something, a token that it fetched before.

A page of another site can make a browser send a request, but cannot read the token.
"""

from __future__ import annotations

import hmac
import secrets

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.db.sql import Sql, one_of
from prefect.server.services.core.errors import InvalidRequest
from prefect.server.services.core.presenters import Answer
from prefect.settings import get_current_settings
from prefect.types import new_id, now


async def issue_token(tx: Transaction, client: str) -> Answer:
    """A new token for a client, in place of the one that it had.

    Raises:
        Invalid: This server asks nobody for a token.
    """
    told = get_current_settings().server.api
    if not told.csrf_protection_enabled:
        # Clients look for these very words.
        raise InvalidRequest("CSRF protection is disabled.")
    at = now()
    await store.csrf_tokens.remove(tx, Sql("csrf_token.expiration < ?", (at,)))
    values = {"updated": at, "token": secrets.token_hex(32), "expiration": at + told.csrf_token_expiration}
    await store.csrf_tokens.add(tx, [{**values, "id": new_id(), "created": at, "client": client}])
    row = (await store.csrf_tokens.find(tx, one_of("csrf_token.client", [client]), lock=True))[0]
    row = {**row, **values}
    await store.csrf_tokens.change(tx, [row], list(values))
    return row


async def is_token_valid(tx: Transaction, client: str, token: str) -> bool:
    """Whether a token is the client's own and has not run out."""
    where = Sql("csrf_token.client = ? AND csrf_token.expiration >= ?", (client, now()))
    rows = await store.csrf_tokens.find(tx, where, columns=["token"])
    return bool(rows) and hmac.compare_digest(rows[0]["token"].encode(), token.encode())
