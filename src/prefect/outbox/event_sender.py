"""Telling a server of task runs by events, and seeing to it that they were recorded.

A server that takes events answers before it has recorded them. Told of many at once it can fall behind by minutes,
keep others from its database, and lose what it has taken when it is stopped. So a window of events at a time is sent,
and the next one when the task runs of the last are as they were told. What does not come to be recorded is sent again.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import orjson

from prefect.outbox import api_connection

Record = dict[str, Any]
QueuedItem = tuple[Record, bytes]
"""An event, and the journal's record that it comes from."""

WINDOW_SIZE = 300
"""How many events a window has at most; no more task runs than a page of the API's answers has."""
WINDOW_BYTES = 1_000_000
FIRST_POLL_SECONDS, MAX_POLL_SECONDS = 0.02, 0.5
"""Seconds between two looks at whether events were recorded: at first, and at most."""
RECORD_TIMEOUT_SECONDS = 20.0
"""Seconds without any further task run being recorded after which events are sent again."""
MAX_ATTEMPTS = 3
"""How often a window is sent before what is not recorded of it is put aside."""


class EventsNotRecorded(Exception):
    """The server took events and has not recorded them."""


class EventSender:
    """Sends the events of task runs.

    Args:
        call: Carries out an operation of the API: method, route and body.
        progress: Called when a window was recorded; whether to go on.
    """

    def __init__(self, call: Callable[..., Any], progress: Callable[[], bool]) -> None:
        self._call = call
        self._progress = progress
        self._recorded: set[str] = set()
        self._attempts: Counter[str] = Counter()

    def send(self, events: list[QueuedItem], refused: list[tuple[str, bytes]]) -> None:
        """Send events, oldest first; when it is done again after a failure, only those that are still to be recorded.

        Args:
            events: The events.
            refused: Gets those that the server will not take: the reason and the record.

        Raises:
            NotRecorded: The server took some and has not recorded them: they are to be sent again.
        """
        for window in _split_windows([told for told in events if told[0]["id"] not in self._recorded]):
            taken = post_items(self._call, "/events", window, refused)
            missing = self._wait_until_recorded({event["resource"][_ID]: event for event, _ in taken})
            first = window[0][0]["id"]
            if missing:
                self._attempts[first] += 1
                if self._attempts[first] < MAX_ATTEMPTS:
                    raise EventsNotRecorded(
                        f"The server took events of {len(missing)} task runs and did not record them."
                    )
                refused += [
                    ("it was taken and never recorded", text) for event, text in taken if _task_run_id(event) in missing
                ]
            self._recorded.update(event["id"] for event, _ in window)
            if not self._progress():
                raise EventsNotRecorded("There is no more time to send the rest.")
        self._recorded.clear()
        self._attempts.clear()

    def _wait_until_recorded(self, last: dict[str, Record]) -> set[str]:
        """Wait until task runs are as their last events tell; the ids of those that did not get there."""
        waiting = {_task_run_id(event): datetime.fromisoformat(event["occurred"]) for event in last.values()}
        end, pause = time.monotonic() + RECORD_TIMEOUT_SECONDS, FIRST_POLL_SECONDS
        while waiting and time.monotonic() < end:
            time.sleep(pause)
            pause = min(pause * 1.5, MAX_POLL_SECONDS)
            for run in self._call("POST", "/task_runs/filter", {"task_runs": {"id": {"any_": list(waiting)}}}):
                state = run["state"]
                if state is not None and datetime.fromisoformat(state["timestamp"]) >= waiting[run["id"]]:
                    del waiting[run["id"]]
                    end = time.monotonic() + RECORD_TIMEOUT_SECONDS
        return set(waiting)


_ID = "prefect.resource.id"


def _task_run_id(event: Record) -> str:
    """The task run that an event tells of."""
    return event["resource"][_ID].removeprefix("prefect.task-run.")


def _split_windows(events: list[QueuedItem]) -> Iterator[list[QueuedItem]]:
    return split_batches(events, WINDOW_SIZE, WINDOW_BYTES)


def split_batches(items: list[QueuedItem], at_once: int, size: int) -> Iterator[list[QueuedItem]]:
    """Items in batches of so many, and of so many bytes, at most."""
    some: list[QueuedItem] = []
    total = 0
    for item in items:
        length = len(orjson.dumps(item[0]))
        if some and (len(some) >= at_once or total + length > size):
            yield some
            some, total = [], 0
        some.append(item)
        total += length
    if some:
        yield some


def post_items(
    call: Callable[..., Any], route: str, items: list[QueuedItem], refused: list[tuple[str, bytes]]
) -> list[QueuedItem]:
    """Send items in one request, and give those that were taken; of those refused together, find the ones to blame."""
    try:
        call("POST", route, [item for item, _ in items])
    except Exception as error:
        if not api_connection.is_refusal(error):
            raise
        if len(items) == 1:
            refused.append((api_connection.describe_error(error), items[0][1]))
            return []
        half = len(items) // 2
        return post_items(call, route, items[:half], refused) + post_items(call, route, items[half:], refused)
    return items
