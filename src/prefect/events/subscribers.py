"""Subscriber to the logs and events of one flow run."""

from __future__ import annotations

import asyncio
from typing import Any, Self
from uuid import UUID

from prefect.client._logs import get_logs_subscriber
from prefect.events.clients import get_events_subscriber
from prefect.schemas.event_filters import EventAnyResourceFilter, EventFilter
from prefect.schemas.events import Event
from prefect.schemas.filters import LogFilter, LogFilterFlowRunId
from prefect.schemas.records import Log
from prefect.schemas.states import TERMINAL_STATES, StateType


class FlowRunSubscriber:
    """Iterates over the logs and events of a flow run; use it in an `async with` block.

    The iteration ends some seconds after the run, because logs may arrive late.

    Args:
        flow_run_id: Id of the flow run.
        straggler_timeout: Seconds to wait for another item once the run has ended.
        reconnection_attempts: Maximum number of attempts to reopen a lost connection.
    """

    def __init__(self, flow_run_id: UUID, straggler_timeout: int = 3, reconnection_attempts: int = 10) -> None:
        self._resource = f"prefect.flow-run.{flow_run_id}"
        self._straggler_timeout = straggler_timeout
        self._logs = get_logs_subscriber(
            filter=LogFilter(flow_run_id=LogFilterFlowRunId(any_=[flow_run_id])),
            reconnection_attempts=reconnection_attempts,
        )
        self._events = get_events_subscriber(
            filter=EventFilter(any_resource=EventAnyResourceFilter(id=[self._resource])),
            reconnection_attempts=reconnection_attempts,
        )
        self._items: asyncio.Queue[Log | Event | BaseException] = asyncio.Queue()
        self._tasks: list[asyncio.Task[None]] = []
        self._has_ended = False

    async def __aenter__(self) -> Self:
        for source in (self._logs, self._events):
            await source.__aenter__()
            self._tasks.append(asyncio.create_task(self._forward(source)))
        return self

    async def __aexit__(self, *error: Any) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for source in (self._logs, self._events):
            await source.__aexit__(*error)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Log | Event:
        try:
            item = await asyncio.wait_for(self._items.get(), self._straggler_timeout if self._has_ended else None)
        except TimeoutError:
            raise StopAsyncIteration from None
        if isinstance(item, BaseException):
            raise item
        if isinstance(item, Event) and self._is_final(item):
            self._has_ended = True
        return item

    def _is_final(self, event: Event) -> bool:
        if event.resource.id != self._resource:
            return False
        kind = event.resource.get("prefect.state-type") or ""
        return kind in StateType.__members__ and StateType[kind] in TERMINAL_STATES

    async def _forward(self, source: Any) -> None:
        try:
            async for item in source:
                await self._items.put(item)
        except Exception as error:
            await self._items.put(error)
        else:
            await self._items.put(ConnectionError(f"The server closed the event stream of {self._resource}."))
