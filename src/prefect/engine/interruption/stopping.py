"""Flow runs that another process cancels or suspends while they are under way: none of their tasks begins any more.

A program cannot be interrupted anywhere. The run is looked up where that is safe, before a task begins and before the
run ends, and at most once a second, so that it costs nothing. The body of an async flow run is cancelled where it
awaits: without a server its run is looked up each second, a server sends the run's events to a run that takes longer.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from prefect._io import drive
from prefect._lazy import lazy, lazy_from
from prefect.logging.loggers import get_logger

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable
    from uuid import UUID

    from prefect.engine.orchestration.orchestrator import Orchestrator
    from prefect.events import clients as event_clients
    from prefect.schemas import event_filters
    from prefect.schemas.states import State
else:
    asyncio = lazy("asyncio")
    event_clients, event_filters = lazy_from("prefect", "events.clients", "schemas.event_filters")

CHECK_INTERVAL_SECONDS = 1.0
"""Between two look-ups of a run."""

RECONNECT_INTERVAL_SECONDS = 10.0
"""Between two attempts to follow a run's events on a server that does not send them."""


class StopCheck:
    """Checks whether a flow run, or one around it, has been stopped.

    Args:
        orchestrator: What knows the run's state.
        run_id: The run's id.
        parent: The check of the flow run around it.
    """

    def __init__(self, orchestrator: Orchestrator, run_id: UUID, parent: StopCheck | None) -> None:
        self._orchestrator = orchestrator
        self._run_id = run_id
        self._parent = parent
        self._next_look_up = time.monotonic() + CHECK_INTERVAL_SECONDS
        self._state: State[Any] | None = None

    @property
    def is_due(self) -> bool:
        """Whether the run is known to be stopped, or must be looked up now. Hot path: 150 ns a task."""
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

    def list_run_ids(self) -> list[UUID]:
        """Return the ids of the run and of those around it."""
        return [self._run_id, *(self._parent.list_run_ids() if self._parent else ())]

    def expect_change(self) -> None:
        """Look the runs up at the next check, even if they have been looked up just before."""
        check = self
        while check is not None:
            check._next_look_up = float("-inf")
            check = check._parent

    async def _look_up(self) -> None:
        self._next_look_up = time.monotonic() + CHECK_INTERVAL_SECONDS
        state = await self._orchestrator.read_state()
        if state is not None and _is_stop_state(state):
            self._state = state


class AsyncInterrupter:
    """Cancels the body of an async flow run once another process has stopped the run, as `asyncio.timeout` does.

    Made in the asyncio task that is about to await the body.

    Args:
        check: Looks up the run.
        has_server: Whether a server keeps the run. Its events are then followed, since looking it up takes a request.
    """

    def __init__(self, check: StopCheck, has_server: bool) -> None:
        self._check = check
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        self._has_cancelled = False
        self._following: asyncio.Task[None] | None = None
        self._schedule(self._start_following if has_server else self._look_up)

    def _schedule(self, callback: Callable[[], None]) -> None:
        self._timer = self._loop.call_later(CHECK_INTERVAL_SECONDS, callback)

    def _look_up(self) -> None:
        if drive(self._check.find_state()) is None:
            self._schedule(self._look_up)
        else:
            self._cancel()

    def _start_following(self) -> None:
        self._following = self._loop.create_task(self._follow())

    async def _follow(self) -> None:
        resources = [f"prefect.flow-run.{run_id}" for run_id in self._check.list_run_ids()]
        states = event_filters.EventFilter(
            event=event_filters.EventNameFilter(prefix=["prefect.flow-run."]),
            resource=event_filters.EventResourceFilter(id=resources),
        )
        while not await self._is_stopped():
            try:
                async with event_clients.get_events_subscriber(filter=states) as events:
                    # What changed before the server began to send events is looked up.
                    while not await self._is_stopped():
                        await anext(events)
                break
            except Exception as error:  # the run continues, and notices at its next task or its end
                get_logger("engine").debug("The events of the flow run cannot be followed: %s", error)
                await asyncio.sleep(RECONNECT_INTERVAL_SECONDS)
        self._cancel()

    async def _is_stopped(self) -> bool:
        self._check.expect_change()
        return await self._check.find_state() is not None

    def _cancel(self) -> None:
        if self._task is not None:
            self._has_cancelled = True
            self._task.cancel()

    def stop(self) -> bool:
        """Stop looking; return whether the body was cancelled."""
        self._timer.cancel()
        if self._following is not None:
            self._following.cancel()
        has_cancelled, self._has_cancelled = self._has_cancelled, False
        if has_cancelled and self._task is not None:
            self._task.uncancel()
        return has_cancelled


def _is_stop_state(state: State[Any]) -> bool:
    return state.is_cancelling() or state.is_cancelled() or (state.is_paused() and state.state_details.pause_reschedule)
