"""Clients of the Dask cluster that a flow uses, for Dask collections in flows and tasks."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from typing import Any

from distributed import Client, get_worker

from prefect.context import FlowRunContext

Timeout = int | float | str | timedelta | None


@contextmanager
def get_dask_client(timeout: Timeout = None, **client_kwargs: Any) -> Generator[Client]:
    """Yield a client of the cluster that the current flow or task runs on; without one, of a temporary local cluster.

    Args:
        timeout: How long to wait for the connection.
        client_kwargs: Further arguments of `distributed.Client`, over those of the task runner.
    """
    with Client(**_client_kwargs(timeout, client_kwargs)) as client:
        yield client


@asynccontextmanager
async def get_async_dask_client(timeout: Timeout = None, **client_kwargs: Any) -> AsyncGenerator[Client]:
    """Yield an async client of the cluster that the current flow or task runs on; see `get_dask_client`."""
    async with Client(asynchronous=True, **_client_kwargs(timeout, client_kwargs)) as client:
        yield client


def _client_kwargs(timeout: Timeout, client_kwargs: dict[str, Any]) -> dict[str, Any]:
    flow = FlowRunContext.get()
    runner = getattr(flow, "task_runner", None)
    kwargs = dict(getattr(runner, "client_kwargs", None) or {})
    address = getattr(runner, "scheduler_address", None) or _address_of_worker()
    if address is not None:
        kwargs["address"] = address
    kwargs["set_as_default"] = True
    kwargs.update(client_kwargs)
    if timeout is not None:
        kwargs["timeout"] = timeout
    return kwargs


def _address_of_worker() -> str | None:
    """Return the scheduler's address where this code runs on a worker."""
    try:
        return str(get_worker().scheduler.address)
    except ValueError:
        return None
