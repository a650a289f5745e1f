# pyright: reportIncompatibleVariableOverride=false, reportGeneralTypeIssues=false
"""Events in requests and responses, and how they are counted."""

from __future__ import annotations

from enum import auto
from uuid import UUID

from pydantic import Field

from prefect.schemas import events
from prefect.schemas.base import PrefectBaseModel
from prefect.types import now
from prefect.types._annotated import AwareDateTime
from prefect.types.enums import AutoEnum


class Event(events.Event):
    """An event. The sender sets its id and its time."""

    occurred: AwareDateTime
    id: UUID


class ReceivedEvent(Event):
    """An event that the server has received."""

    received: AwareDateTime = Field(default_factory=now)


class EventPage(events.EventPage):
    """One page of events."""

    events: list[ReceivedEvent]


class TimeUnit(AutoEnum):
    """The unit of the intervals in which events are counted."""

    week = auto()
    day = auto()
    hour = auto()
    minute = auto()
    second = auto()


class Countable(AutoEnum):
    """The grouping of event counts."""

    day = auto()
    time = auto()
    event = auto()
    resource = auto()


class EventCount(PrefectBaseModel):
    """The number of events with a value, and their time range."""

    value: str
    label: str
    count: int
    start_time: AwareDateTime
    end_time: AwareDateTime
