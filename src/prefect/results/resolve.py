"""Convert options to objects: a path, block or name to a storage, a name to a serializer."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Any, TypeAlias
from uuid import UUID

from prefect._io import twin
from prefect.blocks.core import Block
from prefect.filesystems import LocalFileSystem, NullFileSystem, RemoteFileSystem, WritableFileSystem
from prefect.results import saved
from prefect.serializers import Serializer
from prefect.settings import get_current_settings

ResultStorage: TypeAlias = WritableFileSystem | str | Path
ResultSerializer: TypeAlias = Serializer | str
LITERAL_TYPES: set[type] = {type(None), bool, UUID}

_BLOCK = re.compile(r"[a-z0-9][a-z0-9-]*/[^/\\]+")
_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")
_ID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


async def aresolve_result_storage(result_storage: ResultStorage | UUID | Path) -> WritableFileSystem:
    """Return the storage for the value of an option.

    Args:
        result_storage: A file system; a path on this machine; a URL such as `s3://bucket/folder`; or a saved block by
            its name, by `"type-slug/name"` or by its id.

    Raises:
        TypeError: It is none of these.
        ValueError: There is no such block.
    """
    if isinstance(result_storage, UUID):
        return await saved.load_by_id(result_storage)
    if isinstance(result_storage, Path):
        return LocalFileSystem(basepath=str(result_storage))
    if isinstance(result_storage, str):
        if "://" in result_storage:
            return RemoteFileSystem(basepath=result_storage)
        if _ID.fullmatch(result_storage):
            return await saved.load_by_id(UUID(result_storage))
        if _BLOCK.fullmatch(result_storage):
            return await saved.load_by_slug(result_storage)
        if _NAME.fullmatch(result_storage):
            return await saved.load_by_name(result_storage)
        return LocalFileSystem(basepath=result_storage)
    if isinstance(result_storage, Block):
        return result_storage  # pyright: ignore[reportReturnType]  # blocks of other packages need not inherit
    raise TypeError(
        "Result storage must be one of the following types: 'UUID', 'Block', 'str', 'Path'. "
        f"Got unsupported type {type(result_storage).__name__!r}."
    )


resolve_result_storage = twin(aresolve_result_storage)


async def aget_default_result_storage() -> WritableFileSystem:
    """Return the default storage of results.

    The block that `PREFECT_DEFAULT_RESULT_STORAGE_BLOCK` names, else the one that the server has for all, else the
    directory `PREFECT_LOCAL_STORAGE_PATH`. A work pool's default reaches its runs as that setting.
    """
    settings = get_current_settings().results
    if settings.default_storage_block is not None:
        return await aresolve_result_storage(settings.default_storage_block)
    if (shared := await saved.load_server_default()) is not None:
        return shared
    return _local_file_system(str(settings.local_storage_path))


get_default_result_storage = twin(aget_default_result_storage)


@functools.lru_cache(maxsize=8)
def _local_file_system(path: str) -> LocalFileSystem:
    return LocalFileSystem(basepath=path)


async def get_or_create_default_task_scheduling_storage() -> ResultStorage:
    """Return the storage of parameters of background tasks.

    The block that `PREFECT_TASK_SCHEDULING_DEFAULT_STORAGE_BLOCK` names, else the default storage of results.
    """
    block = get_current_settings().tasks.scheduling.default_storage_block
    return block if block is not None else await aget_default_result_storage()


def get_default_result_serializer() -> Serializer:
    """Return the serializer that `PREFECT_RESULTS_DEFAULT_SERIALIZER` names."""
    return resolve_serializer(get_current_settings().results.default_serializer)


def resolve_serializer(serializer: ResultSerializer) -> Serializer:
    """Return the serializer for the value of an option.

    Args:
        serializer: A serializer, or the name of one.

    Raises:
        TypeError: It is neither.
        ValueError: No serializer has this name.
    """
    if isinstance(serializer, Serializer):
        return serializer
    if isinstance(serializer, str):
        return Serializer(type=serializer)
    raise TypeError(
        "Result serializer must be one of the following types: 'Serializer', 'str'. "
        f"Got unsupported type {type(serializer).__name__!r}."
    )


def result_storage_discriminator(x: Any) -> str:
    """Return the kind of a storage or its fields: `"WritableFileSystem"`, `"NullFileSystem"` or `"None"`."""
    if isinstance(x, dict):
        return "WritableFileSystem" if "block_type_slug" in x else "NullFileSystem"
    if isinstance(x, WritableFileSystem):
        return "WritableFileSystem"
    return "NullFileSystem" if isinstance(x, NullFileSystem) else "None"
