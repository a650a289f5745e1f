"""Events that programs emit, on their way to a server."""

from __future__ import annotations

from prefect.events import emit_event
from prefect.events.worker import EventsWorker
from prefect.outbox.store import Outbox
from prefect.settings import get_current_settings
from tests.outbox.conftest import Fake
from tests.outbox.servers import FakeServer
from tests.recorded import run

RESOURCE = {"prefect.resource.id": "shop.1"}


def received(server: FakeServer) -> list[str]:
    """Return the names of the events that a server got, as such or as records."""
    return [event["event"] for event in server.events.values()]


def test_events_get_to_the_server_in_few_requests(server: FakeServer) -> None:
    for number in range(5):
        emit_event(f"paid.{number}", RESOURCE)
    EventsWorker.instance().wait_until_empty()
    assert received(server) == [f"paid.{number}" for number in range(5)]
    assert len(server.sent("POST", "/events|/journal")) < 5


def test_events_wait_for_a_server_that_is_away(server: FakeServer) -> None:
    server.stop()
    run('from prefect.events import emit_event; emit_event("paid", {"prefect.resource.id": "shop.1"})')
    server.start()
    run("import sys; from prefect.cli import main; sys.argv = ['prefect', 'journal', 'ship']; main()")
    assert received(server) == ["paid"]


def test_event_that_the_server_refuses_is_kept_with_the_reason(fake: Fake) -> None:
    server = fake()
    server.refuse = lambda path, body: (422, {"detail": "too new"}) if path == "/events" else None
    emit_event("paid", RESOURCE)
    EventsWorker.instance().wait_until_empty()
    settings = get_current_settings()
    ((reason, record),) = Outbox(settings.home, str(settings.api.url)).read_refused()
    assert "too new" in reason and "paid" in record
