"""Parameters of background tasks: stored beside results, from where the task worker reads them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from prefect.results.resolve import (
    aresolve_result_storage,
    get_or_create_default_task_scheduling_storage,
    resolve_serializer,
)
from prefect.results.store import ResultStore

DIRECTORY = "parameters"
"""The directory of the parameters in the storage."""


async def open_store(task: Any) -> ResultStore:
    """Return the store of the parameters of a task's runs: its own result storage, or that of background tasks."""
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
