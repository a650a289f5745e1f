"""Saved blocks as storages of results: found by name, and kept for a minute.

Every run that persists its result asks for its storage, so what was loaded is kept for a while in this process, with
its open connections.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from prefect._lazy import lazy
from prefect.blocks import persistence
from prefect.blocks.core import Block
from prefect.filesystems import WritableFileSystem
from prefect.logging.loggers import get_logger
from prefect.settings import get_current_settings

if TYPE_CHECKING:
    from prefect.client import orchestration
    from prefect.schemas.blocks import BlockDocument
else:
    orchestration = lazy("prefect.client.orchestration")

CACHE_SECONDS = 60.0

MAX_CACHE_SIZE = 100

_cache: dict[tuple[Any, ...], tuple[float, Any]] = {}
"""Cached blocks with their expiration, by the API, the changes of this process, and the reference."""


async def load_by_id(block_id: UUID) -> WritableFileSystem:
    """Return the block of a document.

    Raises:
        ValueError: There is none.
    """
    return await _read_cached(str(block_id), lambda: Block.aload_from_ref(block_id))


async def load_by_slug(slug: str) -> WritableFileSystem:
    """Return the block `type-slug/name`.

    Raises:
        ValueError: There is none.
    """
    return await _read_cached(slug, lambda: Block.aload(slug))


async def load_by_name(name: str) -> WritableFileSystem:
    """Return the block of this name that stores files, of any type.

    Raises:
        ValueError: There is none, or there are several.
    """
    return await _read_cached(name, lambda: _find_by_name(name))


async def load_server_default() -> WritableFileSystem | None:
    """Return the block that the server stores results in by default; None if it names none, or cannot be reached."""
    if not get_current_settings().api.url:
        return None
    block_id = await _read_cached("", _read_server_default)
    return None if block_id is None else await load_by_id(block_id)


async def _read_cached(reference: str, read: Callable[[], Awaitable[Any]]) -> Any:
    settings = get_current_settings()
    key = (settings.api.url or str(settings.home), persistence.count_changes(), reference)
    until, value = _cache.get(key, (0.0, None))
    if time.monotonic() < until:
        return value
    value = await read()
    if len(_cache) >= MAX_CACHE_SIZE:
        _cache.clear()
    _cache[key] = (time.monotonic() + CACHE_SECONDS, value)
    return value


async def _find_by_name(name: str) -> Block:
    async with orchestration.get_client() as client:
        found = [
            document
            for document in await client.read_block_documents_by_name(name)
            if document.block_schema is not None and "write-path" in document.block_schema.capabilities
        ]
    if not found:
        raise ValueError(
            f"There is no block {name!r} that stores files: save one, or check the name. For a directory, "
            f"write './{name}' or pass a `pathlib.Path`."
        )
    if len(found) > 1:
        slugs = " and ".join(sorted(map(_format_slug, found)))
        raise ValueError(f"There are several blocks {name!r} that store files: write {slugs}, with the type.")
    return persistence.build_block(Block, found[0])


def _format_slug(document: BlockDocument) -> str:
    return f"{document.block_type.slug if document.block_type else '?'}/{document.name}"


async def _read_server_default() -> UUID | None:
    async with orchestration.get_client() as client:
        try:
            return cast(
                "UUID | None", (await client.read_server_default_result_storage()).default_result_storage_block_id
            )
        except Exception as error:  # an older server has no such operation, and a run continues without the server
            get_logger("results").debug("The server's default storage of results cannot be read: %s", error)
            return None
