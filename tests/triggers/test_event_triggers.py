"""Event triggers: which events count, when a trigger fires, and what it remembers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from prefect.schemas.automations import EventTrigger
from prefect.triggers.occurrences import Firing, Occurrence
from prefect.triggers.ordering import order_by_cause
from prefect.triggers.trees import Buckets, TriggerTree
from prefect.types import new_id

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def seconds(firings: list[Firing]) -> list[float]:
    return [(firing.at - START).total_seconds() for firing in firings]


class Story:
    """A trigger and the events that it sees."""

    def __init__(self, trigger: Any) -> None:
        self.tree = TriggerTree(trigger)
        self.buckets: Buckets = {}
        self.firings: list[Firing] = []

    def see(self, name: str, when: float, resource: str = "x.1", **labels: str) -> None:
        """Let an event happen, after the end of the windows before it."""
        self.wait(when)
        occurrence = Occurrence(at(when), new_id(), name, {"prefect.resource.id": resource, **labels})
        self.firings += self.tree.observe(occurrence, self.buckets)

    def wait(self, until: float) -> None:
        """End the windows that are over at a time."""
        for key, bucket in list(self.buckets.items()):
            if bucket is not None and bucket.until is not None and bucket.until <= at(until):
                self.firings += self.tree.end_window(key, at(until), self.buckets)


def trigger(**values: Any) -> EventTrigger:
    return EventTrigger.model_validate({"match": {"prefect.resource.id": "x.*"}, **values})


@pytest.mark.parametrize(
    ("values", "times", "fired"),
    [
        ({"threshold": 1, "within": 0}, [0, 1, 2], [0, 1, 2]),
        ({"threshold": 0, "within": 0}, [0, 1], [0, 1]),
        ({"threshold": -1, "within": 20}, [0, 1], [0]),
        ({"threshold": 2, "within": 0}, [0, 100, 5000, 5001, 5002], [100, 5001]),
        ({"threshold": 1, "within": 20}, [0, 1, 19, 20, 21], [0, 20]),
        ({"threshold": 3, "within": 20}, [0, 1, 2, 3, 4, 5], [2]),
        ({"threshold": 3, "within": 20}, [0, 1, 21, 22, 23], [23]),
    ],
)
def test_reactive_trigger_fires_at_its_threshold_within_its_window(
    values: dict[str, Any], times: list[float], fired: list[float]
) -> None:
    story = Story(trigger(expect=["a"], **values))
    for when in times:
        story.see("a", when)
    assert seconds(story.firings) == fired


def test_for_each_counts_each_group_by_itself() -> None:
    story = Story(trigger(expect=["a"], threshold=2, within=60, for_each=["prefect.resource.id"]))
    for when, resource in ((0, "x.1"), (1, "x.2"), (2, "x.2"), (3, "x.1")):
        story.see("a", when, resource)
    assert [(firing.labels, firing.at) for firing in story.firings] == [
        ({"prefect.resource.id": "x.2"}, at(2)),
        ({"prefect.resource.id": "x.1"}, at(3)),
    ]


def test_for_each_reads_labels_of_related_resources() -> None:
    event = Occurrence(
        at(0), new_id(), "a", {"prefect.resource.id": "x"}, [{"prefect.resource.role": "flow", "n": "1"}]
    )
    assert (event.find_label("related:flow:n"), event.find_label("related:tag:n")) == ("1", "")


def test_after_arms_a_reactive_trigger_for_one_firing() -> None:
    story = Story(trigger(after=["s"], expect=["a"], within=20))
    for name, when in (("a", 0), ("s", 1), ("a", 2), ("a", 3), ("s", 30), ("a", 51)):
        story.see(name, when)
    assert seconds(story.firings) == [2]


@pytest.mark.parametrize(
    ("match", "match_related", "matches"),
    [
        ({}, {}, True),
        ({"prefect.resource.id": "x.1"}, {}, True),
        ({"prefect.resource.id": ["y", "x.*"], "kind": "!good"}, {}, True),
        ({"prefect.resource.id": "x.*", "kind": "good"}, {}, False),
        ({"missing": "*"}, {}, False),
        ({}, {"prefect.resource.role": "flow", "prefect.resource.id": "f.1"}, True),
        ({}, {"prefect.resource.role": "tag", "prefect.resource.id": "f.1"}, False),
        ({}, [{"prefect.resource.role": "flow"}, {"prefect.resource.role": "tag"}], True),
        ({}, [{"prefect.resource.role": "flow"}, {"prefect.resource.role": "block"}], False),
    ],
)
def test_match_selects_events_by_their_resources(match: Any, match_related: Any, matches: bool) -> None:
    tree = TriggerTree(EventTrigger.model_validate({"match": match, "match_related": match_related}))
    related = [
        {"prefect.resource.id": "f.1", "prefect.resource.role": "flow"},
        {"prefect.resource.id": "t.1", "prefect.resource.role": "tag"},
    ]
    event = Occurrence(at(0), new_id(), "a", {"prefect.resource.id": "x.1", "kind": "bad"}, related)
    assert bool(tree.observe(event, {})) is matches


@pytest.mark.parametrize(
    ("expect", "matches"), [([], True), (["pref*"], True), (["pre"], False), (["b", "prefix"], True)]
)
def test_expect_selects_events_by_their_names(expect: list[str], matches: bool) -> None:
    story = Story(trigger(expect=expect))
    story.see("prefix", 0)
    assert bool(story.firings) is matches


# --- the absence of events -------------------------------------------------------------------------------------------


def test_proactive_trigger_fires_when_nothing_follows_the_event_that_armed_it() -> None:
    story = Story(
        trigger(posture="Proactive", after=["s"], expect=["done"], within=10, for_each=["prefect.resource.id"])
    )
    story.see("s", 0, "x.1")
    story.see("s", 1, "x.2")
    story.see("done", 5, "x.2")
    story.wait(100)
    assert [(firing.labels["prefect.resource.id"], firing.at) for firing in story.firings] == [("x.1", at(10))]
    assert not any(story.buckets.values())


def test_proactive_trigger_is_armed_anew_by_each_event_that_is_both_expected_and_starts_it() -> None:
    heartbeats = {"after": ["beat"], "expect": ["beat", "end"], "for_each": ["prefect.resource.id"]}
    story = Story(trigger(posture="Proactive", within=10, **heartbeats))
    for when in (0, 8, 16):
        story.see("beat", when)
    story.see("beat", 16, "x.2")
    story.see("end", 20, "x.2")
    story.wait(100)
    assert seconds(story.firings) == [26]


def test_proactive_trigger_without_after_fires_once_a_window_until_an_event_arrives() -> None:
    story = Story(trigger(posture="Proactive", expect=["beat"], within=10))
    story.see("beat", 3)
    for when in (12, 13, 23, 24):
        story.wait(when)
    story.see("beat", 25)
    story.wait(34)
    assert seconds(story.firings) == [13, 23]


def test_windows_that_ended_between_evaluations_fire_once() -> None:
    story = Story(trigger(posture="Proactive", expect=["beat"], within=10))
    story.see("beat", 0)
    story.wait(95)
    assert seconds(story.firings) == [10]
    assert [bucket.until for bucket in story.buckets.values() if bucket] == [at(100)]


def test_proactive_trigger_with_a_threshold_wants_that_many_events() -> None:
    story = Story(trigger(posture="Proactive", after=["s"], expect=["a"], threshold=2, within=10))
    story.see("s", 0)
    story.see("a", 1)
    story.see("s", 20)
    story.see("a", 21)
    story.see("a", 22)
    story.wait(100)
    assert seconds(story.firings) == [10]


def test_events_are_ordered_behind_those_that_they_follow() -> None:
    first, second, third = (Occurrence(at(when), new_id(), "a", {}) for when in (3, 2, 1))
    chain = [make_follower(third, second), make_follower(second, first), first]
    assert [one.id for one in order_by_cause(chain)] == [first.id, second.id, third.id]


def test_event_counts_not_before_the_one_that_it_follows() -> None:
    first, second = (Occurrence(at(when), new_id(), "a", {}) for when in (3, 1))
    (follower,) = order_by_cause([make_follower(second, first)], {first.id: first.occurred})
    assert (follower.occurred, follower.at) == (at(1), at(3))
    assert [one.at for one in order_by_cause([make_follower(second, first), first])] == [at(3), at(3)]


def make_follower(occurrence: Occurrence, before: Occurrence) -> Occurrence:
    return Occurrence(occurrence.occurred, occurrence.id, "a", {}, follows=before.id)
