"""Events are sent in windows, and sent again until the server has recorded them."""

from importlib import import_module
from typing import Any

import pytest

from prefect.outbox.event_sender import WINDOW_SIZE, EventSender, EventsNotRecorded
from prefect.types import new_id, now

EVENT_SENDER = import_module("prefect.outbox.event_sender")


class Api:
    """Accepts events, and records all but those in `loses`."""

    def __init__(self) -> None:
        self.windows: list[int] = []
        self.recorded: dict[str, str] = {}
        self.loses: set[str] = set()

    def __call__(self, method: str, route: str, body: Any) -> Any:
        if route == "/task_runs/filter":
            ids = body["task_runs"]["id"]["any_"]
            return [{"id": id_, "state": {"timestamp": self.recorded[id_]}} for id_ in ids if id_ in self.recorded]
        assert route == "/events"
        self.windows.append(len(body))
        for event in body:
            id_ = event["resource"]["prefect.resource.id"].removeprefix("prefect.task-run.")
            if id_ not in self.loses:
                self.recorded[id_] = event["occurred"]
        return None


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Api:
    monkeypatch.setattr(EVENT_SENDER, "RECORD_TIMEOUT_SECONDS", 0.1)
    return Api()


def queued_event(number: int) -> tuple[dict[str, Any], bytes]:
    resource = {"prefect.resource.id": f"prefect.task-run.{number}"}
    return {"id": str(new_id()), "occurred": now().isoformat(), "resource": resource}, b"record %d" % number


def test_event_sender_splits_events_into_windows(api: Api):
    EventSender(api, lambda: True).send([queued_event(number) for number in range(WINDOW_SIZE + 10)], [])
    assert api.windows == [WINDOW_SIZE, 10]


def test_event_sender_resends_only_unrecorded_events(api: Api):
    events, refused = [queued_event(number) for number in range(WINDOW_SIZE + 10)], list[tuple[str, bytes]]()
    sender = EventSender(api, lambda: True)
    api.loses = {str(WINDOW_SIZE + 5)}
    with pytest.raises(EventsNotRecorded, match="events of 1 task runs"):
        sender.send(events, refused)
    api.loses = set()
    sender.send(events, refused)
    assert api.windows == [WINDOW_SIZE, 10, 10]
    assert refused == []


def test_event_sender_refuses_events_that_are_never_recorded(api: Api):
    events, refused = [queued_event(number) for number in range(5)], list[tuple[str, bytes]]()
    sender = EventSender(api, lambda: True)
    api.loses = {"3"}
    for _ in range(2):
        with pytest.raises(EventsNotRecorded):
            sender.send(events, refused)
    sender.send(events, refused)
    assert refused == [("it was accepted and never recorded", b"record 3")]


def test_event_sender_stops_between_windows_when_there_is_no_time_left(api: Api):
    events = [queued_event(number) for number in range(2 * WINDOW_SIZE)]
    with pytest.raises(EventsNotRecorded, match="no time left"):
        EventSender(api, lambda: False).send(events, [])
    assert api.windows == [WINDOW_SIZE]
