"""Events over websockets: received from clients, and sent to subscribers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from starlette.websockets import WebSocket, WebSocketDisconnect

from prefect.schemas.event_filters import EventFilter, EventOrder
from prefect.server.app import metrics
from prefect.server.app.endpoints import to_json
from prefect.server.app.streams import CallerDatabase, SentIds, close_with_error, receive_filter, run_while_connected
from prefect.server.app.websocket import hold_acknowledgements
from prefect.server.db.errors import StoreBusy, StoreUnavailable
from prefect.server.services.core.errors import InvalidRequest
from prefect.server.services.events import event_store, ingest
from prefect.server.services.events import querying as service
from prefect.server.services.events.event_store import Event
from prefect.types import now

if TYPE_CHECKING:
    from prefect.server.app.state import ServerState

logger = logging.getLogger("prefect.server")

# --- received ---------------------------------------------------------------------------------------------------------

MAX_BATCH_MESSAGES = 300
"""Maximum number of messages of a connection that wait, and are committed together: parsing them blocks the event loop
for some hundredths of a second."""

BATCH_DELAY_SECONDS = 0.05
"""Seconds for which a message waits for others: clients send events singly, and a commit costs as much as several."""

MAX_INBOX_CHARACTERS = 4_000_000
"""The size of all waiting messages from which on no further one is read."""


async def receive_events(server: ServerState, socket: WebSocket) -> None:
    """Store the events that a client sends, one a message.

    They are stored in the order in which they arrive, those that wait together in one transaction. A ping is answered
    when all that was sent before it is committed. When a commit fails the connection ends, and the client sends the
    events again. While the database is busy a bounded number of messages is read, so that the client has to wait.
    """
    database = CallerDatabase(server, socket)
    acknowledgements = hold_acknowledgements(socket.scope)
    inbox = _Inbox(socket)
    reading = asyncio.create_task(inbox.fill())
    try:
        while messages := await inbox.take():
            events, error = _parse_events(messages)
            await _ingest_events(database, events)
            if error is not None:
                await close_with_error(socket, error)
                return
            acknowledgements.acknowledge(len(messages))
        if inbox.error is not None:
            await close_with_error(socket, inbox.error)
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


async def _ingest_events(database: CallerDatabase, events: list[Event]) -> None:
    """Store events together; one that fails becomes a dead letter, so that it holds up no other."""
    try:
        if events:
            await database.write(lambda tx: ingest.ingest_events(tx, events))
    except (StoreBusy, StoreUnavailable):
        raise
    except Exception as error:
        if len(events) > 1:
            for event in events:
                await _ingest_events(database, [event])
            return
        logger.exception("The event %s could not be stored and became a dead letter", events[0]["id"])
        reason = f"the server failed: {type(error).__name__}: {error}"
        await database.write(lambda tx: ingest.dead_letter(tx, events[0], reason))


class _Inbox:
    """The messages of a connection that wait to be stored."""

    def __init__(self, socket: WebSocket) -> None:
        self.socket = socket
        self.messages: list[str] = []
        self.error: str | None = None
        """The reason for no longer reading from a client that is still connected, or None."""
        self.depth = metrics.queue_depth.labels("events_in")
        self._size = 0
        self._ended = False
        self._has_messages = asyncio.Event()
        self._has_capacity = asyncio.Event()

    async def fill(self) -> None:
        """Read until the client disconnects; while the inbox is full, nothing is read."""
        try:
            while True:
                message = await self.socket.receive_text()
                self.messages.append(message)
                self._size += len(message)
                self._has_messages.set()
                if len(self.messages) >= MAX_BATCH_MESSAGES or self._size >= MAX_INBOX_CHARACTERS:
                    self._has_capacity.clear()
                    await self._has_capacity.wait()
        except WebSocketDisconnect:
            pass
        except KeyError:
            self.error = "The message is not text."
        finally:
            self._ended = True
            self._has_messages.set()

    async def take(self) -> list[str]:
        """Wait for messages and return those that arrived; none when the client has disconnected."""
        await self._has_messages.wait()
        if not self._ended:
            await asyncio.sleep(BATCH_DELAY_SECONDS)
        messages, self.messages, self._size = self.messages, [], 0
        if not self._ended:
            self._has_messages.clear()
        self._has_capacity.set()
        self.depth.set(len(messages))
        return messages


def _parse_events(messages: list[str]) -> tuple[list[Event], str | None]:
    """Return the events of messages up to the first that is not valid, and the error of that one."""
    received = now()
    events: list[Event] = []
    for message in messages:
        try:
            event = ingest.parse_event(message, received)
        except InvalidRequest as error:
            return events, str(error)
        try:
            ingest.check_event(event)
            events.append(event)
        except InvalidRequest as error:
            # The client would send it again and again, and all events behind it would wait.
            logger.warning("An event was left out: %s", error)
    return events, None


# --- sent -------------------------------------------------------------------------------------------------------------

MAX_COMMIT_DELAY = timedelta(minutes=2)
"""The longest time between an event's reception and its commit."""


async def send_events(server: ServerState, socket: WebSocket) -> None:
    """Send the events that match the client's filter: first recent ones, if it requests them, then new ones."""
    subscription = await receive_filter(socket, EventFilter)
    if subscription is None:
        return
    criteria, message = subscription
    criteria.order = EventOrder.ASC
    if server.settings.server.events.stream_out_enabled:
        await run_while_connected(socket, _Subscriber(server, socket, criteria).serve(message.get("backfill", True)))
    else:
        await run_while_connected(socket, asyncio.Event().wait())


class _Subscriber:
    """Sends the events that match a filter, each once."""

    def __init__(self, server: ServerState, socket: WebSocket, criteria: EventFilter) -> None:
        self.server = server
        self.socket = socket
        self.criteria = criteria
        self.database = CallerDatabase(server, socket)
        self.sent = SentIds()
        self.complete_until = now()
        """Nothing that was committed before it was missed."""

    async def serve(self, backfill: bool) -> None:
        # Subscribed before stored events are read, so that none is missed in between.
        with self.server.bus.subscribe(event_store.EVENTS_TOPIC) as notifications:
            notifications.take_missed()
            if backfill:
                longest = self.server.settings.server.events.maximum_websocket_backfill
                announced_since = self.complete_until - MAX_COMMIT_DELAY
                await self._send_stored(self.complete_until - longest, announced_since=announced_since)
            while True:
                items = await notifications.take()
                at = now()
                if notifications.take_missed():
                    missed_since = self.complete_until - MAX_COMMIT_DELAY
                    await self._send_stored(self.criteria.occurred.since, missed_since, missed_since)
                for item in items:
                    for event in await self.server.bus.read_once(item, lambda item=item: self._read(item)):
                        if service.matches_filter(event, self.criteria):
                            await self._send(event)
                self.complete_until = at

    async def _read(self, item: str) -> list[Event]:
        # Shared by all subscribers, so not on behalf of this subscriber's principal.
        keys = event_store.unpack_keys(item)
        return await self.server.database.read(lambda tx: service.get_events(tx, keys))

    async def _send_stored(
        self, since: datetime, received_since: datetime | None = None, announced_since: datetime | None = None
    ) -> None:
        """Send stored events.

        Args:
            since: The earliest time at which they occurred; the client's filter may narrow it.
            received_since: The earliest time at which they were received.
            announced_since: Events that were received from then on may be announced, too.
        """
        async for event in self._read_stored(max(since, self.criteria.occurred.since)):
            if received_since is not None and event["received"] < received_since:
                continue
            if announced_since is not None and event["received"] < announced_since:
                await self._send_unchecked(event)
            else:
                await self._send(event)

    async def _read_stored(self, since: datetime) -> AsyncIterator[Event]:
        """Yield stored events by pages, each in a separate transaction, which a slow reader must not hold open."""
        size = self.server.settings.server.events.websocket_backfill_page_size
        occurred = self.criteria.occurred.model_copy(update={"since": since})
        criteria = self.criteria.model_copy(update={"occurred": occurred})
        place = service.START_CURSOR
        while place is not None:
            events, place = await self.database.read(
                lambda tx, place=place: service.read_batch(tx, criteria, size, place)
            )
            for event in events:
                yield event

    async def _send(self, event: Event) -> None:
        if self.sent.add(event["id"]):
            await self._send_unchecked(event)

    async def _send_unchecked(self, event: Event) -> None:
        await self.socket.send_text(to_json({"type": "event", "event": event}).decode())
