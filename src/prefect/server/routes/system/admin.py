"""The server's settings, its version and its default result storage."""

from __future__ import annotations

from typing import Any

import prefect
from prefect.schemas.wire import ServerDefaultResultStorage, ServerDefaultResultStorageUpdate
from prefect.server.db.interface import Transaction
from prefect.server.principals import Permission
from prefect.server.routes.core.operation import Routes
from prefect.server.services.upkeep import administration
from prefect.settings import Settings, get_current_settings

routes = Routes("Admin", "/admin")


@routes.reads("GET", "/settings", Settings, requires=Permission.ADMIN)
async def read_settings(tx: Transaction) -> Any:
    """Return the settings of the server, with secrets masked."""
    return get_current_settings().model_dump(mode="json")


@routes.reads("GET", "/version", str)
async def read_version(tx: Transaction) -> str:
    """Return the version of the server."""
    return prefect.__version__


@routes.reads("GET", "/storage", ServerDefaultResultStorage)
async def read_server_default_result_storage(tx: Transaction) -> Any:
    """Return the default result storage of the server."""
    return await administration.get_default_storage(tx)


@routes.writes("PUT", "/storage", ServerDefaultResultStorage, 200, requires=Permission.ADMIN)
async def update_server_default_result_storage(tx: Transaction, configuration: ServerDefaultResultStorageUpdate) -> Any:
    """Set a block as the default result storage of the server."""
    return await administration.set_default_storage(tx, configuration.default_result_storage_block_id)


@routes.writes("DELETE", "/storage", requires=Permission.ADMIN)
async def clear_server_default_result_storage(tx: Transaction) -> None:
    """Clear the default result storage of the server."""
    await administration.clear_default_storage(tx)
