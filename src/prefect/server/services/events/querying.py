"""Reading events: those that satisfy a filter, page by page, and how many there are.

Whether an event satisfies a filter is said by one function, for what is stored and for what is streamed. SQL is asked
first for the rows that may be meant; those of which it cannot be sure are looked at one after the other.
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

import orjson
from pydantic import ValidationError

from prefect.schemas.event_filters import EventFilter, EventOrder
from prefect.schemas.events import ReceivedEvent
from prefect.schemas.wire.events import Countable, TimeUnit
from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.db.sql import FALSE, TRUE, Sql, all_of
from prefect.server.services.core.errors import Forbidden, InvalidRequest
from prefect.server.services.events import event_store
from prefect.server.services.events.event_store import Event, EventKey
from prefect.server.store import text
from prefect.server.store.filters import events as filters
from prefect.server.store.queries import events as event_queries
from prefect.types import UTC, now

SCAN_BATCH_SIZE = 500
"""Rows that are read at once."""


def matches_filter(event: Event, criteria: EventFilter) -> bool:
    """Whether an event passes a filter."""
    if not criteria.includes(cast(ReceivedEvent, _FilterableEvent(event))):
        return False
    if criteria.text is None or not criteria.text.query:
        return True
    parts = (event["resource"], event["related"], event["payload"])
    return text.matches_text_query(
        " ".join((event["event"], *(orjson.dumps(part).decode() for part in parts))), criteria.text.query
    )


class _FilterableResource(dict[str, str]):
    """A resource as filters look at it; making its model would cost more than the look."""

    @property
    def id(self) -> str:
        return self["prefect.resource.id"]

    @property
    def role(self) -> str:
        return self["prefect.resource.role"]


class _FilterableEvent:
    """An event as filters look at it."""

    __slots__ = ("event", "id", "involved_resources", "occurred", "related", "resource")

    def __init__(self, event: Event) -> None:
        self.occurred, self.event, self.id = event["occurred"], event["event"], event["id"]
        self.resource = _FilterableResource(event["resource"])
        self.related = [_FilterableResource(labels) for labels in event["related"]]
        self.involved_resources = [self.resource, *self.related]


# --- pages -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class EventPage:
    """Some of the events that satisfy a filter.

    Attributes:
        events: These.
        total: How many there are in all.
        token: What the next page is asked for by; None at the end.
    """

    events: list[Event]
    total: int
    token: str | None


class Cursor(NamedTuple):
    """Where a page begins: after which event, and how many came before."""

    after: EventKey | None = None
    skipped: int = 0


START_CURSOR = Cursor()


async def find_first_page(tx: Transaction, criteria: EventFilter, limit: int) -> EventPage:
    """The first page of the events that satisfy a filter."""
    return await _page(tx, criteria, limit, await count_events(tx, criteria), START_CURSOR)


async def find_next_page(tx: Transaction, token: str) -> EventPage:
    """The page that a token stands for."""
    try:
        told = orjson.loads(base64.urlsafe_b64decode(token))
        criteria = EventFilter.model_validate(told["filter"])
        after = (datetime.fromisoformat(told["after"][0]), UUID(told["after"][1])) if told["after"] else None
        limit, total, place = int(told["limit"]), int(told["total"]), Cursor(after, int(told["skipped"]))
    except (binascii.Error, ValidationError, ValueError, TypeError, LookupError):
        raise Forbidden("Forbidden") from None
    return await _page(tx, criteria, min(max(limit, 0), SCAN_BATCH_SIZE), total, place)


async def read_batch(
    tx: Transaction, criteria: EventFilter, limit: int, place: Cursor
) -> tuple[list[Event], Cursor | None]:
    """So many of the events that satisfy a filter, and the place after them; None when there are no more."""
    found: list[Event] = []
    async for event in iterate_matching(tx, criteria, place):
        if len(found) == limit:
            last = found[-1]
            await event_store.attach_task_runs(tx, found)
            return found, Cursor((last["occurred"], last["id"]), place.skipped + limit)
        found.append(event)
    await event_store.attach_task_runs(tx, found)
    return found, None


async def _page(tx: Transaction, criteria: EventFilter, limit: int, total: int, place: Cursor) -> EventPage:
    found, beyond = await read_batch(tx, criteria, limit, place) if limit else ([], place)
    return EventPage(found, total, _token(criteria, limit, total, beyond) if beyond and total else None)


def _token(criteria: EventFilter, limit: int, total: int, place: Cursor) -> str:
    asked = criteria.model_dump(mode="json", exclude_none=True)
    told = {"filter": asked, "limit": limit, "total": total, "after": place.after, "skipped": place.skipped}
    return base64.urlsafe_b64encode(orjson.dumps(told)).decode()


async def iterate_matching(
    tx: Transaction, criteria: EventFilter, place: Cursor = START_CURSOR
) -> AsyncIterator[Event]:
    """The events that satisfy a filter, in its order."""
    asked = filters.compile_event_filter(tx.dialect, criteria)
    if criteria.resource is None or not criteria.resource.distinct:
        async for event in _scan(tx, criteria, asked.possibly, place.after, sure=asked.surely is TRUE):
            yield event
        return
    seen: set[str] = set()
    async for event in _scan(tx, criteria, asked.possibly, None):
        resource = event["resource"]["prefect.resource.id"]
        if resource not in seen:
            seen.add(resource)
            if len(seen) > place.skipped:
                yield event


async def _scan(
    tx: Transaction, criteria: EventFilter, where: Sql, after: EventKey | None, sure: bool = False
) -> AsyncIterator[Event]:
    """The events of rows that satisfy a filter, in its order; `sure` when all rows that satisfy the condition do."""
    direction, beyond = ("ASC", ">") if criteria.order == EventOrder.ASC else ("DESC", "<")
    order = f"event.occurred {direction}, event.id {direction}"
    while True:
        here = where if after is None else all_of([where, Sql(f"(event.occurred, event.id) {beyond} (?, ?)", after)])
        rows = await store.events.find(tx, here, order, SCAN_BATCH_SIZE)
        events = [event_store.from_row(row) for row in rows]
        if criteria.text is not None:
            await event_store.attach_task_runs(tx, events)
        for event in events:
            if sure or matches_filter(event, criteria):
                yield event
        if len(rows) < SCAN_BATCH_SIZE:
            return
        after = (rows[-1]["occurred"], rows[-1]["id"])


async def get_events(tx: Transaction, keys: Iterable[EventKey]) -> list[Event]:
    """The events with these keys, by the time they occurred."""
    found = list(keys)
    rows: list[store.Row] = []
    for start in range(0, len(found), SCAN_BATCH_SIZE):
        rows += await store.events.find(tx, event_queries.keys(tx, found[start : start + SCAN_BATCH_SIZE]))
    events = [event_store.from_row(row) for row in sorted(rows, key=lambda row: (row["occurred"], row["id"]))]
    await event_store.attach_task_runs(tx, events)
    return events


# --- counting --------------------------------------------------------------------------------------------------------


async def count_events(tx: Transaction, criteria: EventFilter) -> int:
    """How many events satisfy a filter."""
    if criteria.resource is not None and criteria.resource.distinct:
        return len([event["id"] async for event in iterate_matching(tx, criteria)])
    asked = filters.compile_event_filter(tx.dialect, criteria)
    total = 0 if asked.surely is FALSE else await store.events.count(tx, asked.certain)
    async for _ in _uncertain(tx, criteria, asked):
        total += 1
    return total


async def _uncertain(tx: Transaction, criteria: EventFilter, asked: filters.EventConditions) -> AsyncIterator[Event]:
    """The events that satisfy a filter and of which SQL is not sure."""
    if asked.uncertain is not FALSE:
        async for event in _scan(tx, criteria, asked.uncertain, None):
            yield event


_UNIT_LENGTHS = {unit: timedelta(**{f"{unit.value}s": 1}) for unit in TimeUnit}

MAX_BUCKETS = 1000

Count = dict[str, Any]
"""How many events there are of something: `value`, `label`, `count`, `start_time` and `end_time`."""


async def count_events_by(
    tx: Transaction, criteria: EventFilter, countable: Countable, unit: TimeUnit, interval: float
) -> list[Count]:
    """How many events satisfy a filter, by what they say, by their resource, or by time.

    Args:
        tx: The transaction.
        criteria: The filter.
        countable: By what. A `day` is a span of time like any other.
        unit: The unit of the spans of time.
        interval: How many units a span has.
    """
    asked = filters.compile_event_filter(tx.dialect, criteria)
    if countable in (Countable.time, Countable.day):
        unit, interval = (TimeUnit.day, 1) if countable is Countable.day else (unit, interval)
        return await _count_by_time(tx, criteria, asked, unit, interval)
    groups = _CountsByValue()
    if asked.surely is not FALSE and countable is Countable.event:
        for row in await event_queries.count_by_name(tx, asked.certain):
            groups.add(row["event"], row["event"], row["count"], row["first"], row["last"])
    elif asked.surely is not FALSE:
        for row in await event_queries.count_by_resource(tx, asked.certain):
            resource = event_store.from_row(row)["resource"]
            groups.add(*_resource_value_and_label(resource), row["count"], row["first"], row["last"])
    async for event in _uncertain(tx, criteria, asked):
        value, label = (
            (event["event"],) * 2 if countable is Countable.event else _resource_value_and_label(event["resource"])
        )
        groups.add(value, label, 1, event["occurred"], event["occurred"])
    return sorted(groups.counts.values(), key=lambda group: (-group["count"], group["label"]))


def _resource_value_and_label(resource: dict[str, str]) -> tuple[str, str]:
    """A resource's id, and what it is called."""
    id_ = resource["prefect.resource.id"]
    return id_, resource.get("prefect.resource.name") or id_


class _CountsByValue:
    """Counts by their values."""

    def __init__(self) -> None:
        self.counts: dict[str, Count] = {}

    def add(self, value: str, label: str, count: int, first: datetime, last: datetime) -> None:
        """Count more of a value."""
        group = self.counts.setdefault(
            value, {"value": value, "label": label, "count": 0, "start_time": first, "end_time": last}
        )
        group["count"] += count
        group["start_time"] = min(group["start_time"], first)
        group["end_time"] = max(group["end_time"], last)


async def _count_by_time(
    tx: Transaction, criteria: EventFilter, asked: filters.EventConditions, unit: TimeUnit, interval: float
) -> list[Count]:
    until = min(criteria.occurred.until, now())
    try:
        length = _UNIT_LENGTHS[unit] * interval
        start = _align_to_bucket(criteria.occurred.since, unit, length)
        _ = start + length
    except OverflowError:
        raise InvalidRequest("The given interval, or the time range, is too large to be cut into buckets.") from None
    if until <= criteria.occurred.since:
        return []
    number = -((start - until) // length)
    if number > MAX_BUCKETS:
        raise InvalidRequest(
            f"The given interval would create {number} buckets, which is too many. Please increase the interval or "
            f"reduce the time range to produce {MAX_BUCKETS} buckets or fewer."
        )
    counts: Counter[int] = Counter()
    if asked.surely is not FALSE:
        counts.update(await event_queries.count_by_bucket(tx, asked.certain, start, length))
    async for event in _uncertain(tx, criteria, asked):
        counts[(event["occurred"] - start) // length] += 1
    return [_bucket_count(span, start + span * length, length, counts[span]) for span in range(number)]


_MONDAY = datetime(1970, 1, 5, tzinfo=UTC)


def _align_to_bucket(since: datetime, unit: TimeUnit, length: timedelta) -> datetime:
    """Where spans begin: with the day, with the week, or, shorter ones, where the clock is at a multiple of them."""
    whole = _UNIT_LENGTHS[unit] if unit in (TimeUnit.day, TimeUnit.week) else length
    return _MONDAY + (since - _MONDAY) // whole * whole


def _bucket_count(number: int, start: datetime, length: timedelta, count: int) -> Count:
    end = start + length - timedelta(microseconds=1)
    return {"value": str(number), "label": start.isoformat(), "count": count, "start_time": start, "end_time": end}
