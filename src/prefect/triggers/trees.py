"""The trigger of an automation, prepared for evaluation: its event triggers, and the composite ones above each."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple, TypeAlias, cast
from uuid import UUID

import orjson

from prefect.schemas.automations import (
    CompositeTrigger,
    CompoundTrigger,
    EventTrigger,
    MetricTrigger,
    SequenceTrigger,
    Trigger,
)
from prefect.triggers import buckets as rules
from prefect.triggers.buckets import Bucket, Step
from prefect.triggers.matching import EventMatcher
from prefect.triggers.occurrences import Firing, Labels, Occurrence


class BucketKey(NamedTuple):
    """The key of a bucket.

    Attributes:
        automation_id: The automation.
        trigger_id: The trigger; two automations may have triggers of the same id.
        group: The labels of the group of events, as text.
    """

    automation_id: UUID
    trigger_id: UUID
    group: str

    @property
    def id(self) -> UUID:
        """Return the id of the bucket."""
        return derive_id(*self)


Buckets: TypeAlias = MutableMapping[BucketKey, Bucket | None]
"""Buckets by their keys; a bucket that is not kept is None or missing."""

NO_ID = UUID(int=0)
"""In the place of the id of an automation that is not stored."""

Composite: TypeAlias = CompoundTrigger | SequenceTrigger


@dataclass(frozen=True)
class Node:
    """A trigger within the tree of its automation.

    Attributes:
        id: Its id.
        trigger: The trigger.
        parent: The composite trigger that it belongs to.
    """

    id: UUID
    trigger: Trigger
    parent: Node | None = None

    @property
    def event_trigger(self) -> EventTrigger:
        """The trigger, where it is an event trigger."""
        return cast(EventTrigger, self.trigger)

    @cached_property
    def matcher(self) -> EventMatcher:
        """The conditions of an event trigger."""
        return EventMatcher(self.event_trigger)

    @cached_property
    def children(self) -> list[Node]:
        """The triggers of a composite trigger."""
        if not isinstance(self.trigger, CompositeTrigger):
            return []
        return [
            Node(_trigger_id(child, self.id, position), child, self)
            for position, child in enumerate(self.trigger.triggers)
        ]

    def walk(self) -> Iterator[Node]:
        """Iterate over this trigger and all below it."""
        yield self
        for child in self.children:
            yield from child.walk()


class TriggerTree:
    """The trigger of an automation.

    Args:
        trigger: The trigger.
        automation_id: The id of the automation.
    """

    def __init__(self, trigger: Trigger, automation_id: UUID = NO_ID) -> None:
        self.automation_id = automation_id
        self.root = Node(_trigger_id(trigger, NO_ID, 0), trigger)
        self.nodes = {node.id: node for node in self.root.walk()}
        self.event_nodes = [node for node in self.nodes.values() if isinstance(node.trigger, EventTrigger)]
        self.metric_nodes = [node for node in self.nodes.values() if isinstance(node.trigger, MetricTrigger)]

    def key(self, trigger_id: UUID, labels: Labels) -> BucketKey:
        """Return the key of the bucket of a trigger for a group of events."""
        return BucketKey(self.automation_id, trigger_id, write_group(labels))

    def find_keys(self, occurrence: Occurrence) -> Iterator[BucketKey]:
        """Iterate over the keys of the buckets that an event may change."""
        for node in self._find_concerned(occurrence):
            trigger = node.event_trigger
            if not rules.needs_no_bucket(trigger):
                yield self.key(node.id, _group(trigger, occurrence))
            yield from self.find_keys_above(node.id)

    def find_keys_above(self, trigger_id: UUID) -> Iterator[BucketKey]:
        """Iterate over the keys of the buckets of the composite triggers above a trigger."""
        node = self.nodes[trigger_id]
        while node.parent is not None:
            node = node.parent
            yield self.key(node.id, {})

    def find_rolling(self) -> Iterator[tuple[BucketKey, EventTrigger]]:
        """Iterate over the triggers that always have a window, each with the key of its bucket."""
        for node in self.event_nodes:
            trigger = node.event_trigger
            if rules.rolls(trigger):
                yield self.key(node.id, {}), trigger

    def observe(self, occurrence: Occurrence, buckets: Buckets) -> list[Firing]:
        """Change buckets by an event, and return the firings of the automation.

        Args:
            occurrence: The event.
            buckets: The buckets with the keys of `find_keys`, as far as there are any; those that change are replaced.
        """
        firings: list[Firing] = []
        for node in self._find_concerned(occurrence):
            trigger = node.event_trigger
            labels = _group(trigger, occurrence)
            firing = Firing(occurrence.at, str(occurrence.id), labels, occurrence.key)
            if rules.needs_no_bucket(trigger):
                if node.matcher.expects(occurrence.event):
                    firings += self.fire(node.id, firing, buckets)
                continue
            key = self.key(node.id, labels)
            bucket = buckets.get(key)
            if bucket is not None and bucket.until is not None and bucket.until <= occurrence.occurred:
                firings += self.end_window(key, occurrence.occurred, buckets)
            step = rules.count_event(trigger, node.matcher, buckets.get(key), occurrence, labels)
            buckets[key] = step.bucket
            if step.fired:
                firings += self.fire(node.id, firing, buckets)
        return firings

    def end_window(self, key: BucketKey, at: datetime, buckets: Buckets) -> list[Firing]:
        """End the window of a bucket at a time, and return the firings of the automation."""
        node, bucket = self.nodes.get(key.trigger_id), buckets[key]
        if node is None or bucket is None or bucket.until is None or not isinstance(node.trigger, EventTrigger):
            buckets[key] = None
            return []
        step = rules.end_window(node.trigger, bucket, at)
        buckets[key] = step.bucket
        if not step.fired:
            return []
        return self.fire(
            node.id, Firing(bucket.until, bucket.until.isoformat(), bucket.labels, bucket.event), buckets
        )  # fmt: skip

    def fire(self, trigger_id: UUID, firing: Firing, buckets: Buckets) -> list[Firing]:
        """Tell the composite triggers above a trigger that it fired; return the firing of the root, if it fires."""
        node = self.nodes[trigger_id]
        while node.parent is not None:
            parent = node.parent
            key = self.key(parent.id, {})
            children = [str(child.id) for child in parent.children]
            step: Step = rules.count_child(
                cast(Composite, parent.trigger), children, buckets.get(key), str(node.id), firing.at, firing.event
            )
            buckets[key] = step.bucket
            if not step.fired:
                return []
            node, firing = parent, replace(firing, labels={})
        return [firing]

    def _find_concerned(self, occurrence: Occurrence) -> list[Node]:
        return [
            node
            for node in self.event_nodes
            if node.matcher.concerns_name(occurrence.event) and node.matcher.covers(occurrence)
        ]


def write_group(labels: Labels) -> str:
    """Return the labels of a group of events as text."""
    return orjson.dumps(labels, option=orjson.OPT_SORT_KEYS).decode()


def derive_id(*parts: Any) -> UUID:
    """Return an id that is always the same for the same parts."""
    digest = hashlib.blake2b("\0".join(map(str, parts)).encode("utf-8", "surrogatepass"), digest_size=16)
    return UUID(bytes=digest.digest())


def _trigger_id(trigger: Trigger, parent: UUID, position: int) -> UUID:
    """Return the id of a trigger; one that was never stored gets one from its place."""
    return getattr(trigger, "id", None) or derive_id(parent, position)


def _group(trigger: EventTrigger, occurrence: Occurrence) -> Labels:
    return {label: occurrence.find_label(label) for label in sorted(trigger.for_each)}


# --- many automations ------------------------------------------------------------------------------------------------


class TriggerIndex:
    """The triggers of automations, found by the names of events.

    Args:
        trees: The trigger of each automation, by the automation's id.
    """

    def __init__(self, trees: Mapping[UUID, TriggerTree]) -> None:
        self.trees = dict(trees)
        self._by_name: dict[str, list[UUID]] = {}
        self._others: list[UUID] = []  # those with patterns, or without names
        for id_, tree in self.trees.items():
            names = _exact_names(tree.event_nodes)
            if names is None:
                self._others.append(id_)
            else:
                for name in names:
                    self._by_name.setdefault(name, []).append(id_)

    def find_candidates(self, name: str) -> list[UUID]:
        """Return the automations that an event of this name may concern."""
        others = [
            id_ for id_ in self._others if any(node.matcher.concerns_name(name) for node in self.trees[id_].event_nodes)
        ]
        return [*self._by_name.get(name, ()), *others]


def _exact_names(nodes: Iterable[Node]) -> set[str] | None:
    """Return the names of all events that concern some triggers; None when these are not only exact names."""
    names: set[str] = set()
    for node in nodes:
        trigger = node.event_trigger
        patterns = trigger.expect | trigger.after
        if not trigger.expect or any(pattern.endswith("*") for pattern in patterns):
            return None
        names |= patterns
    return names
