"""Websockets on the wire: uvicorn's, but a ping may wait for its pong until what came before it is done.

Clients that send events take the pong as a receipt for all they sent before the ping. Libraries answer pings as soon
as they see them, when the messages before may still wait in memory. A stream that acknowledges (see `held`) says itself
how many messages it is done with; pongs, and the answer to the client's closing, follow no earlier. uvicorn must be
told to use this: `uvicorn.Config(..., ws=Websocket)`.
"""

from __future__ import annotations

from collections import deque
from typing import Any, Protocol

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

_EXTENSION = "prefect.acknowledgements"


class Acknowledgements(Protocol):
    """By what a stream tells which messages it is done with."""

    def hold(self) -> None:
        """From now on, answer pings only when what came before them is acknowledged."""
        ...

    def acknowledge(self, messages: int) -> None:
        """So many more messages are done with, in the order in which they came."""
        ...


def hold_acknowledgements(scope: Any) -> Acknowledgements:
    """The acknowledgements of a websocket, now held.

    Another server than uvicorn, or uvicorn without `Websocket`, answers pings by itself: acknowledging does nothing.
    """
    acknowledgements: Acknowledgements = scope.get("extensions", {}).get(_EXTENSION) or _Nobody()
    acknowledgements.hold()
    return acknowledgements


class _Nobody:
    def hold(self) -> None:
        pass

    def acknowledge(self, messages: int) -> None:
        pass


class WebsocketProtocol(WebSocketsSansIOProtocol):
    """A websocket that can hold its automatic answers back."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._holds = False
        self._arrived = self._given = self._done = 0
        self._answers: deque[tuple[int, bytes]] = deque()
        """Answers that wait, each with the number of messages that must be done before it."""

    def hold(self) -> None:
        self._holds = True
        self._done = self._given

    def acknowledge(self, messages: int) -> None:
        self._done += messages
        while self._answers and self._answers[0][0] <= self._done:
            answer = self._answers.popleft()[1]
            if not self.transport.is_closing():
                self.transport.write(answer)

    # --- what uvicorn calls ---

    async def run_asgi(self) -> None:
        self.scope.setdefault("extensions", {})[_EXTENSION] = self  # pyright: ignore[reportArgumentType]
        await super().run_asgi()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        # What the library had to answer is taken here: no answer is then among what others write.
        answer = b"".join(self.conn.data_to_send())
        if answer and (self._answers or (self._holds and self._done < self._arrived)):
            self._answers.append((self._arrived, answer))
        elif answer and not self.transport.is_closing():
            self.transport.write(answer)

    def handle_ping(self) -> None:
        pass  # answered in `data_received`

    def handle_close(self, event: Any) -> None:
        if not self._holds or self.close_sent or self._done == self._arrived:
            super().handle_close(event)
            return
        # Answered once all is done; the connection is closed when the stream ends.
        self.queue.put_nowait({"type": "websocket.disconnect", "code": 1005})

    def send_receive_event_to_app(self) -> None:
        self._arrived += 1
        super().send_receive_event_to_app()

    async def receive(self) -> Any:
        message = await super().receive()
        self._given += message["type"] == "websocket.receive"
        return message
