"""Query events: those that match a filter, page by page, and their counts.

One function decides whether an event matches a filter, for stored events and for streamed ones. SQL selects the rows
that may match; those of which it cannot be certain are read and decided one by one.
"""

from __future__ import annotations

import base64
import binascii
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple, cast
from uuid import UUID

from pydantic import ValidationError

from prefect.schemas.event_filters import EventFilter, EventOrder
from prefect.schemas.events import ReceivedEvent
from prefect.schemas.wire.events import Countable, TimeUnit
from prefect.server.db.interface import Transaction
from prefect.server.services.core.errors import Forbidden, InvalidRequest
from prefect.server.services.events import event_store
from prefect.server.services.events.event_store import Event, EventKey
from prefect.server.store import Condition, text
from prefect.server.store.filters import events as filters
from prefect.server.store.queries import events as queries
from prefect.types import UTC, json_codec, now

SCAN_BATCH_SIZE = 500
"""Rows that are read by one query."""

MAX_BUCKETS = 1000
"""Buckets of time that a count may have."""


def matches_filter(event: Event, criteria: EventFilter) -> bool:
    """Return whether an event matches a filter."""
    if not criteria.includes(cast(ReceivedEvent, _FilterableEvent(event))):
        return False
    if criteria.text is None or not criteria.text.query:
        return True
    parts = (event["resource"], event["related"], event["payload"])
    return text.matches_text_query(
        " ".join((event["event"], *(json_codec.dumps(part).decode() for part in parts))), criteria.text.query
    )


class _FilterableResource(dict[str, str]):
    """A resource with the attributes that filters read; building its model would cost more than the comparison."""

    @property
    def id(self) -> str:
        return self["prefect.resource.id"]

    @property
    def role(self) -> str:
        return self["prefect.resource.role"]


class _FilterableEvent:
    """An event with the attributes that filters read."""

    __slots__ = ("event", "id", "involved_resources", "occurred", "related", "resource")

    def __init__(self, event: Event) -> None:
        self.occurred, self.event, self.id = event["occurred"], event["event"], event["id"]
        self.resource = _FilterableResource(event["resource"])
        self.related = [_FilterableResource(labels) for labels in event["related"]]
        self.involved_resources = [self.resource, *self.related]


# --- pages -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class EventPage:
    """A page of the events that match a filter.

    Attributes:
        events: The events of the page.
        total: How many events match in all.
        token: The token of the next page; None at the end.
    """

    events: list[Event]
    total: int
    token: str | None


class Cursor(NamedTuple):
    """Start of a page: the event before it, and the number of events before it."""

    after: EventKey | None = None
    skipped: int = 0


START_CURSOR = Cursor()


async def find_first_page(tx: Transaction, criteria: EventFilter, limit: int) -> EventPage:
    """Return the first page of the events that match a filter."""
    return await _find_page(tx, criteria, limit, await count_events(tx, criteria), START_CURSOR)


async def find_next_page(tx: Transaction, token: str) -> EventPage:
    """Return the page of a token.

    Raises:
        Forbidden: No page has this token.
    """
    try:
        page = json_codec.loads(base64.urlsafe_b64decode(token))
        criteria = EventFilter.model_validate(page["filter"])
        after = (datetime.fromisoformat(page["after"][0]), UUID(page["after"][1])) if page["after"] else None
        limit, total, cursor = int(page["limit"]), int(page["total"]), Cursor(after, int(page["skipped"]))
    except (binascii.Error, ValidationError, ValueError, TypeError, LookupError):
        raise Forbidden("Forbidden") from None
    return await _find_page(tx, criteria, min(max(limit, 0), SCAN_BATCH_SIZE), total, cursor)


async def read_batch(
    tx: Transaction, criteria: EventFilter, limit: int, cursor: Cursor
) -> tuple[list[Event], Cursor | None]:
    """Return the next events that match a filter, and the cursor after them; None when there are no more."""
    events: list[Event] = []
    async for event in iterate_matching(tx, criteria, cursor):
        if len(events) == limit:
            last = events[-1]
            await event_store.attach_task_runs(tx, events)
            return events, Cursor((last["occurred"], last["id"]), cursor.skipped + limit)
        events.append(event)
    await event_store.attach_task_runs(tx, events)
    return events, None


async def _find_page(tx: Transaction, criteria: EventFilter, limit: int, total: int, cursor: Cursor) -> EventPage:
    events, following = await read_batch(tx, criteria, limit, cursor) if limit else ([], cursor)
    return EventPage(events, total, _build_token(criteria, limit, total, following) if following and total else None)


def _build_token(criteria: EventFilter, limit: int, total: int, cursor: Cursor) -> str:
    page = {
        "filter": criteria.model_dump(mode="json", exclude_none=True),
        "limit": limit,
        "total": total,
        "after": cursor.after,
        "skipped": cursor.skipped,
    }
    return base64.urlsafe_b64encode(json_codec.dumps(page)).decode()


async def iterate_matching(
    tx: Transaction, criteria: EventFilter, cursor: Cursor = START_CURSOR
) -> AsyncIterator[Event]:
    """Iterate over the events that match a filter, in its order."""
    conditions = filters.compile_event_filter(tx.dialect, criteria)
    if criteria.resource is None or not criteria.resource.distinct:
        async for event in _scan(tx, criteria, conditions.possibly, cursor.after, certain=conditions.is_certain):
            yield event
        return
    seen: set[str] = set()
    async for event in _scan(tx, criteria, conditions.possibly, None):
        resource = event["resource"]["prefect.resource.id"]
        if resource not in seen:
            seen.add(resource)
            if len(seen) > cursor.skipped:
                yield event


async def _scan(
    tx: Transaction, criteria: EventFilter, where: Condition, after: EventKey | None, certain: bool = False
) -> AsyncIterator[Event]:
    """Iterate over the events of rows that match a filter; `certain` when each row of the condition matches."""
    descending = criteria.order != EventOrder.ASC
    while True:
        rows = await queries.find_after(tx, where, after, SCAN_BATCH_SIZE, descending=descending)
        events = [event_store.from_row(row) for row in rows]
        if criteria.text is not None:
            await event_store.attach_task_runs(tx, events)
        for event in events:
            if certain or matches_filter(event, criteria):
                yield event
        if len(rows) < SCAN_BATCH_SIZE:
            return
        after = (rows[-1]["occurred"], rows[-1]["id"])


async def get_events(tx: Transaction, keys: Iterable[EventKey]) -> list[Event]:
    """Return the events with these keys, in the order in which they occurred."""
    events = [event_store.from_row(row) for row in await queries.find_by_keys(tx, list(keys))]
    await event_store.attach_task_runs(tx, events)
    return events


# --- counting --------------------------------------------------------------------------------------------------------


async def count_events(tx: Transaction, criteria: EventFilter) -> int:
    """Return how many events match a filter."""
    if criteria.resource is not None and criteria.resource.distinct:
        return len([event["id"] async for event in iterate_matching(tx, criteria)])
    conditions = filters.compile_event_filter(tx.dialect, criteria)
    total = 0 if conditions.is_never_certain else await queries.count(tx, conditions.certain)
    async for _ in _iterate_uncertain(tx, criteria, conditions):
        total += 1
    return total


async def _iterate_uncertain(
    tx: Transaction, criteria: EventFilter, conditions: filters.EventConditions
) -> AsyncIterator[Event]:
    """Iterate over the events that match a filter and of which SQL is not certain."""
    if not conditions.is_certain:
        async for event in _scan(tx, criteria, conditions.uncertain, None):
            yield event


_UNIT_LENGTHS = {unit: timedelta(**{f"{unit.value}s": 1}) for unit in TimeUnit}

Count = dict[str, Any]
"""The count of a group of events: `value`, `label`, `count`, `start_time` and `end_time`."""


async def count_events_by(
    tx: Transaction, criteria: EventFilter, countable: Countable, unit: TimeUnit, interval: float
) -> list[Count]:
    """Count the events that match a filter, by name, by resource, or by time.

    Args:
        tx: The transaction.
        criteria: The filter.
        countable: What to group by. A `day` is a bucket of time like any other.
        unit: The unit of the buckets of time.
        interval: How many units a bucket has.

    Raises:
        InvalidRequest: There would be too many buckets of time.
    """
    conditions = filters.compile_event_filter(tx.dialect, criteria)
    if countable in (Countable.time, Countable.day):
        unit, interval = (TimeUnit.day, 1) if countable is Countable.day else (unit, interval)
        return await _count_by_time(tx, criteria, conditions, unit, interval)
    groups = _CountsByValue()
    if not conditions.is_never_certain and countable is Countable.event:
        for name, number, first, last in await queries.count_by_name(tx, conditions.certain):
            groups.add(name, name, number, first, last)
    elif not conditions.is_never_certain:
        for row, number, first, last in await queries.count_by_resource(tx, conditions.certain):
            groups.add(*_resource_value_and_label(event_store.from_row(row)["resource"]), number, first, last)
    async for event in _iterate_uncertain(tx, criteria, conditions):
        value, label = (
            (event["event"],) * 2 if countable is Countable.event else _resource_value_and_label(event["resource"])
        )
        groups.add(value, label, 1, event["occurred"], event["occurred"])
    return sorted(groups.counts.values(), key=lambda group: (-group["count"], group["label"]))


def _resource_value_and_label(resource: dict[str, str]) -> tuple[str, str]:
    """Return the id of a resource, and its name for people."""
    id_ = resource["prefect.resource.id"]
    return id_, resource.get("prefect.resource.name") or id_


class _CountsByValue:
    """Counts by their values."""

    def __init__(self) -> None:
        self.counts: dict[str, Count] = {}

    def add(self, value: str, label: str, count: int, first: datetime, last: datetime) -> None:
        """Add to the count of a value."""
        group = self.counts.setdefault(
            value, {"value": value, "label": label, "count": 0, "start_time": first, "end_time": last}
        )
        group["count"] += count
        group["start_time"] = min(group["start_time"], first)
        group["end_time"] = max(group["end_time"], last)


async def _count_by_time(
    tx: Transaction, criteria: EventFilter, conditions: filters.EventConditions, unit: TimeUnit, interval: float
) -> list[Count]:
    until = min(criteria.occurred.until, now())
    try:
        width = _UNIT_LENGTHS[unit] * interval
        start = _align_to_bucket(criteria.occurred.since, unit, width)
        _ = start + width
    except OverflowError:
        raise InvalidRequest("The given interval, or the time range, is too large to be cut into buckets.") from None
    if until <= criteria.occurred.since:
        return []
    number = -((start - until) // width)
    if number > MAX_BUCKETS:
        raise InvalidRequest(
            f"The given interval would create {number} buckets, which is too many. Please increase the interval or "
            f"reduce the time range to produce {MAX_BUCKETS} buckets or fewer."
        )
    counts: Counter[int] = Counter()
    if not conditions.is_never_certain:
        counts.update(await queries.count_by_bucket(tx, conditions.certain, start, width))
    async for event in _iterate_uncertain(tx, criteria, conditions):
        counts[(event["occurred"] - start) // width] += 1
    return [_bucket_count(bucket, start + bucket * width, width, counts[bucket]) for bucket in range(number)]


_MONDAY = datetime(1970, 1, 5, tzinfo=UTC)


def _align_to_bucket(since: datetime, unit: TimeUnit, width: timedelta) -> datetime:
    """Return where buckets begin: with the day, with the week, or, shorter ones, at a multiple of their width."""
    whole = _UNIT_LENGTHS[unit] if unit in (TimeUnit.day, TimeUnit.week) else width
    return _MONDAY + (since - _MONDAY) // whole * whole


def _bucket_count(bucket: int, start: datetime, width: timedelta, count: int) -> Count:
    end = start + width - timedelta(microseconds=1)
    return {"value": str(bucket), "label": start.isoformat(), "count": count, "start_time": start, "end_time": end}
