"""Events: told by clients, read, counted."""

from __future__ import annotations

from typing import Annotated, Any

from annotated_types import Ge, Le

from prefect.schemas.event_filters import EventFilter
from prefect.schemas.wire.events import Countable, Event, EventCount, EventPage, TimeUnit
from prefect.server.db.interface import Transaction
from prefect.server.routes.operation import Body, Caller, In, Routes
from prefect.server.services.events import ingest
from prefect.server.services.events import querying as service
from prefect.types import now

routes = Routes("Events", "/events")

_PAGE = 50
"""Events on a page, at most."""


@routes.writes("POST", "")
async def create_events(tx: Transaction, events: Annotated[list[Event], In("whole")]) -> None:
    """Take events in; when it answers, they are kept."""
    received = now()
    told = [{**event.model_dump(), "received": received} for event in events]
    for event in told:
        ingest.check_event(event)
    await ingest.ingest_events(tx, told)


@routes.reads("POST", "/filter", EventPage)
async def read_events(
    tx: Transaction,
    caller: Caller,
    filter: Body[EventFilter | None] = None,
    limit: Annotated[int, In("body"), Ge(0), Le(_PAGE)] = _PAGE,
) -> Any:
    """The first page of the events that satisfy a filter."""
    return _answer(await service.find_first_page(tx, filter or EventFilter(), limit), caller)


@routes.reads("GET", "/filter/next", EventPage)
async def read_account_events_page(
    tx: Transaction, caller: Caller, page_token: Annotated[str, In("query", "page-token")]
) -> Any:
    """The next page of events."""
    return _answer(await service.find_next_page(tx, page_token), caller)


@routes.reads("POST", "/count-by/{countable}", list[EventCount])
async def count_account_events(
    tx: Transaction,
    filter: Body[EventFilter],
    countable: Countable,
    time_unit: Body[TimeUnit] = TimeUnit.day,
    time_interval: Annotated[float, In("body"), Ge(0.01)] = 1.0,
) -> Any:
    """How many events satisfy a filter, by their names, their resources or the time."""
    return await service.count_events_by(tx, filter, countable, time_unit, time_interval)


def _answer(page: service.EventPage, caller: Caller) -> dict[str, Any]:
    place = caller.headers.get("x-forwarded-proto", "http"), caller.headers.get("host", "ephemeral-prefect")
    address = "{}://{}/api/events/filter/next?page-token={}".format(*place, page.token)
    return {"events": page.events, "total": page.total, "next_page": address if page.token else None}
