"""Matching of events and event triggers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from prefect.schemas.automations import EventTrigger, Match
from prefect.schemas.events import ResourceSpecification
from prefect.triggers.occurrences import Labels, Occurrence

NameTest = Callable[[str], bool]
"""Returns whether an event's name is one of some patterns."""


class EventMatcher:
    """The conditions of an event trigger on events, prepared for many of them.

    Args:
        trigger: The trigger.
    """

    def __init__(self, trigger: EventTrigger) -> None:
        self.starts: NameTest = name_test(trigger.after)
        self.expects: NameTest = name_test(trigger.expect) if trigger.expect else lambda _: True
        self._match = _specification(trigger.match)
        related: Sequence[Match] = (
            trigger.match_related if isinstance(trigger.match_related, list) else [trigger.match_related]
        )
        self._related = [_specification(match) for match in related]

    def concerns_name(self, name: str) -> bool:
        """Return whether an event of this name may start the trigger or count."""
        return self.expects(name) or self.starts(name)

    def covers(self, occurrence: Occurrence) -> bool:
        """Return whether the resources of an event match the trigger; its name is not compared."""
        return _matches(self._match, occurrence.resource) and all(
            specification.matches_every_resource()
            or any(_matches(specification, labels) for labels in occurrence.related)
            for specification in self._related
        )


def name_test(patterns: Iterable[str]) -> NameTest:
    """Return a test for names, of which a pattern with `*` at its end is the beginning."""
    names = frozenset(pattern for pattern in patterns if not pattern.endswith("*"))
    beginnings = tuple(pattern[:-1] for pattern in patterns if pattern.endswith("*"))
    return lambda name: name in names or (bool(beginnings) and name.startswith(beginnings))


def _specification(match: Match) -> ResourceSpecification:
    return match if isinstance(match, ResourceSpecification) else ResourceSpecification.model_validate(match)


def _matches(specification: ResourceSpecification, labels: Labels) -> bool:
    return specification.matches_every_resource() or specification.matches(labels)
