"""How records get to a server: as they are, to one that reads journals, or in the words of the API, to any other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from prefect._io import drive
from prefect._lazy import lazy
from prefect.outbox import api_connection, store
from prefect.outbox.api_connection import ApiConnection
from prefect.outbox.events import RunContext
from prefect.outbox.store import Batch

if TYPE_CHECKING:
    import sqlite3

    import orjson

    from prefect.outbox import api_delivery
else:
    api_delivery = lazy("prefect.outbox.api_delivery")
    orjson = lazy("orjson")

Record = dict[str, Any]


class Delivery(Protocol):
    """What ships records to one server."""

    def deliver(self, connection: sqlite3.Connection, batch: Batch) -> None:
        """Ship a batch and remove it from the outbox once the server has acknowledged all of it."""
        ...

    def send_heartbeats(self, heartbeats: list[Record]) -> None:
        """Say of flow runs that they are alive."""
        ...


def create_delivery(
    api: ApiConnection, run_contexts: Mapping[str, RunContext], progress: Callable[[], bool]
) -> Delivery:
    """The courier that the server understands, found out by asking.

    Args:
        to: The line to the server.
        run_contexts: What is known of flow runs that this process ran, by id.
        progress: Called when the server has taken a part of a batch; whether to go on with it.
    """
    return (
        JournalDelivery(api) if drive(api.accepts_journals()) else api_delivery.ApiDelivery(api, run_contexts, progress)
    )


class JournalDelivery:
    """Ships records as they are.

    Args:
        to: The line to the server.
    """

    def __init__(self, to: ApiConnection) -> None:
        self._api = to

    def deliver(self, connection: sqlite3.Connection, batch: Batch) -> None:
        """Ship a batch in one request; a server that finds that too large gets it in parts."""
        refused: list[tuple[str, bytes]] = []
        self._post(batch.lines, refused)
        store.acknowledge(connection, batch, store.Outcome({}, (), refused))

    def send_heartbeats(self, heartbeats: list[Record]) -> None:
        """Say of flow runs that they are alive."""
        drive(self._api.send_records(b"\n".join(orjson.dumps(record) for record in heartbeats)))

    def _post(self, lines: list[bytes], refused: list[tuple[str, bytes]]) -> None:
        try:
            drive(self._api.send_records(b"\n".join(lines)))
        except Exception as error:
            if not api_connection.is_refusal(error):
                raise
            if len(lines) == 1:
                refused.append((api_connection.describe_error(error), lines[0]))
                return
            half = len(lines) // 2
            self._post(lines[:half], refused)
            self._post(lines[half:], refused)
