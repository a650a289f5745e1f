"""Parse events that clients send, and refuse those that cannot be stored."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from prefect.schemas.wire import events as wire
from prefect.server.db.errors import Unstorable
from prefect.server.db.times import to_micros
from prefect.server.services.core.errors import InvalidRequest
from prefect.server.services.events.event_store import Event
from prefect.settings import get_current_settings
from prefect.types import json_codec


def parse_event(message: str, received: datetime) -> Event:
    """Return the event that a client sent as JSON.

    Raises:
        InvalidRequest: The message is no event.
    """
    try:
        values = json_codec.loads_foreign(message.encode())
    except json_codec.JSONDecodeError as error:
        raise InvalidRequest(f"It is no JSON: {error}") from None
    return build_event(values, received)


def build_event(values: Mapping[str, Any], received: datetime) -> Event:
    """Return the event that a client described.

    Raises:
        InvalidRequest: The values describe no event.
    """
    try:
        return {**wire.Event.model_validate(values).model_dump(), "received": received}
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise InvalidRequest(f"It is no event: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None


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
