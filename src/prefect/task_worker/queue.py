"""The queue of background task runs, as a worker takes from it.

With a server the runs come over a websocket, as in every release of the interface. The local store is asked for the
next run in a call that waits until there is one.
"""

from __future__ import annotations

import asyncio
import json
import os
from typing import Any, Protocol
from uuid import UUID

from prefect import _processes
from prefect.client import failures, transport, wire
from prefect.client.orchestration.base import wait_for_own_records
from prefect.client.subscriptions import Subscription
from prefect.client.transport import Transport
from prefect.logging.loggers import get_logger
from prefect.schemas.runs import TaskRun
from prefect.schemas.states import TERMINAL_STATES
from prefect.settings import get_current_settings

LEASE_SECONDS = 30.0
"""How long a worker keeps a run unless it renews its claim."""

WAIT_SECONDS = 20.0
"""How long one call waits for the next run."""

SUBSCRIPTION_PATH = "/task_runs/subscriptions/scheduled"

logger = get_logger("task_worker")


class TaskQueue(Protocol):
    """The runs of some tasks that wait for a worker."""

    async def take(self) -> TaskRun:
        """Wait for the next run and claim it."""
        ...

    async def renew(self, task_run_ids: list[UUID]) -> list[UUID]:
        """Renew the claims on runs, and return those that were lost."""
        ...

    async def finish(self, task_run_id: UUID) -> bool:
        """End the claim on a run that has ended, and return whether the API has its end."""
        ...

    async def find_ended(self, task_run_ids: list[UUID]) -> list[UUID]:
        """Return the ended runs among these."""
        ...

    async def close(self) -> None:
        """Stop claiming runs."""
        ...


def open_queue(task_keys: list[str], worker: str) -> TaskQueue:
    """Return the queue of the API of the current settings."""
    current = get_current_settings()
    api = transport.create_transport(current)
    return _ServerQueue(task_keys, worker, api) if current.api.url else _LocalQueue(task_keys, worker, api)


class _Claims:
    """The claims of a worker, in the API.

    Args:
        task_keys: The keys of the tasks.
        worker: The worker's name.
        api: The API.
    """

    def __init__(self, task_keys: list[str], worker: str, api: Transport) -> None:
        self._task_keys = task_keys
        self._worker = worker
        self._api = api
        self._has_claims = True

    async def renew(self, task_run_ids: list[UUID]) -> list[UUID]:
        body = {"worker": self._worker, "task_run_ids": task_run_ids, "lease_seconds": LEASE_SECONDS}
        lost = await self._call("/task_workers/renew", body)
        return [UUID(str(id_)) for id_ in lost or ()]

    async def finish(self, task_run_id: UUID) -> bool:
        await wait_for_own_records()
        body = {"worker": self._worker, "task_run_ids": [task_run_id]}
        ended = await self._call("/task_workers/release", body)
        return bool(await self.find_ended([task_run_id]) if ended is None else ended)

    async def find_ended(self, task_run_ids: list[UUID]) -> list[UUID]:
        chosen = {"id": {"any_": task_run_ids}, "state": {"type": {"any_": sorted(TERMINAL_STATES)}}}
        try:
            found = await self._api.call("POST", "/task_runs/filter", {}, {"task_runs": chosen})
        except Exception as error:
            logger.debug("The task runs cannot be read: %s", failures.describe_error(error))
            return []
        return [wire.parse_task_run(run).id for run in found]

    async def _call(self, route: str, body: dict[str, Any]) -> Any:
        """Call an operation of our server; another one does not have it, nor claims."""
        if not self._has_claims:
            return None
        try:
            return await self._api.call("POST", route, {}, body)
        except Exception as error:
            if failures.get_status(error) in failures.MISSING_ROUTE_STATUSES:
                self._has_claims = False
            else:  # the claims expire if it continues
                logger.debug("The claims on task runs cannot be changed: %s", failures.describe_error(error))
            return None


class _LocalQueue(_Claims):
    """The queue of the local store."""

    async def take(self) -> TaskRun:
        pid = os.getpid()
        process = {"pid": pid, "host": _processes.host(), "start": _processes.start_mark(pid)}
        headers = {"prefer": f"wait={WAIT_SECONDS:g}", "prefect-process": json.dumps(process)}
        body = {"worker": self._worker, "task_keys": self._task_keys, "lease_seconds": LEASE_SECONDS}
        while True:
            answer = await self._api.call("POST", "/task_workers/claim", {}, body, headers)
            if answer is not None:
                return wire.parse_task_run(answer)

    async def close(self) -> None:
        """Do nothing: there is no connection."""


class _ServerQueue(_Claims):
    """The queue of a server."""

    def __init__(self, task_keys: list[str], worker: str, api: Transport) -> None:
        super().__init__(task_keys, worker, api)
        self._subscription = Subscription(TaskRun, SUBSCRIPTION_PATH, task_keys, worker, lease_seconds=LEASE_SECONDS)

    async def take(self) -> TaskRun:
        return await anext(self._subscription)

    async def close(self) -> None:
        try:
            await self._subscription.websocket.close()
        except RuntimeError:  # not connected
            pass
        await asyncio.sleep(0)
