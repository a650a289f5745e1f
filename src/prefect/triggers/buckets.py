"""Buckets: what a trigger remembers between events, and how an event or the end of a window changes it.

A bucket of an event trigger counts events of one group (the values of the labels of `for_each`) in one window. A bucket
of a composite trigger holds when each of its triggers fired last.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from prefect.schemas.automations import CompoundTrigger, EventTrigger, Posture, SequenceTrigger
from prefect.triggers.matching import EventMatcher
from prefect.triggers.occurrences import EventKey, Labels, Occurrence


@dataclass(frozen=True, slots=True)
class Bucket:
    """The stored progress of a trigger.

    Attributes:
        start: When the window began.
        until: When it ends; None when it has no end.
        count: The expected events so far.
        fired: Whether the trigger has fired in this window.
        event: The key of the last event that counted or started the window.
        labels: The group of events, for `for_each`.
        children: When each trigger of a composite one fired last, by its id.
    """

    start: datetime
    until: datetime | None
    count: int = 0
    fired: bool = False
    event: EventKey | None = None
    labels: Labels = field(default_factory=dict[str, str])
    children: Mapping[str, datetime] = field(default_factory=dict[str, datetime])


class Step(NamedTuple):
    """The result of an event or the end of a window: the bucket afterwards, if one is kept, and whether it fired."""

    bucket: Bucket | None
    fired: bool = False


def open_bucket(trigger: EventTrigger, start: datetime, labels: Labels, event: EventKey | None = None) -> Bucket:
    """Return a bucket whose window begins at a time."""
    return Bucket(start, start + trigger.within if trigger.within else None, event=event, labels=labels)


# --- event triggers --------------------------------------------------------------------------------------------------


def needs_no_bucket(trigger: EventTrigger) -> bool:
    """Return whether each expected event fires the trigger, so that there is nothing to remember."""
    is_reactive = trigger.posture is Posture.Reactive
    return is_reactive and trigger.threshold <= 1 and not trigger.within and not trigger.after


def rolls(trigger: EventTrigger) -> bool:
    """Return whether a window of the trigger always runs: it waits for events without another one to start it."""
    return trigger.posture is Posture.Proactive and not trigger.after and not trigger.for_each


def count_event(
    trigger: EventTrigger, matcher: EventMatcher, bucket: Bucket | None, occurrence: Occurrence, labels: Labels
) -> Step:
    """Return what an event of the trigger's resources leads to.

    Args:
        trigger: The trigger.
        matcher: Its conditions.
        bucket: The bucket of the event's group; its window has not ended at the event's time.
        occurrence: The event.
        labels: The group.
    """
    step = Step(bucket)
    if matcher.expects(occurrence.event) and (bucket is not None or not trigger.after):
        opened = bucket or open_bucket(trigger, occurrence.occurred, labels)
        counted = replace(opened, count=opened.count + 1, event=occurrence.key)
        is_enough = counted.count >= max(trigger.threshold, 1)
        settle = _settle_reactive if trigger.posture is Posture.Reactive else _settle_proactive
        step = settle(trigger, counted, occurrence) if is_enough and not counted.fired else Step(counted)
    if step.bucket is None and trigger.after and matcher.starts(occurrence.event):
        return step._replace(bucket=open_bucket(trigger, occurrence.occurred, labels, occurrence.key))
    return step


def _settle_reactive(trigger: EventTrigger, bucket: Bucket, occurrence: Occurrence) -> Step:
    """Fire, because enough events have arrived. Within a window the trigger fires once."""
    has_window = bool(trigger.within) and not trigger.after
    return Step(replace(bucket, fired=True) if has_window else None, fired=True)


def _settle_proactive(trigger: EventTrigger, bucket: Bucket, occurrence: Occurrence) -> Step:
    """Do not fire, because enough events have arrived. Without `after` the next window begins with the last of them."""
    if trigger.after:
        return Step(None)
    return Step(open_bucket(trigger, occurrence.occurred, bucket.labels, occurrence.key))


def end_window(trigger: EventTrigger, bucket: Bucket, at: datetime) -> Step:
    """Return what the end of a bucket's window leads to.

    A proactive trigger fires. If it waits for nothing to start it, its next window follows; of windows that ended
    before `at` without an evaluation, only the last counts.
    """
    assert bucket.until is not None
    if trigger.posture is Posture.Reactive:
        return Step(None)
    if not rolls(trigger):
        return Step(None, fired=True)
    missed = (at - bucket.until) // trigger.within
    start = bucket.until + missed * trigger.within
    return Step(open_bucket(trigger, start, bucket.labels), fired=True)


# --- composite triggers ----------------------------------------------------------------------------------------------


def count_child(
    trigger: CompoundTrigger | SequenceTrigger,
    child_ids: list[str],
    bucket: Bucket | None,
    child_id: str,
    at: datetime,
    event: EventKey | None,
) -> Step:
    """Return what the firing of one of its triggers leads to.

    Args:
        trigger: The composite trigger.
        child_ids: The ids of its triggers, in their order.
        bucket: What it remembers.
        child_id: The trigger that fired.
        at: When it fired.
        event: The event that it fired for.
    """
    children = _forget_old(dict(bucket.children) if bucket else {}, trigger.within, at)
    if isinstance(trigger, SequenceTrigger):
        before = child_ids[: child_ids.index(child_id)]
        if any(other not in children or children[other] > at for other in before):
            return Step(bucket)  # it is not its turn
        required = len(child_ids)
    else:
        required = {"any": 1, "all": len(child_ids)}.get(str(trigger.require)) or int(trigger.require)
    children[child_id] = at
    if len(children) >= required:
        return Step(None, fired=True)
    start = min(children.values())
    until = start + trigger.within if trigger.within else None
    return Step(Bucket(start, until, len(children), event=event, children=children))


def _forget_old(children: dict[str, datetime], within: timedelta | None, at: datetime) -> dict[str, datetime]:
    if not within:
        return children
    return {child: fired for child, fired in children.items() if abs(at - fired) <= within}
