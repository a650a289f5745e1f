"""Filters for events and automations. A condition that is None is not applied."""

from __future__ import annotations

import datetime
from enum import auto
from typing import Any
from uuid import UUID

from pydantic import ConfigDict, Field

from prefect.schemas.base import PrefectBaseModel
from prefect.schemas.events import Event, Resource, ResourceSpecification
from prefect.schemas.filters.base import AllTexts, AnyId, AnyText, Missing
from prefect.types import now
from prefect.types._annotated import AwareDateTime
from prefect.types.enums import AutoEnum

_DEFAULT_DAYS = 180


class AutomationFilterCreated(PrefectBaseModel):
    """Selects automations by when they were created."""

    before_: AwareDateTime | None = None


class AutomationFilterName(AnyText):
    """Selects automations by their name."""


class AutomationFilterId(AnyId):
    """Selects automations by their ids."""


class AutomationFilterTags(Missing, AnyText, AllTexts):
    """Selects automations by their tags: all of them, any of them, or whether there are none."""


class AutomationFilter(PrefectBaseModel):
    """Selects automations."""

    name: AutomationFilterName | None = None
    id: AutomationFilterId | None = None
    created: AutomationFilterCreated | None = None
    tags: AutomationFilterTags | None = None


class EventDataFilter(PrefectBaseModel):
    """Base class of the event filters: an event must match all filters in the fields."""

    model_config = ConfigDict(extra="forbid")

    def get_filters(self) -> list[EventDataFilter]:
        """Return the filters in the fields."""
        found: list[EventDataFilter] = []
        for value in self.__dict__.values():
            several: list[Any] = value if isinstance(value, list) else [value]  # pyright: ignore[reportUnknownVariableType]
            found += [item for item in several if isinstance(item, EventDataFilter)]
        return found

    def includes(self, event: Event) -> bool:
        """Return whether the filter matches the event."""
        return all(one.includes(event) for one in self.get_filters())

    def excludes(self, event: Event) -> bool:
        """Return whether the filter does not match the event."""
        return not self.includes(event)


def _get_default_since() -> datetime.datetime:
    return (now() - datetime.timedelta(days=_DEFAULT_DAYS)).replace(hour=0, minute=0, second=0, microsecond=0)


class EventOccurredFilter(EventDataFilter):
    """Selects events by when they happened, bounds included; by default the last 180 days."""

    since: AwareDateTime = Field(default_factory=_get_default_since)
    until: AwareDateTime = Field(default_factory=now)

    def includes(self, event: Event) -> bool:
        """Return whether the filter matches the event."""
        return self.since <= event.occurred <= self.until


class EventNameFilter(EventDataFilter):
    """Selects events by their name: one of some names or beginnings, and none of some others."""

    prefix: list[str] | None = None
    exclude_prefix: list[str] | None = None
    name: list[str] | None = None
    exclude_name: list[str] | None = None

    def includes(self, event: Event) -> bool:
        """Return whether the filter matches the event."""
        name = event.event
        if self.prefix and not name.startswith(tuple(self.prefix)):
            return False
        if self.exclude_prefix and name.startswith(tuple(self.exclude_prefix)):
            return False
        if self.name and name not in self.name:
            return False
        return not (self.exclude_name and name in self.exclude_name)


def _selects(
    resource: Resource, ids: list[str] | None, prefixes: list[str] | None, labels: ResourceSpecification | None
) -> bool:
    if ids and resource.id not in ids:
        return False
    if prefixes and not resource.id.startswith(tuple(prefixes)):
        return False
    return labels is None or labels.matches(resource)


class EventResourceFilter(EventDataFilter):
    """Selects events by their resource; `distinct` keeps only the latest event of each resource."""

    id: list[str] | None = None
    id_prefix: list[str] | None = None
    labels: ResourceSpecification | None = None
    distinct: bool = False

    def includes(self, event: Event) -> bool:
        """Return whether the filter matches the event."""
        return _selects(event.resource, self.id, self.id_prefix, self.labels)


class EventRelatedFilter(EventDataFilter):
    """Selects events by a related resource that meets all conditions."""

    id: list[str] | None = None
    role: list[str] | None = None
    resources_in_roles: list[tuple[str, str]] | None = None
    labels: ResourceSpecification | None = None

    def includes(self, event: Event) -> bool:
        """Return whether the filter matches the event."""
        if not (self.id or self.role or self.resources_in_roles or self.labels):
            return True
        for related in event.related:
            if self.role and related.role not in self.role:
                continue
            if self.resources_in_roles and (related.id, related.role) not in self.resources_in_roles:
                continue
            if _selects(related, self.id, None, self.labels):
                return True
        return False


class EventAnyResourceFilter(EventDataFilter):
    """Selects events by a resource, of the event or related, that meets all conditions."""

    id: list[str] | None = None
    id_prefix: list[str] | None = None
    labels: ResourceSpecification | None = None

    def includes(self, event: Event) -> bool:
        """Return whether the filter matches the event."""
        return any(_selects(one, self.id, self.id_prefix, self.labels) for one in event.involved_resources)


class EventIDFilter(EventDataFilter):
    """Selects events by their ids."""

    id: list[UUID] | None = None

    def includes(self, event: Event) -> bool:
        """Return whether the filter matches the event."""
        return not self.id or event.id in self.id


class EventTextFilter(EventDataFilter):
    """Selects events by full text. Only the server applies it; here it matches every event."""

    query: str = Field(max_length=200)


class EventOrder(AutoEnum):
    """The order of events by when they happened."""

    ASC = auto()
    DESC = auto()


class EventFilter(EventDataFilter):
    """Selects and orders events."""

    occurred: EventOccurredFilter = Field(default_factory=lambda: EventOccurredFilter())
    event: EventNameFilter | None = None
    resource: EventResourceFilter | None = None
    related: EventRelatedFilter | list[EventRelatedFilter] | None = None
    any_resource: EventAnyResourceFilter | list[EventAnyResourceFilter] | None = None
    id: EventIDFilter = Field(default_factory=lambda: EventIDFilter(id=[]))
    text: EventTextFilter | None = None
    order: EventOrder = EventOrder.DESC
