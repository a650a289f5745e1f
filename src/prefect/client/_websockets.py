"""Websockets of the API: addresses, authentication, and streams that continue after a lost connection.

A stream survives a restart of the server: it connects again, and requests what it missed where the API can return that.
Needs an event loop.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from typing import Any, Generic, Self, TypeVar
from uuid import UUID

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, ConnectionClosedOK, InvalidStatus
from websockets.typing import Subprotocol

from prefect import settings
from prefect.client import _encoding, _http_factory
from prefect.types import json_codec

T = TypeVar("T")

LOST_CONNECTION_ERRORS: tuple[type[Exception], ...] = (ConnectionClosed, TimeoutError, OSError)
"""Errors of a connection whose server restarts, or that a proxy drops."""

IMMEDIATE_ATTEMPTS = 3
"""How many attempts to connect follow each other without a pause."""

RECONNECT_INTERVAL_SECONDS = 1.0
"""Seconds between two further attempts."""

RESERVED = frozenset({"user-agent", "connection", "upgrade", "host"})
"""Headers of the handshake that cannot be set."""


def http_to_ws(url: str) -> str:
    """Return the address of the websockets that belong to an API's address."""
    return url.replace("https://", "wss://", 1).replace("http://", "ws://", 1).rstrip("/")


async def open_socket(
    url: str, headers: dict[str, str] | None = None, prefect: bool = True, **timing: float
) -> ClientConnection:
    """Connect to a websocket.

    Args:
        url: Its address.
        headers: Headers of the handshake besides those of every connection.
        prefect: Use the subprotocol whose first message is the token.
        timing: `ping_interval` and `ping_timeout`, in seconds.
    """
    custom = {
        name: value
        for name, value in _http_factory.get_custom_headers(RESERVED).items()
        if not name.lower().startswith("sec-websocket-")
    }
    options: dict[str, Any] = {"ssl": _http_factory.create_ssl_context(url)} if url.startswith("wss:") else {}
    options |= timing
    return await connect(
        url,
        subprotocols=[Subprotocol("prefect")] if prefect else None,
        additional_headers={**custom, **(headers or {})},
        user_agent_header=_http_factory.get_user_agent(),
        max_size=None,
        **options,
    )


def _read_json(message: str | bytes) -> Any:
    return json_codec.loads_foreign(message.encode() if isinstance(message, str) else message)


async def authenticate(socket: ClientConnection, token: str | None) -> None:
    """Send the token, and wait until the server has accepted it.

    Raises:
        RuntimeError: The server refused the token.
    """
    await send(socket, {"type": "auth", "token": token})
    try:
        answer = _read_json(await socket.recv())
    except ConnectionClosed as closed:
        if isinstance(closed, ConnectionClosedOK) or (closed.rcvd is not None and closed.rcvd.code == 1008):
            reason = closed.rcvd.reason if closed.rcvd else ""
            raise RuntimeError(
                f"The server refused this client's websocket ({reason or 'without a reason'}): "
                "check PREFECT_API_AUTH_STRING and PREFECT_API_KEY."
            ) from closed
        raise
    if answer.get("type") != "auth_success":
        raise RuntimeError(f"The server refused this client's websocket: it answered {answer!r}.")


async def send(socket: ClientConnection, message: Any) -> None:
    """Send a message as the text of its JSON."""
    await socket.send(_encoding.encode(message).decode())


def get_token(key_first: bool) -> str | None:
    """Return the secret that the settings have for the API: the auth string and the API key, which first.

    Args:
        key_first: Whether the API key, of Prefect Cloud, is preferred.
    """
    api = settings.get_current_settings().api
    secrets = [api.key, api.auth_string] if key_first else [api.auth_string, api.key]
    return next((secret.get_secret_value() for secret in secrets if secret is not None), None)


def resolve_api_url(api_url: str | None) -> str:
    """Return the URL of an API: `api_url` if it is set, else the one in the settings.

    Raises:
        ValueError: There is none.
    """
    url = api_url or settings.get_current_settings().api.url
    if not url:
        raise ValueError("Websockets need a server: set PREFECT_API_URL, or give its address as `api_url`.")
    return url


class RecentIds:
    """Recently received ids, to drop duplicates.

    Args:
        size: How many ids are remembered.
        seconds: For how long.
    """

    def __init__(self, size: int, seconds: float) -> None:
        self.size = size
        self.seconds = seconds
        self._times: OrderedDict[UUID, float] = OrderedDict()

    def add(self, id: UUID) -> bool:
        """Remember an id; return whether it is new."""
        moment = time.monotonic()
        while self._times and (
            len(self._times) >= self.size or next(iter(self._times.values())) < moment - self.seconds
        ):
            self._times.popitem(last=False)
        if id in self._times:
            return False
        self._times[id] = moment
        return True


class Stream(Generic[T]):
    """Messages that a server sends, one after the other: iterate over it in an `async with` block.

    Args:
        url: The address of the websocket.
        token: The token that the server gets.
        reconnection_attempts: How often a lost connection is tried to be opened again.
        reconnect_on_clean_close: Whether to connect again also when the server ends the stream, rather than stop.
    """

    def __init__(
        self, url: str, token: str | None, reconnection_attempts: int = 10, reconnect_on_clean_close: bool = False
    ) -> None:
        self._url = url
        self._token = token
        self._attempts = reconnection_attempts
        self._endless = reconnect_on_clean_close
        self._socket: ClientConnection | None = None

    @property
    def client_name(self) -> str:
        """Return the name of its class."""
        return type(self).__name__

    def _request(self) -> Any:
        """Return the message that requests the stream, for each connection anew."""
        raise NotImplementedError

    def _read(self, message: Any) -> T | None:
        """Return the item of a message; None for a message without one."""
        raise NotImplementedError

    async def __aenter__(self) -> Self:
        await self._connect()
        return self

    async def __aexit__(self, *error: object) -> None:
        socket, self._socket = self._socket, None
        if socket is not None:
            await socket.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        while True:
            try:
                socket = self._socket or await self._connect()
                item = self._read(_read_json(await socket.recv()))
            except ConnectionClosedOK:
                self._socket = None
                if not self._endless:
                    raise StopAsyncIteration from None
            except LOST_CONNECTION_ERRORS:
                self._socket = None
                await self._connect()
            else:
                if item is not None:
                    return item

    async def _connect(self) -> ClientConnection:
        attempt = 0
        while True:
            try:
                socket = await open_socket(self._url)
                await authenticate(socket, self._token)
                await send(socket, self._request())
            except InvalidStatus as refused:
                code = refused.response.status_code
                if code < 500:
                    raise RuntimeError(
                        f"The server refused the websocket {self._url} with the status {code}."
                    ) from refused
                failed: Exception = refused
            except LOST_CONNECTION_ERRORS as error:
                failed = error
            else:
                self._socket = socket
                return socket
            attempt += 1
            if attempt > self._attempts:
                raise ConnectionError(
                    f"The websocket {self._url} cannot be reached ({failed}): is the server running?"
                ) from failed
            if attempt >= IMMEDIATE_ATTEMPTS:
                await asyncio.sleep(RECONNECT_INTERVAL_SECONDS)
