"""Finding those flow runs of a worker that are being cancelled."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING
from uuid import UUID

import anyio

from prefect.logging.loggers import get_logger
from prefect.schemas import filters
from prefect.schemas.states import StateType

if TYPE_CHECKING:
    from prefect.client.orchestration import PrefectClient
    from prefect.schemas.runs import FlowRun

CHECK_INTERVAL_SECONDS = 5.0
"""Between two polls for runs that are being cancelled, unless the server sends notices of them."""
TIMEOUT_SECONDS = 5.0
MAX_IDS = 200
"""How many runs one request asks for."""


class CancellationWatch:
    """Finds runs of a worker that are being cancelled.

    Args:
        get_client: Returns the client of the API.
        runs: The runs that the worker has now, by their ids.
        stop: Stops a run, and returns when it is stopped.
        interval: Seconds between two polls.
    """

    def __init__(
        self,
        get_client: Callable[[], PrefectClient],
        runs: Iterable[UUID],
        stop: Callable[[FlowRun], Awaitable[None]],
        interval: float = CHECK_INTERVAL_SECONDS,
    ) -> None:
        self._get_client = get_client
        self._runs = runs
        self._stop = stop
        self._interval = interval
        self._wake = anyio.Event()
        self._stopping: set[UUID] = set()

    def wake(self) -> None:
        """Poll immediately."""
        self._wake.set()

    async def run(self) -> None:
        """Poll for runs, and stop them, until cancelled."""
        async with anyio.create_task_group() as group:
            while True:
                with anyio.move_on_after(self._interval):
                    await self._wake.wait()
                self._wake = anyio.Event()
                try:
                    with anyio.fail_after(TIMEOUT_SECONDS):
                        found = await self.find()
                except Exception as error:  # the next poll may find the server well
                    get_logger("workers").debug("Runs that are being cancelled could not be looked up: %s", error)
                    continue
                for flow_run in found:
                    self._stopping.add(flow_run.id)
                    group.start_soon(self._stop_once, flow_run)

    async def find(self) -> list[FlowRun]:
        """Return the runs of the worker that are being cancelled, and that it does not stop yet."""
        ids = [id_ for id_ in self._runs if id_ not in self._stopping]
        found: list[FlowRun] = []
        for start in range(0, len(ids), MAX_IDS):
            wanted = filters.FlowRunFilter(
                id=filters.FlowRunFilterId(any_=ids[start : start + MAX_IDS]),
                state=filters.FlowRunFilterState(type=filters.FlowRunFilterStateType(any_=[StateType.CANCELLING])),
            )
            found += await self._get_client().read_flow_runs(flow_run_filter=wanted)
        return found

    async def _stop_once(self, flow_run: FlowRun) -> None:
        try:
            await self._stop(flow_run)
        finally:
            self._stopping.discard(flow_run.id)
