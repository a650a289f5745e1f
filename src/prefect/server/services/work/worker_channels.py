"""The websocket of a worker: it receives its pool and cleanup messages, and sends heartbeats."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from prefect.schemas.worker_channel import CLEANUP, FLOW_RUNS, REQUIRED, Hello
from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.services.core.errors import Conflict, NotFound
from prefect.server.services.core.presenters import Answer
from prefect.server.services.work import work_pools, work_queues, workers
from prefect.server.store import Row

_WATCHED = ("base_job_template", "concurrency_limit", "is_paused", "storage_configuration")
"""The fields of a pool whose changes are sent to workers."""


@dataclass(frozen=True)
class Welcome:
    """The server's answer to the hello of a worker.

    Attributes:
        pool: Its pool, as the API shows it.
        queues: The ids and names of the queues that it polls.
        accepted: The requested capabilities that the server has.
        rejected: The requested capabilities that the server does not have.
        cleanups: How many cleanup messages the worker handles at a time.
        worker_id: The id of the worker, which it gives with its logs.
    """

    pool: Answer
    queues: list[dict[str, Any]]
    accepted: list[str]
    rejected: list[str]
    cleanups: int
    worker_id: UUID


async def welcome_worker(tx: Transaction, pool_name: str, hello: Hello) -> Welcome:
    """Register a worker: it is online, and a pool without a job template gets the worker's.

    Raises:
        NotFound: There is no such queue, or no such pool and the worker does not create it.
        Forbidden: The name of the pool is reserved.
    """
    pool = await _get_or_create_pool(tx, pool_name, hello)
    if not pool["base_job_template"] and hello.default_base_job_template:
        await work_pools.change(tx, pool_name, {"base_job_template": hello.default_base_job_template})
    queues = await work_queues.find_by_pool(tx, pool["id"])
    unknown = sorted(set(hello.work_queue_names) - {queue["name"] for queue in queues})
    if unknown:
        raise NotFound("work queue", f"{pool_name}/{unknown[0]}")
    polled = [queue for queue in queues if not hello.work_queue_names or queue["name"] in hello.work_queue_names]
    interval, metadata = hello.heartbeat_interval_seconds, hello.worker_metadata
    worker = await workers.record_heartbeat(tx, pool, hello.worker_name, interval, metadata)
    handles_cleanup = bool(
        CLEANUP in hello.requested_capabilities and hello.handled_cleanup_kinds and hello.max_cleanup_concurrency
    )
    offered = {*REQUIRED, FLOW_RUNS, *([CLEANUP] if handles_cleanup else [])}
    return Welcome(
        await get_pool(tx, pool["id"]),
        [{"id": queue["id"], "name": queue["name"]} for queue in polled],
        [name for name in hello.requested_capabilities if name in offered],
        [name for name in hello.requested_capabilities if name not in offered],
        hello.max_cleanup_concurrency if handles_cleanup else 0,
        worker["id"],
    )


async def record_heartbeat(tx: Transaction, pool_id: UUID, hello: Hello, interval: int) -> Answer:
    """Record the heartbeat of a worker, and return its pool as the API shows it.

    Raises:
        NotFound: The pool was deleted.
    """
    pool = await store.work_pools.get(tx, pool_id)
    if pool is None:
        raise NotFound("work pool", pool_id)
    await workers.record_heartbeat(tx, pool, hello.worker_name, interval)
    return await get_pool(tx, pool_id)


async def get_pool(tx: Transaction, pool_id: UUID) -> Answer:
    """Return a pool as the API shows it, or raise `NotFound`."""
    pool = await store.work_pools.get(tx, pool_id)
    if pool is None:
        raise NotFound("work pool", pool_id)
    return (await work_pools.present(tx, [pool]))[0]


def is_changed(before: Answer, after: Answer) -> bool:
    """Return whether a pool has changed in a field that is sent to workers."""
    return any(before[name] != after[name] for name in _WATCHED)


async def _get_or_create_pool(tx: Transaction, name: str, hello: Hello) -> Row:
    try:
        return await work_pools.get_by_name(tx, name)
    except NotFound:
        if not hello.create_pool_if_not_found:
            raise
    template = hello.default_base_job_template or {}
    try:
        return await work_pools.add(tx, {"name": name, "type": hello.worker_type, "base_job_template": template})
    except Conflict:  # another worker has created it since the look-up
        return await work_pools.get_by_name(tx, name)
