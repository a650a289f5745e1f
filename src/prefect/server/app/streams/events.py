"""Events over websockets: in from those who tell of them, out to those who subscribe."""

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
from prefect.server.app.streams import SentIds, close_with_error, receive_filter, run_while_connected
from prefect.server.app.websocket import hold_acknowledgements
from prefect.server.db.errors import StoreBusy, StoreUnavailable
from prefect.server.services.core.errors import InvalidRequest
from prefect.server.services.events import event_store, ingest
from prefect.server.services.events import querying as service
from prefect.server.services.events.event_store import Event
from prefect.types import now

if TYPE_CHECKING:
    from prefect.server.app import Server

logger = logging.getLogger("prefect.server")

# --- in --------------------------------------------------------------------------------------------------------------

MAX_BATCH_MESSAGES = 300
"""Messages of a connection that wait at most, and events that are committed together. Reading them takes some
hundredths of a second, in which nobody else is served."""

BATCH_DELAY_SECONDS = 0.02
"""Seconds for which a message waits for others, since a commit costs as much as taking in several events: clients
send each as it happens."""

MAX_INBOX_CHARACTERS = 4_000_000
"""Characters after which no further message is read while some wait."""


async def receive_events(server: Server, socket: WebSocket) -> None:
    """Take in the events that a client sends, one a message.

    They are taken in in the order they come, those that wait together in one transaction. A ping is answered when all
    that was sent before it is committed; when a commit fails the connection ends, and the client sends them again.
    While the database is busy a bounded number of messages is read: the client has to wait.
    """
    acknowledgements = hold_acknowledgements(socket.scope)
    inbox = _Inbox(socket)
    reading = asyncio.create_task(inbox.fill())
    try:
        while messages := await inbox.take():
            events, wrong = _understood(messages)
            await _take_in(server, events)
            if wrong is not None:
                await close_with_error(socket, wrong)
                return
            acknowledgements.acknowledge(len(messages))
        if inbox.wrong is not None:
            await close_with_error(socket, inbox.wrong)
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


async def _take_in(server: Server, events: list[Event]) -> None:
    """Take events in together; one of which the server can make nothing is set aside, so that it holds up no other."""
    try:
        if events:
            await server.database.write(lambda tx: ingest.ingest_events(tx, events))
    except (StoreBusy, StoreUnavailable):
        raise
    except Exception as error:
        if len(events) > 1:
            for event in events:
                await _take_in(server, [event])
            return
        logger.exception("The event %s could not be taken in and was set aside", events[0]["id"])
        reason = f"the server failed: {type(error).__name__}: {error}"
        await server.database.write(lambda tx: ingest.dead_letter(tx, events[0], reason))


class _Inbox:
    """The messages of a connection that wait to be taken in."""

    def __init__(self, socket: WebSocket) -> None:
        self.socket = socket
        self.messages: list[str] = []
        self.wrong: str | None = None
        """Why no more is read from a client that is still there."""
        self.depth = metrics.queue_depth.labels("events_in")
        self._size = 0
        self._ended = False
        self._news = asyncio.Event()
        self._room = asyncio.Event()

    async def fill(self) -> None:
        """Read until the client is gone; while too much waits, nothing is read."""
        try:
            while True:
                message = await self.socket.receive_text()
                self.messages.append(message)
                self._size += len(message)
                self._news.set()
                if len(self.messages) >= MAX_BATCH_MESSAGES or self._size >= MAX_INBOX_CHARACTERS:
                    self._room.clear()
                    await self._room.wait()
        except WebSocketDisconnect:
            pass
        except KeyError:
            self.wrong = "It is no text."
        finally:
            self._ended = True
            self._news.set()

    async def take(self) -> list[str]:
        """The messages that wait, soon after there is one; none when no more will come."""
        await self._news.wait()
        if not self._ended:
            await asyncio.sleep(BATCH_DELAY_SECONDS)
        messages, self.messages, self._size = self.messages, [], 0
        if not self._ended:
            self._news.clear()
        self._room.set()
        self.depth.set(len(messages))
        return messages


def _understood(messages: list[str]) -> tuple[list[Event], str | None]:
    """The events in messages until one is none, and what is wrong with that one."""
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
            # The client would send it again and again, and all that comes after it would wait.
            logger.warning("An event was left out: %s", error)
    return events, None


# --- out -------------------------------------------------------------------------------------------------------------

MAX_COMMIT_DELAY = timedelta(minutes=2)
"""How much later than it was received an event may be committed."""


async def send_events(server: Server, socket: WebSocket) -> None:
    """Send the events that satisfy the client's filter: first recent ones, if it wants them, then those that come."""
    asked = await receive_filter(socket, EventFilter)
    if asked is None:
        return
    criteria, message = asked
    criteria.order = EventOrder.ASC
    if server.settings.server.events.stream_out_enabled:
        await run_while_connected(socket, _Subscriber(server, socket, criteria).serve(message.get("backfill", True)))
    else:
        await run_while_connected(socket, asyncio.Event().wait())


class _Subscriber:
    """One who gets the events that satisfy a filter, each once."""

    def __init__(self, server: Server, socket: WebSocket, criteria: EventFilter) -> None:
        self.server = server
        self.socket = socket
        self.criteria = criteria
        self.sent = SentIds()
        self.heard = now()
        """When it was last known that nothing was missed."""

    async def serve(self, backfill: bool) -> None:
        # Subscribed before it looks back: nothing falls between.
        with self.server.bus.subscribe(event_store.EVENTS_TOPIC) as news:
            news.take_missed()
            if backfill:
                longest = self.server.settings.server.events.maximum_websocket_backfill
                await self._look_back(self.heard - longest, remembering=self.heard - MAX_COMMIT_DELAY)
            while True:
                items = await news.take()
                at = now()
                if news.take_missed():
                    await self._look_back(
                        self.criteria.occurred.since, self.heard - MAX_COMMIT_DELAY, self.heard - MAX_COMMIT_DELAY
                    )
                for item in items:
                    for event in await self.server.bus.read_once(item, lambda item=item: self._read(item)):
                        if service.matches_filter(event, self.criteria):
                            await self._send(event)
                self.heard = at

    async def _read(self, item: str) -> list[Event]:
        keys = event_store.unpack_keys(item)
        return await self.server.database.read(lambda tx: service.get_events(tx, keys))

    async def _look_back(
        self, since: datetime, received_since: datetime | None = None, remembering: datetime | None = None
    ) -> None:
        """Send what is in the store.

        Args:
            since: When it occurred, at the earliest; the client's filter may say later.
            received_since: When it was received, at the earliest.
            remembering: What was received from then on may be announced, too.
        """
        async for event in self._stored(max(since, self.criteria.occurred.since)):
            if received_since is not None and event["received"] < received_since:
                continue
            if remembering is not None and event["received"] < remembering:
                await self._send_now(event)
            else:
                await self._send(event)

    async def _stored(self, since: datetime) -> AsyncIterator[Event]:
        """Events in the store, a page a transaction: a slow reader must not hold one."""
        size = self.server.settings.server.events.websocket_backfill_page_size
        occurred = self.criteria.occurred.model_copy(update={"since": since})
        criteria = self.criteria.model_copy(update={"occurred": occurred})
        place = service.START_CURSOR
        while place is not None:
            events, place = await self.server.database.read(
                lambda tx, place=place: service.read_batch(tx, criteria, size, place)
            )
            for event in events:
                yield event

    async def _send(self, event: Event) -> None:
        if self.sent.new(event["id"]):
            await self._send_now(event)

    async def _send_now(self, event: Event) -> None:
        await self.socket.send_text(to_json({"type": "event", "event": event}).decode())
