"""Flow runs that another process cancels or suspends while they are under way: none of their tasks begins any more.

A program cannot be interrupted anywhere. The run is looked up where that is safe, before a task begins and before the
run ends, and at most once a second, so that it costs nothing. The body of an async flow run is cancelled where it
awaits, if the run can be looked up without a network.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from prefect._io import drive
from prefect._lazy import lazy

if TYPE_CHECKING:
    import asyncio

    from prefect.engine.orchestration import Orchestrator
    from prefect.schemas.states import State

else:
    asyncio = lazy("asyncio")

CHECK_INTERVAL_SECONDS = 1.0
"""Between two look-ups of a run."""


class StopCheck:
    """Looks up whether a flow run, or one around it, has been stopped.

    Args:
        orchestrator: What knows the run's state.
        parent: The check of the flow run around it.
    """

    def __init__(self, orchestrator: Orchestrator, parent: StopCheck | None) -> None:
        self._orchestrator = orchestrator
        self._parent = parent
        self._next_look_up = time.monotonic() + CHECK_INTERVAL_SECONDS
        self._state: State[Any] | None = None

    @property
    def is_due(self) -> bool:
        """Whether the run is known to be stopped, or it is time to look it up. Hot path: 150 ns a task."""
        moment, check = time.monotonic(), self
        while check is not None:
            if check._state is not None or moment >= check._next_look_up:
                return True
            check = check._parent
        return False

    async def find_state(self) -> State[Any] | None:
        """Return the state by which another process has stopped the run; None if it may go on."""
        moment, check = time.monotonic(), self
        while check is not None:
            if check._state is None and moment >= check._next_look_up:
                await check._look_up()
            if check._state is not None:
                return check._state
            check = check._parent
        return None

    async def _look_up(self) -> None:
        self._next_look_up = time.monotonic() + CHECK_INTERVAL_SECONDS
        state = await self._orchestrator.read_state()
        if state is not None and _stops(state):
            self._state = state


class AsyncInterrupter:
    """Cancels the body of an async flow run once another process has stopped the run, as `asyncio.timeout` does.

    Made in the asyncio task that is about to await the body.

    Args:
        check: Looks up the run. It must not wait for a network, because that would block the event loop.
    """

    def __init__(self, check: StopCheck) -> None:
        self._check = check
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        self._has_cancelled = False
        self._schedule()

    def _schedule(self) -> None:
        self._timer = self._loop.call_later(CHECK_INTERVAL_SECONDS, self._look_up)

    def _look_up(self) -> None:
        if drive(self._check.find_state()) is None:
            self._schedule()
        elif self._task is not None:
            self._has_cancelled = True
            self._task.cancel()

    def stop(self) -> bool:
        """Stop looking; return whether the body was cancelled."""
        self._timer.cancel()
        has_cancelled, self._has_cancelled = self._has_cancelled, False
        if has_cancelled and self._task is not None:
            self._task.uncancel()
        return has_cancelled


def _stops(state: State[Any]) -> bool:
    return state.is_cancelling() or state.is_cancelled() or (state.is_paused() and state.state_details.pause_reschedule)
