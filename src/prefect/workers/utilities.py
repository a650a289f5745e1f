"""The types of work pool, and their default job templates."""

from __future__ import annotations

import copy
from typing import Any

from prefect.client import orchestration
from prefect.workers.base import BaseWorker


async def get_available_work_pool_types() -> list[str]:
    """Return the types of work pool that the API or an installed package knows."""
    types = set(BaseWorker.get_all_available_worker_types())
    async with orchestration.get_client() as client:
        for workers in (await client.read_worker_metadata()).values():
            types.update(workers)
    return sorted(types)


async def get_default_base_job_template_for_infrastructure_type(infra_type: str) -> dict[str, Any] | None:
    """Return the default job template of a type of work pool; None if the type is not known."""
    worker = BaseWorker.get_worker_class_from_type(infra_type)
    if worker is not None:
        return copy.deepcopy(worker.get_default_base_job_template())
    async with orchestration.get_client() as client:
        for workers in (await client.read_worker_metadata()).values():
            if infra_type in workers:
                return workers[infra_type]["default_base_job_configuration"]
    return None
