"""Sending events and following them: over a server's websockets, into the local store, or nowhere.

A client is used in an `async with` block. Programs that only tell what happened call `prefect.events.emit_event`.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from abc import ABC, abstractmethod
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Self

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import InvalidStatus

from prefect import settings
from prefect.client._http_factory import basic_auth_header
from prefect.client._websockets import (
    ATTEMPTS_AT_ONCE,
    LOST,
    PAUSE,
    Seen,
    Stream,
    api_url_of,
    http_to_ws,
    introduce,
    open_socket,
    send,
    token_of,
)
from prefect.client.base import ServerType, determine_server_type
from prefect.client.orchestration import get_client
from prefect.schemas.event_filters import EventFilter, EventOccurredFilter
from prefect.schemas.events import Event, ReceivedEvent
from prefect.types import now

if TYPE_CHECKING:
    from types import TracebackType

logger = logging.getLogger("prefect.events")

RETRYABLE_EXCEPTIONS = LOST
"""What happens to a connection when a server restarts, or something between it and here gives up."""

SEEN_EVENTS_SIZE = 500_000
SEEN_EVENTS_TTL = 120

SUBSCRIPTION_HORIZON = timedelta(days=365)
"""How far into the future the events are that a subscriber asks for: without end, for a filter that must have one."""

RESUME_OVERLAP = timedelta(minutes=1)
"""How far before the last event a subscriber asks again when its connection was lost."""


def events_in_socket_from_api_url(url: str) -> str:
    """The address of the websocket that takes events."""
    return f"{http_to_ws(url)}/events/in"


def events_out_socket_from_api_url(url: str) -> str:
    """The address of the websocket that tells events."""
    return f"{http_to_ws(url)}/events/out"


class EventsClient(ABC):
    """Takes events somewhere. To be used in an `async with` block."""

    _in_context = False

    @property
    def client_name(self) -> str:
        """The name of its class."""
        return type(self).__name__

    async def emit(self, event: Event) -> None:
        """Send an event.

        Raises:
            TypeError: The client is used outside of its block.
        """
        if not self._in_context:
            raise TypeError(f"{self.client_name} must be used in a block: `async with ... as client`.")
        await self._emit(event)

    @abstractmethod
    async def _emit(self, event: Event) -> None:
        """Send an event."""

    async def __aenter__(self) -> Self:
        self._in_context = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._in_context = False


class NullEventsClient(EventsClient):
    """Sends events nowhere."""

    async def _emit(self, event: Event) -> None:
        pass


class LocalEventsClient(EventsClient):
    """Writes events to the local store, or to whatever the current settings point to, without a websocket."""

    async def __aenter__(self) -> Self:
        self._client = get_client()
        await self._client.__aenter__()
        return await super().__aenter__()

    async def __aexit__(self, *error: Any) -> None:
        await super().__aexit__(*error)
        await self._client.__aexit__(*error)

    async def _emit(self, event: Event) -> None:
        await self._client.request("POST", "/events", json=[event.model_dump(mode="json")])


class _RecordingClient:
    """What the clients have in common that tests look into: each remembers the events it was given."""

    last: ClassVar[Any] = None
    """The client that was entered last."""
    all: ClassVar[list[Any]] = []
    """All that were entered since the last `reset`."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    events: list[Event]

    @classmethod
    def reset(cls) -> None:
        """Forget all clients and their events."""
        cls.last = None
        cls.all = []

    def pop_events(self) -> list[Event]:
        """The events since the last time."""
        events, self.events = self.events, []
        return events

    def _remember(self) -> None:
        kind = type(self)
        kind.last = self
        kind.all = [*kind.all, self]
        self.events = []


class AssertingEventsClient(_RecordingClient, EventsClient):
    """Keeps events instead of sending them, for tests. It takes any arguments, and remembers them."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.args = args
        self.kwargs = kwargs
        self._remember()

    async def __aenter__(self) -> Self:
        self.events = []
        return await super().__aenter__()

    async def _emit(self, event: Event) -> None:
        self.events.append(event)


class PrefectEventsClient(EventsClient):
    """Sends events over a server's websocket.

    A websocket does not say that an event has arrived. So events are kept until the connection has been found alive
    after them, which is looked at from time to time; after a lost connection those that are kept are sent again. The
    server counts an event once.

    Args:
        api_url: The API's address; of the current settings if None.
        reconnection_attempts: How often a lost connection is tried to be opened again.
        checkpoint_every: After how many events the connection is looked at.
        checkpoint_interval: After how many seconds it is, when events come.
    """

    def __init__(
        self,
        api_url: str | None = None,
        reconnection_attempts: int = 10,
        checkpoint_every: int = 700,
        checkpoint_interval: float = 30.0,
    ) -> None:
        self._url = events_in_socket_from_api_url(api_url_of(api_url))
        self._reconnection_attempts = reconnection_attempts
        self._checkpoint_every = checkpoint_every
        self._checkpoint_interval = checkpoint_interval
        self._socket: ClientConnection | None = None
        self._unconfirmed: list[Event] = []
        self._confirmed_at = time.monotonic()

    async def __aenter__(self) -> Self:
        await self._retry(self._connect)
        return await super().__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._unconfirmed and kind is None:
            await self._retry(self._checkpoint)
        socket, self._socket = self._socket, None
        if socket is not None:
            await socket.close()
        await super().__aexit__(kind, error, trace)

    async def _emit(self, event: Event) -> None:
        self._unconfirmed.append(event)
        sent = False

        async def deliver() -> None:
            nonlocal sent
            if self._socket is None:
                sent = True  # with all that is unconfirmed
                await self._connect()
            elif not sent:
                await send(self._socket, _to_message(event))
                sent = True
            if (
                len(self._unconfirmed) >= self._checkpoint_every
                or time.monotonic() - self._confirmed_at > self._checkpoint_interval
            ):
                await self._checkpoint()

        await self._retry(deliver)

    async def _checkpoint(self) -> None:
        """Wait for a sign of life: what was sent before it has arrived."""
        if self._socket is None:
            await self._connect()
        assert self._socket is not None
        count = len(self._unconfirmed)
        await (await self._socket.ping())
        del self._unconfirmed[:count]
        self._confirmed_at = time.monotonic()

    async def _connect(self) -> None:
        self._socket = None
        socket = await self._open()
        for event in self._unconfirmed:
            await send(socket, _to_message(event))
        self._socket = socket

    async def _open(self) -> ClientConnection:
        secret = settings.get_current_settings().api.auth_string
        headers = {} if secret is None else {"Authorization": basic_auth_header(secret.get_secret_value())}
        socket = await open_socket(self._url, headers)
        await introduce(socket, None if secret is None else secret.get_secret_value())
        return socket

    async def _retry(self, action: Any) -> None:
        attempt = 0
        while True:
            try:
                return await action()
            except InvalidStatus as refused:
                raise RuntimeError(
                    f"The server refused the websocket {self._url} with the status {refused.response.status_code}."
                ) from refused
            except RETRYABLE_EXCEPTIONS as lost:
                self._socket = None
                attempt += 1
                if attempt > self._reconnection_attempts:
                    raise ConnectionError(
                        f"Events cannot be sent to {self._url} ({lost}): is the server running?"
                    ) from lost
                logger.debug("The connection to %s was lost (%s), attempt %d", self._url, lost, attempt)
            if attempt >= ATTEMPTS_AT_ONCE:
                await asyncio.sleep(PAUSE)


def _to_message(event: Event) -> dict[str, Any]:
    return event.model_dump(mode="json")


class AssertingPassthroughEventsClient(_RecordingClient, PrefectEventsClient):
    """Sends events over a server's websocket and keeps them too, for tests."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.args = args
        self.kwargs = kwargs
        self._remember()

    async def __aenter__(self) -> Self:
        self.events = []
        return await super().__aenter__()

    async def _emit(self, event: Event) -> None:
        self.events.append(event)
        await super()._emit(event)


class PrefectCloudEventsClient(PrefectEventsClient):
    """Sends events to Prefect Cloud; as `PrefectEventsClient`.

    Args:
        api_url: The API's address; of the current settings if None.
        api_key: The API key; of the current settings if None.
        reconnection_attempts: How often a lost connection is tried to be opened again.
        checkpoint_every: After how many events the connection is looked at.
        checkpoint_interval: After how many seconds it is, when events come.
    """

    def __init__(
        self,
        api_url: str | None = None,
        api_key: str | None = None,
        reconnection_attempts: int = 10,
        checkpoint_every: int = 700,
        checkpoint_interval: float = 30.0,
    ) -> None:
        super().__init__(api_url, reconnection_attempts, checkpoint_every, checkpoint_interval)
        self._key = _require_api_key(api_key)

    async def _open(self) -> ClientConnection:
        return await open_socket(self._url, {"Authorization": f"bearer {self._key}"}, prefect=False)


class PrefectEventSubscriber(Stream[Event]):
    """The events that a server gets from now on and that satisfy a filter: iterate over it in an `async with` block.

    Args:
        api_url: The API's address; of the current settings if None.
        filter: What the events must satisfy; all if None. When they happened is not for it to say.
        reconnection_attempts: How often a lost connection is tried to be opened again.
        reconnect_on_clean_close: Whether to connect again also when the server ends the stream, rather than stop.
    """

    def __init__(
        self,
        api_url: str | None = None,
        filter: EventFilter | None = None,
        reconnection_attempts: int = 10,
        reconnect_on_clean_close: bool = False,
    ) -> None:
        url = events_out_socket_from_api_url(api_url_of(api_url))
        super().__init__(url, token_of(key_first=False), reconnection_attempts, reconnect_on_clean_close)
        self._filter = filter or EventFilter()
        self._seen = Seen(SEEN_EVENTS_SIZE, SEEN_EVENTS_TTL)
        self._last: datetime | None = None

    def _request(self) -> Any:
        moment = now()
        wanted = EventOccurredFilter(since=(self._last or moment) - RESUME_OVERLAP, until=moment + SUBSCRIPTION_HORIZON)
        return {"type": "filter", "filter": self._filter.model_copy(update={"occurred": wanted})}

    def _read(self, message: Any) -> Event | None:
        if message.get("type") != "event":
            return None
        event = ReceivedEvent.model_validate(message["event"])
        self._last = event.occurred
        return event if self._seen.first(event.id) else None


class PrefectCloudEventSubscriber(PrefectEventSubscriber):
    """The events that a workspace of Prefect Cloud gets; as `PrefectEventSubscriber`.

    Args:
        api_url: The API's address; of the current settings if None.
        api_key: The API key; of the current settings if None.
        filter: What the events must satisfy; all if None.
        reconnection_attempts: How often a lost connection is tried to be opened again.
        reconnect_on_clean_close: Whether to connect again also when the server ends the stream, rather than stop.
    """

    def __init__(
        self,
        api_url: str | None = None,
        api_key: str | None = None,
        filter: EventFilter | None = None,
        reconnection_attempts: int = 10,
        reconnect_on_clean_close: bool = False,
    ) -> None:
        super().__init__(api_url, filter, reconnection_attempts, reconnect_on_clean_close)
        self._token = _require_api_key(api_key)


class PrefectCloudAccountEventSubscriber(PrefectCloudEventSubscriber):
    """The events that an account of Prefect Cloud gets, in all its workspaces; as `PrefectCloudEventSubscriber`."""

    def __init__(
        self,
        api_url: str | None = None,
        api_key: str | None = None,
        filter: EventFilter | None = None,
        reconnection_attempts: int = 10,
        reconnect_on_clean_close: bool = False,
    ) -> None:
        account = re.sub(r"/workspaces/[^/]+", "", api_url_of(api_url))
        super().__init__(account, api_key, filter, reconnection_attempts, reconnect_on_clean_close)


def _require_api_key(api_key: str | None) -> str:
    key = api_key or token_of(key_first=True)
    if not key:
        raise ValueError("Prefect Cloud needs an API key: run `prefect cloud login`, or set PREFECT_API_KEY.")
    return key


def get_events_client(
    reconnection_attempts: int = 10, checkpoint_every: int = 700, checkpoint_interval: float = 30.0
) -> EventsClient:
    """A client that takes events to where the current settings point: a server, Prefect Cloud or the local store.

    Args:
        reconnection_attempts: How often a lost connection is tried to be opened again.
        checkpoint_every: After how many events the connection is looked at.
        checkpoint_interval: After how many seconds it is, when events come.
    """
    kind = determine_server_type()
    if kind is ServerType.EPHEMERAL:
        return LocalEventsClient()
    options: dict[str, Any] = {
        "reconnection_attempts": reconnection_attempts,
        "checkpoint_every": checkpoint_every,
        "checkpoint_interval": checkpoint_interval,
    }
    return PrefectCloudEventsClient(**options) if kind is ServerType.CLOUD else PrefectEventsClient(**options)


def get_events_subscriber(
    filter: EventFilter | None = None, reconnection_attempts: int = 10, reconnect_on_clean_close: bool = False
) -> PrefectEventSubscriber:
    """A subscriber to the events of the API of the current settings.

    Args:
        filter: What the events must satisfy; all if None.
        reconnection_attempts: How often a lost connection is tried to be opened again.
        reconnect_on_clean_close: Whether to connect again also when the server ends the stream, rather than stop.

    Raises:
        ValueError: The settings name no server.
    """
    kind = PrefectCloudEventSubscriber if determine_server_type() is ServerType.CLOUD else PrefectEventSubscriber
    return kind(
        filter=filter,
        reconnection_attempts=reconnection_attempts,
        reconnect_on_clean_close=reconnect_on_clean_close,
    )
