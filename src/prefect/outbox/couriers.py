"""How records get to a server: as they are, to one that reads journals, or in the words of the API, to any other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from prefect._io import drive
from prefect._lazy import lazy
from prefect.outbox import line, store
from prefect.outbox.events import Surroundings
from prefect.outbox.line import Line
from prefect.outbox.store import Batch

if TYPE_CHECKING:
    import sqlite3

    import orjson

    from prefect.outbox import api
else:
    api = lazy("prefect.outbox.api")
    orjson = lazy("orjson")

Record = dict[str, Any]


class Courier(Protocol):
    """What ships records to one server."""

    def deliver(self, connection: sqlite3.Connection, batch: Batch) -> None:
        """Ship a batch and remove it from the outbox once the server has acknowledged all of it."""
        ...

    def beat(self, heartbeats: list[Record]) -> None:
        """Say of flow runs that they are alive."""
        ...


def courier_for(to: Line, surroundings: Mapping[str, Surroundings], progress: Callable[[], bool]) -> Courier:
    """The courier that the server understands, found out by asking.

    Args:
        to: The line to the server.
        surroundings: What is known of flow runs that this process ran, by id.
        progress: Called when the server has taken a part of a batch; whether to go on with it.
    """
    return JournalCourier(to) if drive(to.reads_journals()) else api.ApiCourier(to, surroundings, progress)


class JournalCourier:
    """Ships records as they are.

    Args:
        to: The line to the server.
    """

    def __init__(self, to: Line) -> None:
        self._to = to

    def deliver(self, connection: sqlite3.Connection, batch: Batch) -> None:
        """Ship a batch in one request; a server that finds that too large gets it in parts."""
        refused: list[tuple[str, bytes]] = []
        self._post(batch.lines, refused)
        store.acknowledge(connection, batch, store.Progress({}, (), refused))

    def beat(self, heartbeats: list[Record]) -> None:
        """Say of flow runs that they are alive."""
        drive(self._to.ship_journal(b"\n".join(orjson.dumps(record) for record in heartbeats)))

    def _post(self, lines: list[bytes], refused: list[tuple[str, bytes]]) -> None:
        try:
            drive(self._to.ship_journal(b"\n".join(lines)))
        except Exception as error:
            if not line.is_refusal(error):
                raise
            if len(lines) == 1:
                refused.append((line.reason_of(error), lines[0]))
                return
            half = len(lines) // 2
            self._post(lines[:half], refused)
            self._post(lines[half:], refused)
