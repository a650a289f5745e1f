"""Events: stored, listed and counted."""

from __future__ import annotations

from typing import Annotated, Any, cast

from annotated_types import Ge, Le
from pydantic import WrapValidator

from prefect.schemas.event_filters import EventFilter
from prefect.schemas.wire.events import Countable, Event, EventCount, EventPage, TimeUnit
from prefect.server.db.interface import Transaction
from prefect.server.principals import Permission
from prefect.server.routes.core.operation import Body, In, RequestInfo, Routes
from prefect.server.services.events import incoming, ingest
from prefect.server.services.events import querying as service
from prefect.types import now

routes = Routes("Events", "/events")

_MAX_PAGE_SIZE = 50


@routes.writes("POST", "", requires=Permission.WORK)
async def create_events(
    tx: Transaction, events: Annotated[list[Event], WrapValidator(incoming.validate_events), In("whole")]
) -> None:
    """Store events; they are committed before the response."""
    received = now()
    values = [{**event, "received": received} for event in cast("list[dict[str, Any]]", events)]
    for event in values:
        ingest.check_event(event)
    await ingest.ingest_events(tx, values)


@routes.reads("POST", "/filter", EventPage)
async def read_events(
    tx: Transaction,
    info: RequestInfo,
    filter: Body[EventFilter | None] = None,
    limit: Annotated[int, In("body"), Ge(0), Le(_MAX_PAGE_SIZE)] = _MAX_PAGE_SIZE,
) -> Any:
    """Return the first page of the events that match a filter."""
    return _to_response(await service.find_first_page(tx, filter or EventFilter(), limit), info)


@routes.reads("GET", "/filter/next", EventPage)
async def read_account_events_page(
    tx: Transaction, info: RequestInfo, page_token: Annotated[str, In("query", "page-token")]
) -> Any:
    """Return the next page of events."""
    return _to_response(await service.find_next_page(tx, page_token), info)


@routes.reads("POST", "/count-by/{countable}", list[EventCount])
async def count_account_events(
    tx: Transaction,
    filter: Body[EventFilter],
    countable: Countable,
    time_unit: Body[TimeUnit] = TimeUnit.day,
    time_interval: Annotated[float, In("body"), Ge(0.01)] = 1.0,
) -> Any:
    """Count the events that match a filter by name, resource or time."""
    return await service.count_events_by(tx, filter, countable, time_unit, time_interval)


def _to_response(page: service.EventPage, info: RequestInfo) -> dict[str, Any]:
    scheme = info.headers.get("x-forwarded-proto", "http")
    host = info.headers.get("host", "ephemeral-prefect")
    address = f"{scheme}://{host}/api/events/filter/next?page-token={page.token}"
    return {"events": page.events, "total": page.total, "next_page": address if page.token else None}
