"""Following a server's events about the runs of deployments, so that a runner need not poll for them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from uuid import UUID

from prefect.events.clients import PrefectEventSubscriber
from prefect.schemas.event_filters import EventFilter, EventRelatedFilter
from prefect.schemas.events import Event

logger = logging.getLogger("prefect.runner")

RECONNECT_INTERVAL_SECONDS = 2.0
"""Before a websocket that could not be opened is tried again; runs are polled for meanwhile."""

_NOTIFIED_STATE_TYPES = frozenset(("SCHEDULED", "CANCELLING", "CANCELLED"))


class _Subscriber(PrefectEventSubscriber):
    """A subscriber that says when it is connected: what happened before was missed.

    Args:
        api_url: The address of the API.
        filter: Which events.
        connected: Called for each connection.
    """

    def __init__(self, api_url: str, filter: EventFilter, connected: Callable[[], None]) -> None:
        super().__init__(api_url, filter, reconnection_attempts=0, reconnect_on_clean_close=True)
        self._connected = connected

    async def _connect(self):
        socket = await super()._connect()
        self._connected()
        return socket


async def follow_runs(api_url: str, deployment_ids: Iterable[UUID], notice: Callable[[UUID | None, str], None]) -> None:
    """Follow the runs of deployments until cancelled; an unavailable server is tried again.

    Args:
        api_url: The address of the API.
        deployment_ids: The deployments.
        notice: Called with the id of a run and the type of the state that it has entered, SCHEDULED, CANCELLING or
            CANCELLED; and with None for each new connection, since runs may have been missed before.
    """
    related = EventRelatedFilter(id=[f"prefect.deployment.{id_}" for id_ in deployment_ids])
    while True:
        subscriber = _Subscriber(api_url, EventFilter(related=related), lambda: notice(None, ""))
        try:
            async with subscriber:
                async for event in subscriber:
                    run_id, state_type = _read_event(event)
                    if run_id is not None and state_type in _NOTIFIED_STATE_TYPES:
                        notice(run_id, state_type)
        except Exception as error:  # refused, unavailable, or no server with such a websocket: polling finds the runs
            logger.debug("The events of %s cannot be followed: %s", api_url, error)
            await asyncio.sleep(RECONNECT_INTERVAL_SECONDS)


def _read_event(event: Event) -> tuple[UUID | None, str]:
    kind, _, id_ = event.resource.id.rpartition(".")
    if kind != "prefect.flow-run":
        return None, ""
    return UUID(id_), event.resource.get("prefect.state-type") or ""
