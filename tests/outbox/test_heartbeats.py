"""Heartbeats of the runs of a process: when they are due, what they say and what the server may ask for."""

from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from prefect import flow, journal
from prefect.outbox import heartbeats
from prefect.outbox.api_connection import ApiConnection
from prefect.outbox.heartbeats import Heartbeats
from prefect.outbox.store import Batch, Outbox
from prefect.settings import PREFECT_API_URL, PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings
from prefect.types import new_id
from tests.outbox.conftest import Fake


class Clock:
    def __init__(self) -> None:
        self.at = 1000.0

    def monotonic(self) -> float:
        return self.at


class RecordingDelivery:
    """A delivery that keeps the heartbeats it is given, and answers as it is told."""

    heartbeat_interval = 10.0

    def __init__(self) -> None:
        self.sent: list[list[dict[str, Any]]] = []
        self.status = 200
        self.requested: float | None = None

    def deliver(self, outbox: Outbox, batch: Batch) -> None:
        raise NotImplementedError

    def send_heartbeats(self, heartbeats: list[dict[str, Any]]) -> float | None:
        if self.status != 200:
            request = httpx.Request("POST", "http://server/journal")
            raise httpx.HTTPStatusError("no", request=request, response=httpx.Response(self.status, request=request))
        self.sent.append(heartbeats)
        return self.requested

    def read_sent(self) -> list[tuple[set[str], float]]:
        """Return the runs of each request, and for how long they count as alive; and forget them."""
        sent, self.sent = self.sent, []
        return [({heartbeat["flow_run_id"] for heartbeat in beats}, beats[0]["ttl"]) for beats in sent]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(heartbeats, "time", clock)
    return clock


@pytest.fixture
def delivery() -> RecordingDelivery:
    return RecordingDelivery()


def make_heartbeats(delivery: RecordingDelivery, **settings: Any) -> Heartbeats:
    names = {"frequency": PREFECT_FLOWS_HEARTBEAT_FREQUENCY}
    updates = {PREFECT_API_URL: "http://127.0.0.1:9/api", **{names[name]: value for name, value in settings.items()}}
    with temporary_settings(updates) as current:
        return Heartbeats(ApiConnection(current), lambda: delivery)


def test_one_request_has_the_heartbeats_of_all_runs(clock: Clock, delivery: RecordingDelivery):
    beats = make_heartbeats(delivery)
    for run in "abc":
        beats.start(run)
    assert beats.seconds_until_due() == 0
    beats.send_due()
    assert delivery.read_sent() == [({"a", "b", "c"}, 25.0)]
    assert beats.seconds_until_due() == 10.0
    clock.at += 9.9
    beats.send_due()
    assert delivery.read_sent() == []
    clock.at += 0.1
    beats.send_due()
    assert delivery.read_sent() == [({"a", "b", "c"}, 25.0)]


def test_first_heartbeat_of_a_run_is_sent_immediately_and_alone(clock: Clock, delivery: RecordingDelivery):
    beats = make_heartbeats(delivery)
    beats.start("a")
    beats.send_due()
    clock.at += 4
    beats.start("b")
    beats.send_due()
    clock.at += 6
    beats.send_due()
    assert delivery.read_sent() == [({"a"}, 25.0), ({"b"}, 25.0), ({"a", "b"}, 25.0)]


def test_stopped_run_has_no_heartbeats(clock: Clock, delivery: RecordingDelivery):
    beats = make_heartbeats(delivery)
    beats.start("a")
    beats.stop("a")
    assert beats.seconds_until_due() is None
    beats.send_due()
    assert delivery.read_sent() == []


def test_longer_interval_of_the_server_is_used_once_a_heartbeat_has_named_it(clock: Clock, delivery: RecordingDelivery):
    """Until then the server expects the next one after the former interval."""
    beats = make_heartbeats(delivery)
    delivery.requested = 60.0
    beats.start("a")
    beats.send_due()
    assert beats.seconds_until_due() == 10.0
    clock.at += 10
    beats.send_due()
    assert beats.seconds_until_due() == 60.0
    delivery.requested = None
    clock.at += 60
    beats.send_due()
    clock.at += 60
    beats.send_due()
    assert beats.seconds_until_due() == 10.0
    assert [ttl for _, ttl in delivery.read_sent()] == [25.0, 150.0, 150.0, 25.0]


def test_configured_interval_is_not_shortened(clock: Clock, delivery: RecordingDelivery):
    beats = make_heartbeats(delivery, frequency=60)
    delivery.requested = 10.0
    beats.start("a")
    beats.send_due()
    clock.at += 60
    beats.send_due()
    assert [ttl for _, ttl in delivery.read_sent()] == [150.0, 150.0]
    assert beats.seconds_until_due() == 60.0


def test_heartbeats_are_off_when_the_setting_is_none(clock: Clock, delivery: RecordingDelivery):
    beats = make_heartbeats(delivery, frequency=None)
    beats.start("a")
    assert beats.seconds_until_due() is None
    beats.send_due()
    assert delivery.read_sent() == []


def test_refused_heartbeat_is_ignored_but_an_unavailable_server_raises(clock: Clock, delivery: RecordingDelivery):
    beats = make_heartbeats(delivery)
    beats.start("a")
    delivery.status = 503
    with pytest.raises(httpx.HTTPStatusError):
        beats.send_due()
    assert beats.seconds_until_due() == 0, "it is still due"
    delivery.status = 422
    beats.send_due()
    assert beats.seconds_until_due() == 10.0


def test_ended_lease_of_a_slot_is_not_renewed_again(
    clock: Clock, delivery: RecordingDelivery, monkeypatch: pytest.MonkeyPatch
):
    beats, renewed = make_heartbeats(delivery), list[UUID]()

    async def call_once(self: Any, method: str, route: str, body: Any, *, lease_id: UUID) -> None:
        renewed.append(lease_id)
        if len(renewed) == 2:
            request = httpx.Request(method, "http://server")
            raise httpx.HTTPStatusError("gone", request=request, response=httpx.Response(410, request=request))

    monkeypatch.setattr(ApiConnection, "call_once", call_once)
    lease_id = new_id()
    beats.renew_slot("a", lease_id)
    for _ in range(3):
        clock.at += heartbeats.SLOT_RENEWAL_SECONDS
        beats.send_due()
    assert renewed == [lease_id, lease_id]
    assert beats.seconds_until_due() is None


def test_interval_that_a_server_asks_for_is_read_from_its_answer(fake: Fake, home: Path):
    server = fake(reads_journals=True)
    server.heartbeat_interval = 45.0

    @flow
    def main() -> None:
        shipper: Any = journal.current().forwarder  # pyright: ignore[reportOptionalMemberAccess]
        shipper._heartbeats.send_due()
        intervals.append(shipper._heartbeats._requested)

    intervals: list[float] = []
    main()
    assert intervals == [45.0]
