"""Objects that a server hands to one of its subscribers each, such as scheduled task runs to task workers."""

from __future__ import annotations

import asyncio
import logging
import os
import socket as sockets
from collections.abc import Iterable
from typing import Any, Generic, Self, TypeVar

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, InvalidStatus

from prefect.client import _websockets
from prefect.schemas.base import IDBaseModel

S = TypeVar("S", bound=IDBaseModel)

logger = logging.getLogger("prefect.client.subscriptions")

PROTOCOL_VIOLATION = 4001
"""The code with which the server closes a subscription that it does not understand."""


class Subscription(Generic[S]):
    """The objects with certain keys that the server has for this subscriber: iterate over it.

    An object is acknowledged when it arrives; what was not goes to another subscriber.

    Args:
        model: The objects' class.
        path: The path of the websocket below the API's address.
        keys: Which objects.
        client_id: The subscriber's name; made of the host's and the process if None.
        base_url: The API's address; of the current settings if None.
        lease_seconds: How long the subscriber keeps what it has received unless it renews its claim. Our server sends
            it to another one then.
    """

    def __init__(
        self,
        model: type[S],
        path: str,
        keys: Iterable[str],
        client_id: str | None = None,
        base_url: str | None = None,
        lease_seconds: float | None = None,
    ) -> None:
        self.model = model
        self.lease_seconds = lease_seconds
        self.client_id = client_id or f"{sockets.gethostname()}-{os.getpid()}"
        self.keys: list[str] = list(keys)
        self.subscription_url = f"{_websockets.http_to_ws(_websockets.resolve_api_url(base_url))}/{path.lstrip('/')}"
        self._websocket: ClientConnection | None = None

    @property
    def websocket(self) -> ClientConnection:
        """Return the connection.

        Raises:
            RuntimeError: There is none now.
        """
        if self._websocket is None:
            raise RuntimeError(f"The subscription to {self.subscription_url} is not connected now.")
        return self._websocket

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> S:
        while True:
            try:
                socket = self._websocket or await self._connect()
                message = await socket.recv()
                await _websockets.send(socket, {"type": "ack"})
                return self.model.model_validate_json(message)
            except (*_websockets.LOST_CONNECTION_ERRORS, InvalidStatus) as lost:
                self._websocket = None
                if isinstance(lost, ConnectionClosed) and lost.rcvd and lost.rcvd.code == PROTOCOL_VIOLATION:
                    raise
                logger.debug("The subscription to %s lost its connection: %s", self.subscription_url, lost)
                await asyncio.sleep(_websockets.RECONNECT_INTERVAL_SECONDS)

    async def _connect(self) -> ClientConnection:
        socket = await _websockets.open_socket(self.subscription_url)
        await _websockets.authenticate(socket, _websockets.get_token(key_first=False))
        request: dict[str, Any] = {"type": "subscribe", "keys": self.keys, "client_id": self.client_id}
        if self.lease_seconds is not None:
            request["lease_seconds"] = self.lease_seconds
        await _websockets.send(socket, request)
        self._websocket = socket
        return socket

    def __repr__(self) -> str:
        return f"{type(self).__name__}[{self.model.__name__}]"
