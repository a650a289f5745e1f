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

from prefect.outbox import line

Record = dict[str, Any]
Told = tuple[Record, bytes]
"""An event, and the journal's record that it comes from."""

AT_ONCE = 300
"""How many events a window has at most; no more task runs than a page of the API's answers has."""
BYTES_AT_ONCE = 1_000_000
FIRST_LOOK, LAST_LOOK = 0.02, 0.5
"""Seconds between two looks at whether events were recorded: at first, and at most."""
PATIENCE = 20.0
"""Seconds without any further task run being recorded after which events are sent again."""
ATTEMPTS = 3
"""How often a window is sent before what is not recorded of it is put aside."""


class NotRecorded(Exception):
    """The server took events and has not recorded them."""


class Teller:
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

    def tell(self, events: list[Told], refused: list[tuple[str, bytes]]) -> None:
        """Send events, oldest first; when it is done again after a failure, only those that are still to be recorded.

        Args:
            events: The events.
            refused: Gets those that the server will not take: the reason and the record.

        Raises:
            NotRecorded: The server took some and has not recorded them: they are to be sent again.
        """
        for window in _windows([told for told in events if told[0]["id"] not in self._recorded]):
            taken = post(self._call, "/events", window, refused)
            missing = self._wait_until_recorded({event["resource"][_ID]: event for event, _ in taken})
            first = window[0][0]["id"]
            if missing:
                self._attempts[first] += 1
                if self._attempts[first] < ATTEMPTS:
                    raise NotRecorded(f"The server took events of {len(missing)} task runs and did not record them.")
                refused += [("it was taken and never recorded", text) for event, text in taken if _of(event) in missing]
            self._recorded.update(event["id"] for event, _ in window)
            if not self._progress():
                raise NotRecorded("There is no more time to send the rest.")
        self._recorded.clear()
        self._attempts.clear()

    def _wait_until_recorded(self, last: dict[str, Record]) -> set[str]:
        """Wait until task runs are as their last events tell; the ids of those that did not get there."""
        waiting = {_of(event): datetime.fromisoformat(event["occurred"]) for event in last.values()}
        end, pause = time.monotonic() + PATIENCE, FIRST_LOOK
        while waiting and time.monotonic() < end:
            time.sleep(pause)
            pause = min(pause * 1.5, LAST_LOOK)
            for run in self._call("POST", "/task_runs/filter", {"task_runs": {"id": {"any_": list(waiting)}}}):
                state = run["state"]
                if state is not None and datetime.fromisoformat(state["timestamp"]) >= waiting[run["id"]]:
                    del waiting[run["id"]]
                    end = time.monotonic() + PATIENCE
        return set(waiting)


_ID = "prefect.resource.id"


def _of(event: Record) -> str:
    """The task run that an event tells of."""
    return event["resource"][_ID].removeprefix("prefect.task-run.")


def _windows(events: list[Told]) -> Iterator[list[Told]]:
    return batches(events, AT_ONCE, BYTES_AT_ONCE)


def batches(items: list[Told], at_once: int, size: int) -> Iterator[list[Told]]:
    """Items in batches of so many, and of so many bytes, at most."""
    some: list[Told] = []
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


def post(call: Callable[..., Any], route: str, items: list[Told], refused: list[tuple[str, bytes]]) -> list[Told]:
    """Send items in one request, and give those that were taken; of those refused together, find the ones to blame."""
    try:
        call("POST", route, [item for item, _ in items])
    except Exception as error:
        if not line.is_refusal(error):
            raise
        if len(items) == 1:
            refused.append((line.reason_of(error), items[0][1]))
            return []
        half = len(items) // 2
        return post(call, route, items[:half], refused) + post(call, route, items[half:], refused)
    return items
