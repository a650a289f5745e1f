"""Futures of task runs that task workers execute.

Who waits sends one long request to our server, or waits until the local store changes; another server is asked
repeatedly.
"""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from prefect._io import drive, sleep
from prefect._lazy import lazy_from
from prefect.futures.core import PrefectFuture, PrefectTaskRunFuture, R
from prefect.futures.slots import check_timeout

if TYPE_CHECKING:
    from prefect.client import orchestration, transport, wire
    from prefect.client.orchestration import base
    from prefect.schemas import states
    from prefect.schemas.states import State
else:
    base, states = lazy_from("prefect", "client.orchestration.base", "schemas.states")
    orchestration, transport, wire = lazy_from("prefect.client", "orchestration", "transport", "wire")

REQUEST_SECONDS = 20.0
"""How long one request waits for the end of a run."""

FIRST_POLL_INTERVAL_SECONDS, MAX_POLL_INTERVAL_SECONDS = 0.1, 2.0
"""Seconds between two requests to a server that does not wait: initial and maximum."""


async def wait_for_task_run(task_run_id: UUID, timeout: float | None = None) -> State[Any] | None:
    """Return the final state of a task run as soon as it has ended; None if it has not within `timeout` seconds."""
    end = float("inf") if timeout is None else time.monotonic() + timeout
    pause = FIRST_POLL_INTERVAL_SECONDS
    await base.wait_for_own_records()
    api = transport.get_shared_transport()
    while True:
        left = max(0.0, end - time.monotonic())
        wait, started = min(REQUEST_SECONDS, left), time.monotonic()
        headers = {"prefer": f"wait={wait:.3f}"}
        answer = await api.call("GET", "/task_runs/{id}", {"id": task_run_id}, None, headers)
        state = cast("State[Any] | None", wire.parse_task_run(answer).state)
        if state is not None and state.is_final():
            return state
        if time.monotonic() >= end:
            return None
        if time.monotonic() - started < wait / 2:  # the server does not wait
            await sleep(min(pause, max(0.0, end - time.monotonic())))
            pause = min(pause * 1.5, MAX_POLL_INTERVAL_SECONDS)


class PrefectDistributedFuture(PrefectTaskRunFuture[R]):
    """A future of a task run that another process executes (`delay`).

    Args:
        task_run_id: The id of the task run.
    """

    def __init__(self, task_run_id: UUID) -> None:
        super().__init__(task_run_id)
        self._watcher: threading.Thread | None = None
        self._last_read: State[R] | None = None

    @property
    def state(self) -> State[R]:
        """The run's state at present, as the API has it."""
        if self._state is None:
            drive(self._read_state())
        return self._state or self._last_read or states.State.make(states.StateType.PENDING)

    async def _read_state(self) -> None:
        await base.wait_for_own_records()
        async with orchestration.get_client() as client:
            run = await client.read_task_run(self.task_run_id)
        state = cast("State[R] | None", run.state)
        self._last_read = state
        if state is not None and state.is_final():
            self.resolve(state)

    async def wait_async(self, timeout: float | None = None) -> None:
        """Wait until the run has ended, at most `timeout` seconds; returns either way."""
        check_timeout(timeout)
        if self._state is None:
            state = await wait_for_task_run(self.task_run_id, timeout)
            if state is not None:
                self.resolve(state)

    def wait(self, timeout: float | None = None) -> None:
        drive(self.wait_async(timeout))

    def add_done_callback(self, fn: Callable[[PrefectFuture[R]], None]) -> None:
        """Call `fn` with this future when it is done, immediately if it is already; a thread waits for that."""
        super().add_done_callback(fn)
        if self._state is None and self._watcher is None:
            context = contextvars.copy_context()
            self._watcher = threading.Thread(
                target=cast("Any", context.run), args=(self.wait,), name=f"prefect-wait-{self.task_run_id}", daemon=True
            )
            self._watcher.start()

    def __reduce__(self) -> Any:
        return type(self), (self.task_run_id,)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PrefectDistributedFuture) and self.task_run_id == other.task_run_id

    def __hash__(self) -> int:
        return hash(self.task_run_id)
