"""Events and firings as triggers see them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

Labels: TypeAlias = Mapping[str, str]
"""Labels of a resource, or of a group of events, by name."""

EventKey: TypeAlias = tuple[datetime, UUID]
"""When an event occurred, and its id."""


@dataclass(frozen=True, slots=True)
class Occurrence:
    """An event, reduced to what triggers read.

    Attributes:
        occurred: When it occurred.
        id: Its id.
        event: Its name.
        resource: The labels of its resource.
        related: The labels of its related resources.
        follows: The id of the event before it.
        predecessor_at: When that one occurred, by another clock perhaps; known once they are ordered.
    """

    occurred: datetime
    id: UUID
    event: str
    resource: Labels
    related: Sequence[Labels] = ()
    follows: UUID | None = None
    predecessor_at: datetime | None = None

    @property
    def at(self) -> datetime:
        """The time of the event, but not before the event that it follows."""
        return self.occurred if self.predecessor_at is None else max(self.occurred, self.predecessor_at)

    @property
    def key(self) -> EventKey:
        """Return its time and id."""
        return self.occurred, self.id

    def find_label(self, label: str) -> str:
        """Return the value of a label of the resource, or, for `related:<role>:<label>`, of one in that role.

        A label that is missing has the empty text as its value.
        """
        prefix, _, rest = label.partition(":")
        role, colon, name = rest.partition(":")
        if prefix != "related" or not colon:
            return self.resource.get(label, "")
        found = (labels[name] for labels in self.related if labels["prefect.resource.role"] == role and name in labels)
        return next(found, "")


@dataclass(frozen=True, slots=True)
class Firing:
    """A trigger that fired.

    Attributes:
        at: When: the time of the event that completed it, or the end of the window in which none came.
        window: What it fired for; a trigger fires once for one window.
        labels: The values of the labels of `for_each`.
        event: The key of the last event that counted, if there was one.
        resolved: Whether it fired because a metric is within its bounds again.
        value: The value of the metric.
    """

    at: datetime
    window: str
    labels: Labels = field(default_factory=dict[str, str])
    event: EventKey | None = None
    resolved: bool = False
    value: float | None = None
