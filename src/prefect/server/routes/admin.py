"""The server's own settings and version, and what it says about storing results."""

from __future__ import annotations

from typing import Any

import prefect
from prefect.schemas.wire import ServerDefaultResultStorage, ServerDefaultResultStorageUpdate
from prefect.server.db.interface import Transaction
from prefect.server.routes.operation import Routes
from prefect.server.services.upkeep import administration
from prefect.settings import Settings, get_current_settings

routes = Routes("Admin", "/admin")


@routes.reads("GET", "/settings", Settings)
async def read_settings(tx: Transaction) -> Any:
    """The settings of the server; secrets are written as asterisks."""
    return get_current_settings().model_dump(mode="json")


@routes.reads("GET", "/version", str)
async def read_version(tx: Transaction) -> str:
    """The version of the server."""
    return prefect.__version__


@routes.reads("GET", "/storage", ServerDefaultResultStorage)
async def read_server_default_result_storage(tx: Transaction) -> Any:
    """The block that stores results where nothing else is said."""
    return await administration.get_default_storage(tx)


@routes.writes("PUT", "/storage", ServerDefaultResultStorage, 200)
async def update_server_default_result_storage(tx: Transaction, configuration: ServerDefaultResultStorageUpdate) -> Any:
    """Have a block store results where nothing else is said."""
    return await administration.set_default_storage(tx, configuration.default_result_storage_block_id)


@routes.writes("DELETE", "/storage")
async def clear_server_default_result_storage(tx: Transaction) -> None:
    """Have results stored where each client says."""
    await administration.clear_default_storage(tx)
