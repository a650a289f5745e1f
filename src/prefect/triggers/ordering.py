"""The order in which events are evaluated: by time, but never before the event that they follow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from prefect.triggers.occurrences import Occurrence

NO_PREDECESSORS: Mapping[UUID, datetime] = {}


def order_by_cause(
    occurrences: Sequence[Occurrence], predecessors: Mapping[UUID, datetime] = NO_PREDECESSORS
) -> list[Occurrence]:
    """Return events in the order of their times, each behind the one that it follows, if that is among them.

    Args:
        occurrences: The events.
        predecessors: When events occurred that some of these follow and that were evaluated before, by id.
    """
    waiting: dict[UUID, list[Occurrence]] = {}
    ids = {occurrence.id for occurrence in occurrences}
    ordered: list[Occurrence] = []
    placed = {id_: at for id_, at in predecessors.items() if id_ not in ids}
    for occurrence in sorted(occurrences, key=lambda one: one.key):
        before = occurrence.follows
        if before is not None and before in ids and before not in placed and before != occurrence.id:
            waiting.setdefault(before, []).append(occurrence)
            continue
        ready = [occurrence]
        while ready:
            one = ready.pop(0)
            if one.follows is not None and one.follows in placed:
                one = replace(one, predecessor_at=placed[one.follows])
            ordered.append(one)
            placed[one.id] = one.at
            ready += waiting.pop(one.id, ())
    # Events that follow each other in a circle have no order but their times.
    rest = [one for some in waiting.values() for one in some]
    return ordered + sorted(rest, key=lambda one: one.key)
