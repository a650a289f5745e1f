"""Clients that send events to a server's websocket or the local store, and subscribers that receive them.

Use a client in an `async with` block. A program that only emits events calls `prefect.events.emit_event` instead.
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
    IMMEDIATE_ATTEMPTS,
    LOST_CONNECTION_ERRORS,
    RECONNECT_INTERVAL_SECONDS,
    RecentIds,
    Stream,
    authenticate,
    get_token,
    http_to_ws,
    open_socket,
    resolve_api_url,
    send,
)
from prefect.client.base import ServerType, determine_server_type
from prefect.client.orchestration import get_client
from prefect.schemas.event_filters import EventFilter, EventOccurredFilter
from prefect.schemas.events import Event, ReceivedEvent
from prefect.types import now

if TYPE_CHECKING:
    from types import TracebackType

logger = logging.getLogger("prefect.events")

RETRYABLE_EXCEPTIONS = LOST_CONNECTION_ERRORS
"""Errors after which to reconnect: the server restarted, or a proxy dropped the connection."""

SEEN_EVENTS_SIZE = 500_000
SEEN_EVENTS_TTL = 120

SUBSCRIPTION_HORIZON = timedelta(days=365)
"""End of the time range of a subscription, from now; the filter requires an end."""

RESUME_OVERLAP = timedelta(minutes=1)
"""Overlap with the last received event when a subscriber reconnects."""


def events_in_socket_from_api_url(url: str) -> str:
    """Return the URL of the websocket that receives events."""
    return f"{http_to_ws(url)}/events/in"


def events_out_socket_from_api_url(url: str) -> str:
    """Return the URL of the websocket that sends events to subscribers."""
    return f"{http_to_ws(url)}/events/out"


class EventsClient(ABC):
    """Base class of clients that send events; use one in an `async with` block."""

    _in_context = False

    @property
    def client_name(self) -> str:
        """Name of the client's class."""
        return type(self).__name__

    async def emit(self, event: Event) -> None:
        """Send an event.

        Raises:
            TypeError: The client is used outside an `async with` block.
        """
        if not self._in_context:
            raise TypeError(f"{self.client_name} must be used in an `async with` block.")
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
    """Discards events."""

    async def _emit(self, event: Event) -> None:
        pass


class LocalEventsClient(EventsClient):
    """Sends events through the API client, without a websocket; used for the local store."""

    async def __aenter__(self) -> Self:
        self._client = get_client()
        await self._client.__aenter__()
        return await super().__aenter__()

    async def __aexit__(self, *error: Any) -> None:
        await super().__aexit__(*error)
        await self._client.__aexit__(*error)

    async def _emit(self, event: Event) -> None:
        await self._client.request("POST", "/events", json=[event.model_dump(mode="json")])


class _RecordingClient(EventsClient):
    """Base class of the test clients: records the emitted events and the created clients."""

    last: ClassVar[Any] = None
    """The most recently created client."""
    all: ClassVar[list[Any]] = []
    """All clients created since the last `reset`."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    events: list[Event]

    @classmethod
    def reset(cls) -> None:
        """Forget all recorded clients."""
        cls.last = None
        cls.all = []

    def pop_events(self) -> list[Event]:
        """Return and clear the recorded events."""
        events, self.events = self.events, []
        return events

    async def __aenter__(self) -> Self:
        self.events = []
        return await super().__aenter__()

    def _remember(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.args, self.kwargs = args, kwargs
        kind = type(self)
        kind.last = self
        kind.all = [*kind.all, self]
        self.events = []


class AssertingEventsClient(_RecordingClient):
    """Records events instead of sending them, for tests. It accepts and records any arguments."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._remember(args, kwargs)

    async def _emit(self, event: Event) -> None:
        self.events.append(event)


class PrefectEventsClient(EventsClient):
    """Sends events over a server's websocket.

    The websocket does not acknowledge events. They are kept until a later ping is answered (a checkpoint), and sent
    again on a new connection; the server stores an event once.

    Args:
        api_url: URL of the API; that of the current settings if None.
        reconnection_attempts: Maximum number of attempts to reopen a lost connection.
        checkpoint_every: Number of events after which to make a checkpoint.
        checkpoint_interval: Seconds after which the next event makes a checkpoint.
    """

    def __init__(
        self,
        api_url: str | None = None,
        reconnection_attempts: int = 10,
        checkpoint_every: int = 700,
        checkpoint_interval: float = 30.0,
    ) -> None:
        self._url = events_in_socket_from_api_url(resolve_api_url(api_url))
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
                sent = True  # connecting sends all unconfirmed events
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
        """Ping the server; the answer confirms the events sent before."""
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
        await authenticate(socket, None if secret is None else secret.get_secret_value())
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
                        f"Events cannot be sent to {self._url} ({lost}). Is the server running?"
                    ) from lost
                logger.debug("The connection to %s was lost (%s), attempt %d", self._url, lost, attempt)
            if attempt >= IMMEDIATE_ATTEMPTS:
                await asyncio.sleep(RECONNECT_INTERVAL_SECONDS)


def _to_message(event: Event) -> dict[str, Any]:
    return event.model_dump(mode="json")


class AssertingPassthroughEventsClient(_RecordingClient, PrefectEventsClient):
    """Sends events over a server's websocket and records them, for tests."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._remember(args, kwargs)

    async def _emit(self, event: Event) -> None:
        self.events.append(event)
        await super()._emit(event)


class PrefectCloudEventsClient(PrefectEventsClient):
    """Sends events to Prefect Cloud, with an API key; other arguments as for `PrefectEventsClient`."""

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
    """Iterates over new events of a server that match a filter; use it in an `async with` block.

    Args:
        api_url: URL of the API; that of the current settings if None.
        filter: Filter of the events; all events if None. Its time range is ignored.
        reconnection_attempts: Maximum number of attempts to reopen a lost connection.
        reconnect_on_clean_close: Whether to reconnect when the server closes the stream, instead of stopping.
    """

    def __init__(
        self,
        api_url: str | None = None,
        filter: EventFilter | None = None,
        reconnection_attempts: int = 10,
        reconnect_on_clean_close: bool = False,
    ) -> None:
        url = events_out_socket_from_api_url(self._find_api_url(api_url))
        super().__init__(url, get_token(key_first=False), reconnection_attempts, reconnect_on_clean_close)
        self._filter = filter or EventFilter()
        self._seen = RecentIds(SEEN_EVENTS_SIZE, SEEN_EVENTS_TTL)
        self._last: datetime | None = None

    @staticmethod
    def _find_api_url(api_url: str | None) -> str:
        return resolve_api_url(api_url)

    def _request(self) -> Any:
        current = now()
        occurred = EventOccurredFilter(
            since=(self._last or current) - RESUME_OVERLAP, until=current + SUBSCRIPTION_HORIZON
        )
        return {"type": "filter", "filter": self._filter.model_copy(update={"occurred": occurred})}

    def _read(self, message: Any) -> Event | None:
        if message.get("type") != "event":
            return None
        event = ReceivedEvent.model_validate(message["event"])
        self._last = event.occurred
        return event if self._seen.add(event.id) else None


class PrefectCloudEventSubscriber(PrefectEventSubscriber):
    """Iterates over events of a Prefect Cloud workspace; arguments as for `PrefectEventSubscriber`, and an API key."""

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
    """Iterates over events of all workspaces of a Prefect Cloud account; like `PrefectCloudEventSubscriber`."""

    @staticmethod
    def _find_api_url(api_url: str | None) -> str:
        return re.sub(r"/workspaces/[^/]+", "", resolve_api_url(api_url))


def _require_api_key(api_key: str | None) -> str:
    key = api_key or get_token(key_first=True)
    if not key:
        raise ValueError("Prefect Cloud requires an API key. Set PREFECT_API_KEY.")
    return key


def get_events_client(
    reconnection_attempts: int = 10, checkpoint_every: int = 700, checkpoint_interval: float = 30.0
) -> EventsClient:
    """Create a client that sends events to the server, Prefect Cloud or local store of the current settings.

    Args: as for `PrefectEventsClient`.
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
    """Create a subscriber to events of the API of the current settings.

    Args: as for `PrefectEventSubscriber`.

    Raises:
        ValueError: No API URL is configured.
    """
    kind = PrefectCloudEventSubscriber if determine_server_type() is ServerType.CLOUD else PrefectEventSubscriber
    return kind(
        filter=filter,
        reconnection_attempts=reconnection_attempts,
        reconnect_on_clean_close=reconnect_on_clean_close,
    )
