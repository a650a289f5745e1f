"""Parameters of background tasks: stored beside results, from where the task worker reads them."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any
from uuid import UUID

from prefect._io import blocking
from prefect.filesystems.local import LocalFileSystem
from prefect.filesystems.remote import RemoteFileSystem
from prefect.results.resolve import (
    aresolve_result_storage,
    get_or_create_default_task_scheduling_storage,
    resolve_serializer,
)
from prefect.results.store import ResultStore

DIRECTORY = "parameters"
"""The directory of the parameters in the storage. Files in it have the ids of their task runs as names."""

MIN_AGE_SECONDS = 3600.0
"""How old a file is before it counts as left over: its run may be about to be created, or about to delete it."""

BATCH_SIZE = 200
"""Task runs that are looked up at a time."""


async def open_store(task: Any) -> ResultStore:
    """Return the parameter store of a task: its result storage, or the default storage of background tasks."""
    storage = task.result_storage or await get_or_create_default_task_scheduling_storage()
    options: dict[str, Any] = {"result_storage": await aresolve_result_storage(storage)}
    if task.result_serializer is not None:
        options["serializer"] = resolve_serializer(task.result_serializer)
    return ResultStore(cache_result_in_memory=False, **options)


async def store_parameters(result_store: ResultStore, identifier: UUID, parameters: dict[str, Any]) -> None:
    """Store the parameters of a run.

    Args:
        result_store: Where.
        identifier: Their name, which the run's state has.
        parameters: The parameters, beside what else the worker needs of the call.
    """
    await result_store.awrite(parameters, key=f"{DIRECTORY}/{identifier}")


async def read_parameters(result_store: ResultStore, identifier: UUID) -> dict[str, Any]:
    """Return the parameters of a run that were stored."""
    return (await result_store.aread(f"{DIRECTORY}/{identifier}")).result


async def delete_parameters(result_store: ResultStore, identifier: UUID) -> None:
    """Delete the parameters of a run that has ended, where the storage is one whose files can be deleted.

    Args:
        result_store: Where they are.
        identifier: Their name.
    """
    storage: Any = result_store.result_storage
    key = f"{DIRECTORY}/{identifier}"
    if isinstance(storage, LocalFileSystem):
        await blocking(Path(storage._resolve(key)).unlink, missing_ok=True)
    elif isinstance(storage, RemoteFileSystem):
        await blocking(storage.filesystem.rm, storage._resolve_path(key))


async def delete_leftovers(
    result_store: ResultStore, find_ended: Callable[[list[UUID]], Awaitable[Iterable[UUID]]]
) -> int:
    """Delete parameters of runs that have ended without a worker that deletes them; return how many they were.

    Their worker was killed in that moment, or they were cancelled before one had them. Files whose run is unknown stay:
    it may not have been recorded yet. Only files of this machine can be listed.

    Args:
        result_store: Where they are.
        find_ended: Returns those of some task runs that have ended.
    """
    storage: Any = result_store.result_storage
    if not isinstance(storage, LocalFileSystem):
        return 0
    old = await blocking(_find_old, Path(storage._resolve(DIRECTORY)))
    count = 0
    for start in range(0, len(old), BATCH_SIZE):
        for id_ in await find_ended(old[start : start + BATCH_SIZE]):
            await delete_parameters(result_store, id_)
            count += 1
    return count


def _find_old(directory: Path) -> list[UUID]:
    newest = time.time() - MIN_AGE_SECONDS
    found: list[UUID] = []
    for path in directory.iterdir() if directory.is_dir() else ():
        try:
            if path.stat().st_mtime < newest:
                found.append(UUID(path.name))
        except (OSError, ValueError):  # it was deleted meanwhile, or is another program's
            continue
    return found
