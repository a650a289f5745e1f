"""Evaluate a trigger on events of the past, as if its automation had existed then."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from prefect.schemas.automations import Trigger
from prefect.triggers.buckets import open_bucket
from prefect.triggers.occurrences import Firing, Occurrence
from prefect.triggers.ordering import order_by_cause
from prefect.triggers.trees import Buckets, TriggerTree


def simulate(trigger: Trigger, occurrences: Iterable[Occurrence], start: datetime, end: datetime) -> list[Firing]:
    """Return when a trigger would have fired between two times.

    Args:
        trigger: The trigger. Metrics are not evaluated: their values of then are not known.
        occurrences: The events of the time.
        start: When the automation would have been created.
        end: When to stop.
    """
    tree = TriggerTree(trigger)
    buckets: Buckets = {key: open_bucket(rolling, start, {}) for key, rolling in tree.find_rolling()}
    firings: list[Firing] = []
    for occurrence in order_by_cause(list(occurrences)):
        firings += _end_windows(tree, buckets, occurrence.occurred)
        firings += tree.observe(occurrence, buckets)
    return firings + _end_windows(tree, buckets, end)


def _end_windows(tree: TriggerTree, buckets: Buckets, at: datetime) -> list[Firing]:
    """End the windows that are over at a time, one after the other."""
    firings: list[Firing] = []
    while True:
        over = [
            (bucket.until, key)
            for key, bucket in buckets.items()
            if bucket is not None and bucket.until is not None and bucket.until <= at
        ]
        if not over:
            return firings
        until, key = min(over)
        firings += tree.end_window(key, until, buckets)


def find_event_names(trigger: Trigger) -> tuple[set[str], set[str]] | None:
    """Return the names, and the beginnings of names, of all events that concern a trigger; None for any event."""
    names: set[str] = set()
    prefixes: set[str] = set()
    for node in TriggerTree(trigger).event_nodes:
        if not node.event_trigger.expect:
            return None
        for pattern in node.event_trigger.expect | node.event_trigger.after:
            (prefixes if pattern.endswith("*") else names).add(pattern.removesuffix("*"))
    return names, prefixes
