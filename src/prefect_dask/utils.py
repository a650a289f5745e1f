"""Clients of the Dask cluster that a flow uses, for Dask collections in flows and tasks."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from datetime import timedelta
from typing import Any

import distributed

from prefect.context import FlowRunContext
from prefect_dask.client import PrefectDaskClient
from prefect_dask.task_runners import DaskTaskRunner
from prefect_dask.worker import RunOnce

Timeout = int | float | str | timedelta | None


@contextmanager
def get_dask_client(timeout: Timeout = None, **client_kwargs: Any) -> Generator[PrefectDaskClient]:
    """Yield a client of the cluster that the current flow or task runs on; without one, of a temporary local cluster.

    In a flow it is the task runner's, unless there are arguments. In a task the worker executes other tasks meanwhile,
    so that there is always a thread for those that this one waits for.

    Args:
        timeout: How long to wait for the connection.
        client_kwargs: Further arguments of `distributed.Client`, over those of the task runner.
    """
    runner = _get_runner()
    with ExitStack() as stack:
        if runner is not None and runner.scheduler_address is not None and not client_kwargs:
            client = runner.client
            stack.enter_context(client.as_current())
        else:
            _free_worker_thread(stack)
            client = stack.enter_context(PrefectDaskClient(**_client_kwargs(runner, timeout, client_kwargs)))
        yield client


@asynccontextmanager
async def get_async_dask_client(timeout: Timeout = None, **client_kwargs: Any) -> AsyncGenerator[PrefectDaskClient]:
    """Yield an async client of the cluster that the current flow or task runs on; see `get_dask_client`."""
    with ExitStack() as stack:
        _free_worker_thread(stack)
        kwargs = _client_kwargs(_get_runner(), timeout, client_kwargs)
        async with PrefectDaskClient(asynchronous=True, **kwargs) as client:
            await client.register_plugin(RunOnce())
            try:
                yield client
            finally:
                client.end_task_runs()


def _get_runner() -> DaskTaskRunner | None:
    runner = getattr(FlowRunContext.get(), "task_runner", None)
    return runner if isinstance(runner, DaskTaskRunner) else None


def _free_worker_thread(stack: ExitStack) -> None:
    """Let the Dask worker that runs this code, if one does, execute other tasks in its place until the stack ends."""
    try:
        distributed.secede()
    except (ValueError, AttributeError, KeyError):  # this is not a thread of a worker, or it has been freed already
        return
    stack.callback(distributed.rejoin)


def _client_kwargs(runner: DaskTaskRunner | None, timeout: Timeout, client_kwargs: dict[str, Any]) -> dict[str, Any]:
    kwargs = dict(runner.client_kwargs) if runner is not None else {}
    address = (runner.scheduler_address if runner is not None else None) or _address_of_worker()
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
        return str(distributed.get_worker().scheduler.address)
    except ValueError:
        return None
