"""Emit events from a program."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from prefect import settings
from prefect._lazy import exports, lazy_from
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
    events, worker = lazy_from("prefect", "schemas.events", "events.worker")

logger = logging.getLogger("prefect.events")

TIGHT_TIMING = timedelta(minutes=5)
"""Maximum time between two events for `follows` to order them."""

# Names of other modules that programs import from this one.
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
    """Emit an event. It is queued and sent by a background thread.

    Args:
        event: Name of the event, for example `"invoice.paid"`.
        resource: Labels of the resource, including `prefect.resource.id`.
        occurred: Time of the event; now if None.
        related: Labels of related resources, each including `prefect.resource.id` and `prefect.resource.role`. The
            current run is added, with its flow, deployment and tags.
        payload: JSON-serializable values.
        id: Id of the event; generated if None.
        follows: Event to handle before this one, if it occurred within five minutes.
        kwargs: Ignored, for forward compatibility.

    Returns:
        The event, or None if it is invalid; the error is logged.

    Raises:
        EventTooLarge: The event exceeds the maximum size of the API.
    """
    values = {"resource": resource, "occurred": occurred, "related": related, "payload": payload, "id": id}
    return _emit(event, values, follows, is_urgent=True)


def emit_gathered(event: str, resource: dict[str, str], related: Iterable[dict[str, str]] = ()) -> Event | None:
    """Emit an event of a frequent kind, which is recorded in a batch with later ones."""
    return _emit(event, {"resource": resource, "related": related}, None, is_urgent=False)


def _emit(event: str, values: dict[str, Any], follows: Event | None, is_urgent: bool) -> Event | None:
    try:
        at = values.get("occurred") or now()
        new_event = events.Event(
            event=event,
            resource=values["resource"],
            occurred=at,
            related=list(values.get("related") or ()),
            payload=values.get("payload") or {},
            id=values.get("id") or new_id(),
            follows=follows.id if follows is not None and abs(at - follows.occurred) < TIGHT_TIMING else None,
        )
        size = new_event.size_bytes
    except Exception:
        logger.exception("The event %s could not be emitted.", event)
        return None
    limit = settings.get_current_settings().server.events.maximum_size_bytes
    if size > limit:
        raise EventTooLarge(size, limit)
    try:
        worker.EventsWorker.instance().send(new_event, is_urgent)
    except Exception:
        logger.exception("The event %s could not be emitted.", event)
        return None
    return new_event
