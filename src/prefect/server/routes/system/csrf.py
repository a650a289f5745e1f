"""CSRF tokens."""

from __future__ import annotations

from typing import Any

from prefect.schemas.wire import CsrfToken
from prefect.server.db.interface import Transaction
from prefect.server.principals import Permission
from prefect.server.routes.core.operation import Routes
from prefect.server.services.security import csrf

routes = Routes(None, "/csrf-token")


@routes.writes("GET", "", CsrfToken, requires=Permission.READ)
async def create_csrf_token(tx: Transaction, client: str) -> Any:
    """Create a CSRF token for a client; status 422 when CSRF protection is disabled."""
    return await csrf.issue_token(tx, client)
