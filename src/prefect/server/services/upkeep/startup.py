"""Prepare the store before the server answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect.server.db import opening
from prefect.server.db.interface import Database
from prefect.server.services.catalog import system_blocks
from prefect.server.services.runs.ingestion.journal_ingestion import apply_journal
from prefect.server.services.runs.liveness.orphans import crash_orphans

if TYPE_CHECKING:
    from prefect.settings import Settings

API_VERSION = "0.8.4"
"""The version of the REST API."""


async def prepare_store(database: Database, settings: Settings) -> None:
    """Apply the home's journal, if the database is the home's own store, and register the known block types."""
    if opening.sqlite_path(settings) == settings.home / opening.STORE_FILE_NAME:
        await apply_journal(database, settings.home)
        await crash_orphans(database, settings.home)
    if settings.server.register_blocks_on_start:
        await database.write(system_blocks.install_block_types)
