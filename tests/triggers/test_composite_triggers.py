"""Composite triggers: any, all and some of their triggers, and sequences."""

from __future__ import annotations

from typing import Any

import pytest

from prefect.schemas.automations import CompoundTrigger, SequenceTrigger
from tests.triggers.test_event_triggers import Story, seconds


def events(*names: str) -> list[dict[str, Any]]:
    return [{"type": "event", "expect": [name]} for name in names]


@pytest.mark.parametrize(
    ("require", "within", "seen", "fired"),
    [
        ("all", 60, "a0 b1 a2 b3", [1, 3]),
        ("all", 60, "a0 a1 b2", [2]),
        ("all", 60, "a0 b61 a62", [62]),
        ("all", None, "a0 b100000", [100000]),
        ("any", 60, "a0 b1 c2", [0, 1]),
        (2, 60, "c0 a1 b2", [2]),
    ],
)
def test_compound_trigger_fires_when_enough_of_its_triggers_have(
    require: Any, within: Any, seen: str, fired: list[float]
) -> None:
    story = Story(CompoundTrigger(require=require, within=within, triggers=events("a", "b")))  # pyright: ignore[reportArgumentType]
    for event in seen.split():
        story.see(event[0], float(event[1:]))
    assert seconds(story.firings) == fired


@pytest.mark.parametrize(
    ("within", "seen", "fired"),
    [
        (60, "a0 b1 c2 c3", [2]),
        (60, "b0 a1 c2 b3 c4", [4]),
        (60, "a0 b1 c62", []),
        (60, "a0 a50 b61 c62", [62]),
        (None, "a0 b1000 c100000", [100000]),
    ],
)
def test_sequence_fires_when_its_triggers_have_in_their_order(within: Any, seen: str, fired: list[float]) -> None:
    story = Story(SequenceTrigger(within=within, triggers=events("a", "b", "c")))  # pyright: ignore[reportArgumentType]
    for event in seen.split():
        story.see(event[0], float(event[1:]))
    assert seconds(story.firings) == fired


def test_composite_triggers_nest() -> None:
    both = {"type": "compound", "require": "all", "within": 60, "triggers": events("a", "b")}
    story = Story(SequenceTrigger(within=60, triggers=[both, *events("c")]))  # pyright: ignore[reportArgumentType]
    for name, when in (("c", 0), ("b", 1), ("a", 2), ("c", 3)):
        story.see(name, when)
    assert seconds(story.firings) == [3]


def test_firing_of_a_composite_trigger_names_the_last_event() -> None:
    story = Story(CompoundTrigger(require="all", within=None, triggers=events("a", "b")))  # pyright: ignore[reportArgumentType]
    story.see("b", 0)
    story.see("a", 7)
    (firing,) = story.firings
    assert firing.event is not None and firing.event[0] == firing.at
