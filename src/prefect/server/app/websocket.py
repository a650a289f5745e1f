"""Uvicorn's websocket protocol, with pongs that wait until the messages before the ping are processed.

Clients that send events take a pong as the receipt for all that they sent before the ping. Libraries answer pings as
soon as they read them, when the messages before may still wait in memory. A stream that calls `hold_acknowledgements`
acknowledges the messages it has processed; pongs, and the answer to the client's close frame, are sent after that.
Uvicorn needs `uvicorn.Config(..., ws=WebsocketProtocol)`.
"""

from __future__ import annotations

from collections import deque
from typing import Any, Protocol

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

_EXTENSION = "prefect.acknowledgements"


class Acknowledgements(Protocol):
    """Delays pongs until a stream has processed the messages before them."""

    def hold(self) -> None:
        """Answer pings from now on only when all messages before them are acknowledged."""
        ...

    def acknowledge(self, messages: int) -> None:
        """Acknowledge so many more messages, in the order in which they arrived."""
        ...


def hold_acknowledgements(scope: Any) -> Acknowledgements:
    """Hold and return the acknowledgements of a websocket.

    A server without `WebsocketProtocol` answers pings by itself: acknowledging does nothing there.
    """
    acknowledgements: Acknowledgements = scope.get("extensions", {}).get(_EXTENSION) or _NoAcknowledgements()
    acknowledgements.hold()
    return acknowledgements


class _NoAcknowledgements:
    def hold(self) -> None:
        pass

    def acknowledge(self, messages: int) -> None:
        pass


class WebsocketProtocol(WebSocketsSansIOProtocol):
    """A websocket that can delay its automatic answers."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._is_holding = False
        self._received = self._delivered = self._acknowledged = 0
        self._answers: deque[tuple[int, bytes]] = deque()
        """Delayed answers, each with the number of messages that must be acknowledged before it."""

    def hold(self) -> None:
        self._is_holding = True
        self._acknowledged = self._delivered

    def acknowledge(self, messages: int) -> None:
        self._acknowledged += messages
        while self._answers and self._answers[0][0] <= self._acknowledged:
            answer = self._answers.popleft()[1]
            if not self.transport.is_closing():
                self.transport.write(answer)

    # --- called by uvicorn ---

    async def run_asgi(self) -> None:
        self.scope.setdefault("extensions", {})[_EXTENSION] = self  # pyright: ignore[reportArgumentType]
        await super().run_asgi()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        # The answers of the library are taken out here, so that no other write sends them.
        answer = b"".join(self.conn.data_to_send())
        if answer and (self._answers or (self._is_holding and self._acknowledged < self._received)):
            self._answers.append((self._received, answer))
        elif answer and not self.transport.is_closing():
            self.transport.write(answer)

    def handle_ping(self) -> None:
        pass  # answered in `data_received`

    def handle_close(self, event: Any) -> None:
        if not self._is_holding or self.close_sent or self._acknowledged == self._received:
            super().handle_close(event)
            return
        # Answered once all is acknowledged; the connection is closed when the stream ends.
        self.queue.put_nowait({"type": "websocket.disconnect", "code": 1005})

    def send_receive_event_to_app(self) -> None:
        self._received += 1
        super().send_receive_event_to_app()

    async def receive(self) -> Any:
        message = await super().receive()
        self._delivered += message["type"] == "websocket.receive"
        return message
