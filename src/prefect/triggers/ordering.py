"""The order in which events are evaluated: by time, but never before the event that they follow."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from prefect.triggers.occurrences import Occurrence


def order_by_cause(occurrences: Sequence[Occurrence]) -> list[Occurrence]:
    """Return events in the order of their times, each behind the one that it follows, if that is among them."""
    waiting: dict[UUID, list[Occurrence]] = {}
    ids = {occurrence.id for occurrence in occurrences}
    ordered: list[Occurrence] = []
    placed: set[UUID] = set()
    for occurrence in sorted(occurrences, key=lambda one: one.key):
        before = occurrence.follows
        if before is not None and before in ids and before not in placed and before != occurrence.id:
            waiting.setdefault(before, []).append(occurrence)
            continue
        ready = [occurrence]
        while ready:
            one = ready.pop(0)
            ordered.append(one)
            placed.add(one.id)
            ready += waiting.pop(one.id, ())
    # Events that follow each other in a circle have no order but their times.
    rest = [one for some in waiting.values() for one in some]
    return ordered + sorted(rest, key=lambda one: one.key)
