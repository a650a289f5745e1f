"""Compile event filters to SQL, as far as the columns of rows allow.

A row holds the time, the name, the resource's id and the flow run of an event; the rest is packed. SQL finds the rows
that may match, and which of them surely do; the others must be unpacked and decided one by one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

from prefect.server.db.dialect import Dialect
from prefect.server.db.sql import FALSE, TRUE, Sql, all_of, any_of, none_of, one_of
from prefect.types import uuid_from_text

SEVERAL_FLOW_RUNS = UUID(int=0)
"""In the place of a flow run's id: the event is about several flow runs."""

FLOW_RUN = "prefect.flow-run"
TASK_RUN = "prefect.task-run"

NAME = f"CASE event.resource WHEN '' THEN '{TASK_RUN}' || event.event ELSE event.event END"
KIND = f"CASE event.resource WHEN '' THEN '{TASK_RUN}' ELSE event.resource END"
"""The name of an event and what its resource is. Task runs' own events, which are most, have neither at full length."""

_RESOURCE_ID = "prefect.resource.id"
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class EventConditions(NamedTuple):
    """The conditions of a filter on rows.

    Attributes:
        possibly: Each row of an event that matches satisfies it.
        surely: Rows that satisfy `possibly` and this are of events that match.
    """

    possibly: Sql = TRUE
    surely: Sql = TRUE

    @property
    def is_certain(self) -> bool:
        """Whether each row that satisfies `possibly` matches."""
        return self.surely is TRUE

    @property
    def is_never_certain(self) -> bool:
        """Whether each row that satisfies `possibly` must be read."""
        return self.surely is FALSE

    @property
    def certain(self) -> Sql:
        """The rows that match."""
        return all_of([self.possibly, self.surely])

    @property
    def uncertain(self) -> Sql:
        """The rows that may match, or not."""
        if self.is_certain:
            return FALSE
        return all_of([self.possibly, Sql(f"({self.surely.text}) IS NOT TRUE", self.surely.values)])


@lru_cache(1000)
def split_resource_id(resource_id: str) -> tuple[str, UUID | None]:
    """Split the id of a resource into its kind and the UUID at its end, if it has one."""
    kind, _, last = resource_id.rpartition(".")
    return (kind, uuid_from_text(last)) if kind and _UUID.fullmatch(last) else (resource_id, None)


def shorten_name(name: str, kind: str) -> tuple[str, str]:
    """Return the name of an event and the kind of its resource as they are stored."""
    return (name[len(TASK_RUN) :], "") if kind == TASK_RUN and name.startswith(f"{TASK_RUN}.") else (name, kind)


def restore_name(name: str, kind: str) -> tuple[str, str]:
    """Reverse `shorten_name`."""
    return (name, kind) if kind else (TASK_RUN + name, TASK_RUN)


def compile_event_filter(dialect: Dialect, criteria: Any) -> EventConditions:
    """Return the conditions of an `EventFilter` on rows, without `distinct`, which does not concern single rows."""
    parts = [_compile_occurred(criteria.occurred), _name(criteria.event), _resource(criteria.resource)]
    parts += [_related(dialect, related) for related in _listed(criteria.related)]
    parts += [_any_resource(dialect, resource) for resource in _listed(criteria.any_resource)]
    parts.append(EventConditions(one_of("event.id", criteria.id.id)) if criteria.id.id else EventConditions())
    if criteria.text is not None and criteria.text.query:
        parts.append(EventConditions(surely=FALSE))
    return _match_all(parts)


def _match_all(parts: Iterable[EventConditions]) -> EventConditions:
    parts = list(parts)
    return EventConditions(
        all_of([part.possibly for part in parts if part.possibly is not TRUE]),
        FALSE
        if any(part.surely is FALSE for part in parts)
        else all_of([part.surely for part in parts if part.surely is not TRUE]),
    )


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _compile_occurred(criteria: Any) -> EventConditions:
    return EventConditions(Sql("event.occurred >= ? AND event.occurred <= ?", (criteria.since, criteria.until)))


def _name(criteria: Any) -> EventConditions:
    if criteria is None:
        return EventConditions()
    parts: list[Sql] = []
    if criteria.prefix:
        parts.append(_starts_with_any(NAME, criteria.prefix))
    if criteria.name:
        parts.append(one_of(NAME, criteria.name))
    if criteria.exclude_prefix:
        begins = _starts_with_any(NAME, criteria.exclude_prefix)
        parts.append(Sql(f"NOT ({begins.text})", begins.values))
    if criteria.exclude_name:
        parts.append(none_of(NAME, criteria.exclude_name))
    return EventConditions(all_of(parts))


def _starts_with_any(column: str, prefixes: Sequence[str]) -> Sql:
    # Not LIKE, which disregards case in one database and not in the other.
    return any_of(Sql(f"substr({column}, 1, ?) = ?", (len(prefix), prefix)) for prefix in prefixes)


def _resource(criteria: Any) -> EventConditions:
    """Return the conditions on the event's own resource."""
    if criteria is None:
        return EventConditions()
    parts: list[EventConditions] = []
    if criteria.id:
        parts.append(EventConditions(any_of(_is(id_) for id_ in criteria.id)))
    if criteria.id_prefix:
        parts.append(_match_any(_id_begins(prefix) for prefix in criteria.id_prefix))
    if criteria.labels is not None and criteria.labels.root:
        parts.append(_labels(criteria.labels))
    return _match_all(parts)


def _is(id_: str) -> Sql:
    kind, last = split_resource_id(id_)
    if last is None:
        return Sql(f"({KIND} = ? AND event.resource_id IS NULL)", (kind,))
    return Sql(f"(event.resource_id = ? AND {KIND} = ?)", (last, kind))


def _id_begins(prefix: str) -> EventConditions:
    begins = Sql(f"substr({KIND}, 1, ?) = ?", (len(prefix), prefix))
    kind, dot, rest = prefix.rpartition(".")
    if not dot:
        return EventConditions(begins)
    # The prefix may end in a part of the UUID that follows a dot.
    within = Sql(f"({KIND} = ? AND event.resource_id IS NOT NULL)", (kind,))
    return EventConditions(any_of([begins, within]), TRUE if not rest else begins)


def _match_any(parts: Iterable[EventConditions]) -> EventConditions:
    parts = list(parts)
    sure = all(part.surely is TRUE for part in parts)
    surely = any_of(part.possibly if part.surely is TRUE else part.surely for part in parts)
    return EventConditions(any_of(part.possibly for part in parts), TRUE if sure else surely)


def _labels(labels: Any) -> EventConditions:
    """Return the conditions on labels: in SQL only those on the id, without negations, which need the event."""
    values = labels.get(_RESOURCE_ID) or []
    if not values or any(value.startswith("!") for value in values):
        return EventConditions(surely=FALSE)
    named = _match_any(
        _id_begins(value[:-1]) if value.endswith("*") else EventConditions(_is(value)) for value in values
    )
    return named if len(labels) == 1 else EventConditions(named.possibly, FALSE)


def _related(dialect: Dialect, criteria: Any) -> EventConditions:
    if not (criteria.id or criteria.role or criteria.resources_in_roles or criteria.labels):
        return EventConditions()
    ids = criteria.id or [id_ for id_, _ in criteria.resources_in_roles or ()]
    return EventConditions(_mentions(dialect, ids), FALSE)


def _any_resource(dialect: Dialect, criteria: Any) -> EventConditions:
    if not (criteria.id or criteria.id_prefix or (criteria.labels and criteria.labels.root)):
        return EventConditions()
    ids = criteria.id
    if not ids and criteria.labels:
        values = criteria.labels.get(_RESOURCE_ID) or []
        ids = values if not any(value[:1] == "!" or value[-1:] == "*" for value in values) else []
    # An event with a single flow run has it in its row.
    only_flow_runs = criteria.id and not criteria.id_prefix and not criteria.labels and _flow_runs(criteria.id)
    sure = Sql("event.flow_run_id <> ?", (SEVERAL_FLOW_RUNS,)) if only_flow_runs else FALSE
    return EventConditions(_mentions(dialect, ids or ()), sure)


def _flow_runs(ids: Sequence[str]) -> list[UUID]:
    """Return the ids of the flow runs, or an empty list if any other resource is named."""
    halves = [split_resource_id(id_) for id_ in ids]
    return (
        [id_ for kind, id_ in halves if id_ and kind == FLOW_RUN] if all(kind == FLOW_RUN for kind, _ in halves) else []
    )


def _mentions(dialect: Dialect, ids: Sequence[str]) -> Sql:
    """Return the condition for events that have one of the resources, also as a related one."""
    if not ids:
        return TRUE
    if flow_runs := _flow_runs(ids):
        return one_of("event.flow_run_id", [*flow_runs, SEVERAL_FLOW_RUNS])
    objects = [last for _, last in map(split_resource_id, ids)]
    if any(last is None for last in objects):
        return TRUE
    # An id that is in the event is in one of its columns, or as it is in what is packed.
    columns = ("resource_id", "flow_run_id", "id", "follows")
    return any_of(
        part
        for last in objects
        if last is not None
        for part in (
            *(Sql(f"event.{column} = ?", (last,)) for column in columns),
            dialect.bytes_contain("event.body", last.bytes),
        )
    )
