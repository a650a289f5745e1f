"""Delivery of records to a server: as they are where it accepts journal records, else by operations of the API."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol

from prefect._io import drive
from prefect._lazy import lazy_from
from prefect.client import failures
from prefect.outbox.api_connection import ApiConnection
from prefect.outbox.events import RunContext
from prefect.outbox.store import Batch, Outbox, Outcome
from prefect.schemas import liveness
from prefect.types.mappings import Record

if TYPE_CHECKING:
    from prefect.outbox import api_delivery
    from prefect.types import json_codec
else:
    api_delivery, json_codec = lazy_from("prefect", "outbox.api_delivery", "types.json_codec")


class Delivery(Protocol):
    """Sends records to one server.

    Attributes:
        heartbeat_interval: Seconds between the heartbeats of a process, unless it is configured.
    """

    heartbeat_interval: float

    def deliver(self, outbox: Outbox, batch: Batch) -> None:
        """Send a batch, and remove it from the outbox once the server has acknowledged all of it."""
        ...

    def send_heartbeats(self, heartbeats: list[Record]) -> float | None:
        """Send the heartbeats of flow runs; return the seconds between two of them that the server asks for, if any."""
        ...


def create_delivery(
    api: ApiConnection, run_contexts: Mapping[str, RunContext], on_progress: Callable[[], bool]
) -> Delivery:
    """Return the kind of delivery that the server supports, after a request for it.

    Args:
        api: The connection to the server.
        run_contexts: Flow runs that this process ran, by id.
        on_progress: Called when the server has recorded a part of a batch; returns whether to go on.
    """
    if drive(api.accepts_journals()):
        return JournalDelivery(api)
    return api_delivery.ApiDelivery(api, run_contexts, on_progress)


class JournalDelivery:
    """Sends records as they are.

    Args:
        api: The connection to the server.
    """

    heartbeat_interval = liveness.HEARTBEAT_INTERVAL_SECONDS

    def __init__(self, api: ApiConnection) -> None:
        self._api = api
        self._keep_json_results = api.settings.results.ship_inline

    def deliver(self, outbox: Outbox, batch: Batch) -> None:
        """Send a batch in one request. A batch that is refused is split, to find the record that is the reason."""
        refused: list[tuple[str, bytes]] = []
        lines = [remove_results(line, self._keep_json_results) for line in batch.lines]
        self._post(lines, refused)
        outbox.acknowledge(batch, Outcome({}, (), refused))

    def send_heartbeats(self, heartbeats: list[Record]) -> float | None:
        """Send the heartbeats of flow runs."""
        lines = b"\n".join(json_codec.dumps(record) for record in heartbeats)
        answer: dict[str, float] | None = drive(self._api.send_records(lines))
        return answer.get(liveness.INTERVAL_FIELD) if answer else None

    def _post(self, lines: list[bytes], refused: list[tuple[str, bytes]]) -> None:
        try:
            drive(self._api.send_records(b"\n".join(lines)))
        except Exception as error:
            if not failures.is_refusal(error):
                raise
            if len(lines) == 1:
                refused.append((failures.describe_error(error), lines[0]))
                return
            half = len(lines) // 2
            self._post(lines[:half], refused)
            self._post(lines[half:], refused)


def remove_results(line: bytes, keep_json: bool) -> bytes:
    """Return a record without the inline results of its states: values do not leave this machine by default.

    The engine does not record them for a server. A record may have some when it was written with other settings.

    Args:
        line: The record as it was written.
        keep_json: Keep results that are JSON; the setting `results.ship_inline`.
    """
    if b'"result":' not in line:
        return line
    try:
        record: Record = json_codec.loads(line)
    except json_codec.JSONDecodeError:
        return line  # the server dead-letters it
    for state in (record, *(record.get("states") or ())):
        result = state.get("result")
        if result is not None and not (keep_json and result.get("format") == "json"):
            del state["result"]
    return json_codec.dumps(record)
