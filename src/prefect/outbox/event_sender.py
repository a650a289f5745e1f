"""Sending task-run events to a server, and checking that it recorded them.

A server responds to events before it has recorded them. With many at the same time it can fall behind by minutes, block
its database for others, and lose accepted events when it is stopped. So events are sent a window at a time, and the
next window once the task runs are in the states of the last. Events that are not recorded are sent again.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from prefect.client import failures
from prefect.types import json_codec
from prefect.types.mappings import Record

QueuedItem = tuple[Record, bytes]
"""An event or a log, and the journal's record that it was made from."""

WINDOW_SIZE = 300
"""How many events a window has at most: no more task runs than the API returns in one page."""
WINDOW_BYTES = 1_000_000
FIRST_POLL_SECONDS, MAX_POLL_SECONDS = 0.02, 0.5
"""The first and the longest pause between two checks whether events were recorded."""
RECORD_TIMEOUT_SECONDS = 20.0
"""How long to wait for a further task run to be recorded before events are sent again."""
MAX_ATTEMPTS = 3
"""How often a window is sent before its unrecorded events count as refused."""


class EventsNotRecorded(Exception):
    """The server accepted events and has not recorded them."""


class EventSender:
    """Sends the events of task runs.

    Args:
        call: Calls an operation of the API: method, route and body.
        on_progress: Called when a window was recorded; returns whether to go on.
    """

    def __init__(self, call: Callable[..., Any], on_progress: Callable[[], bool]) -> None:
        self._call = call
        self._on_progress = on_progress
        self._recorded: set[str] = set()
        self._attempts: Counter[str] = Counter()

    def send(self, events: list[QueuedItem], refused: list[tuple[str, bytes]]) -> None:
        """Send events, oldest first. A repeated call after a failure sends only those that are not recorded yet.

        Args:
            events: The events.
            refused: Gets those that the server will not accept: the reason and the record.

        Raises:
            EventsNotRecorded: Some were accepted and not recorded, and are to be sent again.
        """
        for window in _split_windows([item for item in events if item[0]["id"] not in self._recorded]):
            accepted = post_items(self._call, "/events", window, refused)
            missing = self._wait_until_recorded({event["resource"][_RESOURCE_ID]: event for event, _ in accepted})
            first = window[0][0]["id"]
            if missing:
                self._attempts[first] += 1
                if self._attempts[first] < MAX_ATTEMPTS:
                    raise EventsNotRecorded(
                        f"The server accepted events of {len(missing)} task runs and did not record them."
                    )
                lost = [line for event, line in accepted if _task_run_id(event) in missing]
                refused += [("it was accepted and never recorded", line) for line in lost]
            self._recorded.update(event["id"] for event, _ in window)
            if not self._on_progress():
                raise EventsNotRecorded("There is no time left to send the remaining events.")
        self._recorded.clear()
        self._attempts.clear()

    def _wait_until_recorded(self, last: dict[str, Record]) -> set[str]:
        """Wait until task runs are in the states of their last events; return the ids of those that are not."""
        waiting = {_task_run_id(event): datetime.fromisoformat(event["occurred"]) for event in last.values()}
        deadline, pause = time.monotonic() + RECORD_TIMEOUT_SECONDS, FIRST_POLL_SECONDS
        while waiting and time.monotonic() < deadline:
            time.sleep(pause)
            pause = min(pause * 1.5, MAX_POLL_SECONDS)
            for run in self._call("POST", "/task_runs/filter", {"task_runs": {"id": {"any_": list(waiting)}}}):
                state = run["state"]
                if state is not None and datetime.fromisoformat(state["timestamp"]) >= waiting[run["id"]]:
                    del waiting[run["id"]]
                    deadline = time.monotonic() + RECORD_TIMEOUT_SECONDS
        return set(waiting)


_RESOURCE_ID = "prefect.resource.id"


def _task_run_id(event: Record) -> str:
    return event["resource"][_RESOURCE_ID].removeprefix("prefect.task-run.")


def _split_windows(events: list[QueuedItem]) -> Iterator[list[QueuedItem]]:
    return split_batches(events, WINDOW_SIZE, WINDOW_BYTES)


def split_batches(items: list[QueuedItem], max_count: int, max_bytes: int) -> Iterator[list[QueuedItem]]:
    """Yield items in batches of at most so many items and bytes."""
    batch: list[QueuedItem] = []
    total = 0
    for item in items:
        length = len(json_codec.dumps(item[0]))
        if batch and (len(batch) >= max_count or total + length > max_bytes):
            yield batch
            batch, total = [], 0
        batch.append(item)
        total += length
    if batch:
        yield batch


def post_items(
    call: Callable[..., Any], route: str, items: list[QueuedItem], refused: list[tuple[str, bytes]]
) -> list[QueuedItem]:
    """Send items in one request and return the accepted ones; a refused request is split to find the bad ones."""
    try:
        call("POST", route, [item for item, _ in items])
    except Exception as error:
        if not failures.is_refusal(error):
            raise
        if len(items) == 1:
            refused.append((failures.describe_error(error), items[0][1]))
            return []
        half = len(items) // 2
        return post_items(call, route, items[:half], refused) + post_items(call, route, items[half:], refused)
    return items
