"""Futures of flow runs that another process executes."""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from prefect._io import drive
from prefect._lazy import lazy_from
from prefect.client import run_waiting
from prefect.futures.core import PrefectFuture, R
from prefect.futures.slots import check_timeout

if TYPE_CHECKING:
    from prefect.client import orchestration
    from prefect.schemas import states
    from prefect.schemas.states import State
else:
    orchestration, states = lazy_from("prefect", "client.orchestration", "schemas.states")


class PrefectFlowRunFuture(PrefectFuture[R]):
    """A future of a flow run that another process executes; the API is asked for its state.

    Args:
        flow_run_id: The id of the flow run.
    """

    __slots__ = ("_final_state",)

    def __init__(self, flow_run_id: UUID) -> None:
        super().__init__(flow_run_id)
        self._final_state: State[R] | None = None

    @property
    def flow_run_id(self) -> UUID:
        """The id of the flow run."""
        return self._task_run_id

    @property
    def done(self) -> bool:
        """Whether the run is known to have ended."""
        return self._final_state is not None

    @property
    def state(self) -> State[R]:
        """The run's state at present, as the API has it."""
        return drive(self._read_state())

    async def _read_state(self) -> State[R]:
        if self._final_state is not None:
            return self._final_state
        async with orchestration.get_client() as client:
            run = await client.read_flow_run(self.flow_run_id)
        state = cast("State[R]", run.state or states.State.make(states.StateType.PENDING))
        if state.is_final():
            self._final_state = state
        return state

    async def wait_async(self, timeout: float | None = None) -> None:
        """Wait until the run has ended, at most `timeout` seconds; returns either way."""
        check_timeout(timeout)
        end = float("inf") if timeout is None else time.monotonic() + timeout
        if self._final_state is not None:
            return
        async with orchestration.get_client() as client:
            state = (await run_waiting.wait_until_ended(client, self.flow_run_id, end)).state
        if state is not None and state.is_final():
            self._final_state = cast("State[R]", state)

    def wait(self, timeout: float | None = None) -> None:
        drive(self.wait_async(timeout))

    async def aresult(self, timeout: float | None = None, raise_on_failure: bool = True) -> R:
        """Wait for the run and return its result; see `result`."""
        await self.wait_async(timeout)
        if self._final_state is None:
            raise TimeoutError(f"Flow run {str(self.flow_run_id)!r} did not complete within {timeout} seconds.")
        return cast("R", await self._final_state.aresult(raise_on_failure=raise_on_failure))

    def result(self, timeout: float | None = None, raise_on_failure: bool = True) -> R:
        return drive(self.aresult(timeout, raise_on_failure))

    def add_done_callback(self, fn: Callable[[PrefectFuture[R]], None]) -> None:
        if self._final_state is not None:
            fn(self)
            return

        def wait_and_call() -> None:
            self.wait()
            fn(self)

        name = f"prefect-wait-{self.flow_run_id}"
        context = contextvars.copy_context()
        threading.Thread(target=cast("Any", context.run), args=(wait_and_call,), name=name, daemon=True).start()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PrefectFlowRunFuture) and self.flow_run_id == other.flow_run_id

    def __hash__(self) -> int:
        return hash(self.flow_run_id)
