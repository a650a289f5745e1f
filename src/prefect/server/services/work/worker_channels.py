"""What a worker learns and says over its websocket: its pool, that it is there, and the clean-up it does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from prefect.schemas.worker_channel import CLEANUP, REQUIRED, Hello
from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.services.core.errors import NotFound
from prefect.server.services.core.presenters import Answer
from prefect.server.services.work import work_pools, work_queues, workers
from prefect.server.store import Row

_WATCHED = ("base_job_template", "concurrency_limit", "is_paused", "storage_configuration")
"""The fields of a pool whose change a worker is told."""


@dataclass(frozen=True)
class Welcome:
    """What the server makes of a worker's hello.

    Attributes:
        pool: Its pool, as the API shows it.
        queues: The queues it serves: their ids and names.
        accepted: The capabilities that both have.
        rejected: Those that it asked for in vain.
        cleanups: How many pieces of clean-up it does at a time.
    """

    pool: Answer
    queues: list[dict[str, Any]]
    accepted: list[str]
    rejected: list[str]
    cleanups: int


async def welcome_worker(tx: Transaction, pool_name: str, hello: Hello) -> Welcome:
    """Have a worker begin: it is online, and its pool has the template of its jobs, if it had none.

    Raises:
        NotFound: There is no such pool, and the worker does not want it to be created, or no such queue.
        Forbidden: The name of the pool is not for users.
    """
    pool = await _pool(tx, pool_name, hello)
    if not pool["base_job_template"] and hello.default_base_job_template:
        await work_pools.change(tx, pool_name, {"base_job_template": hello.default_base_job_template})
    queues = await work_queues.find_by_pool(tx, pool["id"])
    unknown = sorted(set(hello.work_queue_names) - {queue["name"] for queue in queues})
    if unknown:
        raise NotFound("work queue", f"{pool_name}/{unknown[0]}")
    served = [queue for queue in queues if not hello.work_queue_names or queue["name"] in hello.work_queue_names]
    await workers.record_heartbeat(tx, pool, hello.worker_name, hello.heartbeat_interval_seconds, hello.worker_metadata)
    cleans = bool(
        CLEANUP in hello.requested_capabilities and hello.handled_cleanup_kinds and hello.max_cleanup_concurrency
    )
    offered = {*REQUIRED, CLEANUP} if cleans else {*REQUIRED}
    return Welcome(
        await get_pool(tx, pool["id"]),
        [{"id": queue["id"], "name": queue["name"]} for queue in served],
        [name for name in hello.requested_capabilities if name in offered],
        [name for name in hello.requested_capabilities if name not in offered],
        hello.max_cleanup_concurrency if cleans else 0,
    )


async def record_heartbeat(tx: Transaction, pool_id: UUID, hello: Hello, interval: int) -> Answer:
    """Note that a worker is still there, and return its pool as the API shows it.

    Raises:
        NotFound: The pool was deleted.
    """
    pool = await store.work_pools.get(tx, pool_id)
    if pool is None:
        raise NotFound("work pool", pool_id)
    await workers.record_heartbeat(tx, pool, hello.worker_name, interval)
    return await get_pool(tx, pool_id)


async def get_pool(tx: Transaction, pool_id: UUID) -> Answer:
    """A pool as the API shows it, or raise `NotFound`."""
    pool = await store.work_pools.get(tx, pool_id)
    if pool is None:
        raise NotFound("work pool", pool_id)
    return (await work_pools.present(tx, [pool]))[0]


def is_changed(one: Answer, other: Answer) -> bool:
    """Whether a worker must be told of what became of a pool."""
    return any(one[name] != other[name] for name in _WATCHED)


async def _pool(tx: Transaction, name: str, hello: Hello) -> Row:
    try:
        return await work_pools.get_by_name(tx, name)
    except NotFound:
        if not hello.create_pool_if_not_found:
            raise
    template = hello.default_base_job_template or {}
    return await work_pools.add(tx, {"name": name, "type": hello.worker_type, "base_job_template": template})
