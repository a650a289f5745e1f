# pyright: reportIncompatibleVariableOverride=false, reportGeneralTypeIssues=false
"""Events as they are sent and answered, and how they are counted."""

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
    """An event as a client sends it, which must set its id and its time."""

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
    """By what events are counted."""

    day = auto()
    time = auto()
    event = auto()
    resource = auto()


class EventCount(PrefectBaseModel):
    """How many events have a value, and when they happened."""

    value: str
    label: str
    count: int
    start_time: AwareDateTime
    end_time: AwareDateTime
