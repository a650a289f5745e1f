"""Parse events that clients send, and refuse those that cannot be stored."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from typing import Any, NotRequired, cast
from uuid import UUID

from pydantic import TypeAdapter, ValidationError
from typing_extensions import TypedDict

from prefect.schemas.events import ID, ROLE
from prefect.schemas.wire import events as wire
from prefect.server.db.errors import Unstorable
from prefect.server.db.times import to_micros
from prefect.server.services.core.errors import InvalidRequest
from prefect.server.services.events.event_store import Event
from prefect.settings import get_current_settings
from prefect.types import json_codec
from prefect.types._annotated import AwareDateTime


def parse_event(message: str, received: datetime) -> Event:
    """Return the event that a client sent as JSON.

    Raises:
        InvalidRequest: The message is not a valid event.
    """
    try:
        values = json_codec.loads_foreign(message.encode())
    except json_codec.JSONDecodeError as error:
        raise InvalidRequest(f"The event is not valid JSON: {error}") from None
    return build_event(values, received)


def build_event(values: Mapping[str, Any], received: datetime) -> Event:
    """Return the event that a client described.

    Raises:
        InvalidRequest: The values describe no event.
    """
    event = _build_usual_event(values)
    if event is not None:
        return {**event, "received": received}
    try:
        return {**wire.Event.model_validate(values).model_dump(), "received": received}
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise InvalidRequest(f"The event is not valid: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def validate_events(values: Any, validate: Callable[[Any], list[wire.Event]]) -> list[Event]:
    """Return the events of a request body, as a pydantic validator that wraps the one of the schema."""
    if isinstance(values, list):
        events = [_build_usual_event(each) for each in cast("list[Any]", values)]
        if None not in events:
            return cast("list[Event]", events)
    return [event.model_dump() for event in validate(values)]


class _EventValues(TypedDict):
    """The fields of `wire.Event`."""

    occurred: AwareDateTime
    event: str
    resource: dict[str, str]
    related: NotRequired[list[dict[str, str]]]
    payload: NotRequired[dict[str, Any]]
    id: UUID
    follows: NotRequired[UUID | None]


@cache
def _values_adapter() -> TypeAdapter[_EventValues]:
    return TypeAdapter(_EventValues)


def _build_usual_event(values: Any) -> Event | None:
    """Return a valid event with usual values, as clients send them; None for one that the schema has to decide about.

    Hot path: it takes an eighth of the time that the schema does, which makes an object of each resource.
    """
    try:
        event: Event = {"related": [], "payload": {}, "follows": None, **_values_adapter().validate_python(values)}
    except ValidationError:
        return None
    limits = get_current_settings().server.events
    resource, related = event["resource"], event["related"]
    is_valid = (
        len(related) <= limits.maximum_related_resources
        and all(labels.get(ID) and labels.get(ROLE) for labels in related)
        and resource.get(ID)
        and all(len(labels) <= limits.maximum_labels_per_resource for labels in (resource, *related))
    )
    return event if is_valid else None


def check_event(event: Event) -> None:
    """Refuse an event that is larger than the settings allow, or cannot be stored.

    How many labels and related resources it may have is checked by its schema.

    Raises:
        InvalidRequest: It is such an event.
    """
    limits = get_current_settings().server.events
    if len(event["event"]) > limits.maximum_event_name_length:
        raise InvalidRequest(
            f"The name of the event {event['id']} has more than {limits.maximum_event_name_length} characters."
        )
    try:
        # Wrapped in as many lists as in a response: an event nested too deep for a response is refused here.
        size = len(json_codec.dumps([[[[event["resource"], event["related"], event["payload"]]]]]))
        to_micros(event["occurred"])
    except (TypeError, Unstorable) as error:
        raise InvalidRequest(f"The event {event['id']} cannot be kept: {str(error).rstrip('.')}.") from None
    if size > limits.maximum_size_bytes:
        raise InvalidRequest(
            f"The event {event['id']} takes {size} bytes, and {limits.maximum_size_bytes} are allowed."
        )
