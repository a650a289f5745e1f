"""Events, as the client reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect._lazy import lazy_from
from prefect.client.orchestration import base as _base

if TYPE_CHECKING:
    from prefect.client import base
    from prefect.schemas import event_filters, events
else:
    base, events = lazy_from("prefect", "client.base", "schemas.events")

PAGE_SIZE = 50
"""Maximum page size of a server's events; Prefect Cloud allows more."""


class EventAsyncClient(_base.BaseAsyncClient):
    """Operations on events."""

    async def read_events(self, filter: event_filters.EventFilter | None = None, limit: int = 100) -> events.EventPage:
        """Return the first page of the events that satisfy a filter; its `get_next_page` returns the next page.

        Args:
            filter: What they must satisfy; all of the last months if None.
            limit: Maximum number of events of a page. A server other than Prefect Cloud returns 50 at most.
        """
        if self.server_type is not base.ServerType.CLOUD:
            limit = min(limit, PAGE_SIZE)
        answer = await self._call("POST", "/events/filter", _base.drop_none(filter=filter, limit=limit))
        return events.EventPage.model_validate(answer)

    async def read_events_page(self, next_page_url: str) -> events.EventPage:
        """Return the page of events at the address that another page names as its `next_page`."""
        from urllib.parse import parse_qs, urlsplit

        # The address is the server's own name for itself, which may not be how it is reached from here.
        token: Any = parse_qs(urlsplit(str(next_page_url)).query).get("page-token", [""])
        answer = await self._call("GET", "/events/filter/next", None, **{"page-token": token[0]})
        return events.EventPage.model_validate(answer)


class EventClient(_base.BaseClient):
    """`EventAsyncClient` for sync code."""

    read_events = _base.sync_method(EventAsyncClient.read_events)
    read_events_page = _base.sync_method(EventAsyncClient.read_events_page)
