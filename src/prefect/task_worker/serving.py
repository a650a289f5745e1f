"""Serving tasks until the process is interrupted."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from prefect._io import running_loop
from prefect.logging.loggers import get_logger
from prefect.task_worker.status import create_status_server
from prefect.task_worker.worker import StopTaskWorker, TaskWorker

if TYPE_CHECKING:
    from prefect.tasks import Task

logger = get_logger("task_worker")


def serve(
    *tasks: Task[..., Any],
    limit: int | None = 10,
    status_server_port: int | None = None,
    timeout: float | None = None,
) -> Any:
    """Run what `delay` submits of these tasks, until the process is interrupted; awaitable where an event loop runs.

    Args:
        tasks: The tasks.
        limit: How many runs at the same time; any number if None.
        status_server_port: Serve the worker's status on this port of the local host.
        timeout: Stop after so many seconds.
    """
    coroutine = aserve(*tasks, limit=limit, status_server_port=status_server_port, timeout=timeout)
    if running_loop() is not None:
        return coroutine
    try:
        return asyncio.run(coroutine)
    except KeyboardInterrupt:
        logger.info("The task worker was interrupted.")


async def aserve(
    *tasks: Task[..., Any],
    limit: int | None = 10,
    status_server_port: int | None = None,
    timeout: float | None = None,
) -> None:
    """Run what `delay` submits of these tasks, as `serve` does, in async code."""
    worker = TaskWorker(*tasks, limit=limit)
    status = None if status_server_port is None else asyncio.create_task(_serve_status(worker, status_server_port))
    try:
        await worker.astart(timeout)
    except (StopTaskWorker, asyncio.CancelledError):
        logger.info("The task worker was stopped.")
    finally:
        if status is not None:
            status.cancel()
            await asyncio.gather(status, return_exceptions=True)


async def _serve_status(worker: TaskWorker, port: int) -> None:
    import uvicorn

    config = uvicorn.Config(create_status_server(worker), host="127.0.0.1", port=port, log_level="warning")
    server = uvicorn.Server(config)
    # The worker handles signals.
    await server._serve()
