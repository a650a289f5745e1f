"""The token by which a client protects its requests against forgery."""

from __future__ import annotations

from typing import Any

from prefect.schemas.wire import CsrfToken
from prefect.server.db.interface import Transaction
from prefect.server.routes.operation import Routes
from prefect.server.services.security import csrf

routes = Routes(None, "/csrf-token")


@routes.writes("GET", "", CsrfToken)
async def create_csrf_token(tx: Transaction, client: str) -> Any:
    """A new token for a client; status 422 where no token is needed."""
    return await csrf.issue_token(tx, client)
