"""Emitting an event."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from prefect import settings
from prefect._lazy import exports, lazy
from prefect.exceptions import EventTooLarge
from prefect.types import new_id, now

if TYPE_CHECKING:
    from prefect.events import worker
    from prefect.events.clients import AssertingEventsClient as AssertingEventsClient
    from prefect.events.clients import AssertingPassthroughEventsClient as AssertingPassthroughEventsClient
    from prefect.events.clients import PrefectCloudEventsClient as PrefectCloudEventsClient
    from prefect.events.clients import PrefectEventsClient as PrefectEventsClient
    from prefect.events.worker import EventsWorker as EventsWorker
    from prefect.events.worker import ProcessPoolForwardingEventsClient as ProcessPoolForwardingEventsClient
    from prefect.events.worker import should_emit_events as should_emit_events
    from prefect.schemas import events
    from prefect.schemas.events import Event, RelatedResource
else:
    events = lazy("prefect.schemas.events")
    worker = lazy("prefect.events.worker")

logger = logging.getLogger("prefect.events")

MAX_FOLLOWS_DELAY = timedelta(minutes=5)
"""How far apart two events are at most of which one is to be handled after the other."""

TIGHT_TIMING = MAX_FOLLOWS_DELAY  # the name of the interface

# Names of other modules that programs import from here.
_EXPORTS = {
    "prefect.events.clients": (
        "AssertingEventsClient AssertingPassthroughEventsClient PrefectCloudEventsClient PrefectEventsClient"
    ),
    "prefect.events.worker": "EventsWorker ProcessPoolForwardingEventsClient should_emit_events",
    "prefect.schemas.events": "Event RelatedResource",
}

__getattr__, __dir__ = exports(__name__, _EXPORTS)


def emit_event(
    event: str,
    resource: dict[str, str],
    occurred: datetime | None = None,
    related: Iterable[dict[str, str] | RelatedResource] | None = None,
    payload: dict[str, Any] | None = None,
    id: UUID | None = None,
    follows: Event | None = None,
    **kwargs: Any,
) -> Event | None:
    """Tell that something happened. It is queued and sent soon; the caller waits for nothing.

    Args:
        event: What happened, for instance `"invoice.paid"`.
        resource: To what: labels, of which `prefect.resource.id` is one.
        occurred: When; now if None.
        related: What else is involved: labels, of which `prefect.resource.id` and `prefect.resource.role` are two each.
            The run that the code is in is added, with its flow, deployment and tags.
        payload: Whatever else is to be known, as JSON.
        id: The event's id; made if None.
        follows: The event that is to be handled before this one, if it was at most five minutes ago.
        kwargs: Ignored; for fields that are newer.

    Returns:
        The event; None if it cannot be one, which is logged and stops nobody.

    Raises:
        EventTooLarge: It has more bytes than the API takes.
    """
    try:
        at = occurred or now()
        new_event = events.Event(
            event=event,
            resource=resource,  # pyright: ignore[reportArgumentType]
            occurred=at,
            related=list(related or ()),  # pyright: ignore[reportArgumentType]
            payload=payload or {},
            id=id or new_id(),
            follows=follows.id if follows is not None and abs(at - follows.occurred) < MAX_FOLLOWS_DELAY else None,
        )
        size = new_event.size_bytes
    except Exception:
        logger.exception("The event %s could not be emitted.", event)
        return None
    limit = settings.get_current_settings().server.events.maximum_size_bytes
    if size > limit:
        raise EventTooLarge(size, limit)
    try:
        worker.EventsWorker.instance().send(new_event)
    except Exception:
        logger.exception("The event %s could not be emitted.", event)
        return None
    return new_event
