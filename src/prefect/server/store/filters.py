"""The declarative filters of `prefect.schemas.filters` turned into SQL: the one place that does.

A filter is read by its fields, so a field added to a schema needs one line here: which column it is about, or, for the
few that are not about a column, a function of their own. The operators (`any_`, `like_`, `before_`, …) mean the same
wherever they occur.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from prefect.server.db.dialect import SqliteDialect
from prefect.server.db.sql import FALSE, TRUE, Sql, all_of, any_of, none_of, one_of
from prefect.server.store import text

Meaning = Callable[[SqliteDialect, Any], Sql]
"""What a field's own filter (for instance `FlowRunFilterName`) means in SQL."""


def condition(dialect: SqliteDialect, criteria: Any) -> Sql:
    """What a filter asks of its own table's rows; None asks nothing."""
    if criteria is None:
        return TRUE
    meanings = _MEANINGS[type(criteria).__name__]
    return _combined(criteria, (meanings[name](dialect, value) for name, value in _given(criteria)))


def related(dialect: SqliteDialect, table: str, **filters: Any) -> Sql:
    """What filters on several objects ask of the rows of `table`.

    Args:
        dialect: The database's.
        table: The table that is queried.
        filters: By table name, each a filter or None; those of other tables ask for a row that has such a relation.
    """
    parts: list[Sql] = []
    for other, criteria in filters.items():
        if criteria is None:
            continue
        asked = condition(dialect, criteria)
        parts.append(asked if other == table else Sql(_LINKS[table, other].format(asked.text), asked.values))
    return all_of(parts)


_LINKS = {
    ("flow", "flow_run"): "flow.id IN (SELECT flow_run.flow_id FROM flow_run WHERE {})",
    ("flow", "task_run"): "flow.id IN (SELECT flow_run.flow_id FROM flow_run JOIN task_run"
    " ON task_run.flow_run_id = flow_run.id WHERE {})",
    ("flow_run", "flow"): "flow_run.flow_id IN (SELECT flow.id FROM flow WHERE {})",
    ("flow_run", "task_run"): "flow_run.id IN (SELECT task_run.flow_run_id FROM task_run WHERE {})",
    ("task_run", "flow"): "task_run.flow_run_id IN (SELECT flow_run.id FROM flow_run JOIN flow"
    " ON flow.id = flow_run.flow_id WHERE {})",
    ("task_run", "flow_run"): "task_run.flow_run_id IN (SELECT flow_run.id FROM flow_run WHERE {})",
    ("artifact", "flow"): "artifact.flow_run_id IN (SELECT flow_run.id FROM flow_run JOIN flow"
    " ON flow.id = flow_run.flow_id WHERE {})",
    ("artifact", "flow_run"): "artifact.flow_run_id IN (SELECT flow_run.id FROM flow_run WHERE {})",
    ("artifact", "task_run"): "artifact.task_run_id IN (SELECT task_run.id FROM task_run WHERE {})",
}


def _given(criteria: Any) -> Iterator[tuple[str, Any]]:
    """The fields of a filter that ask something."""
    for name in type(criteria).model_fields:
        value = getattr(criteria, name)
        if value is not None and name != "operator":
            yield name, value


def _combined(criteria: Any, parts: Iterator[Sql]) -> Sql:
    asked = list(parts)
    if not asked:
        return TRUE
    operator = getattr(criteria, "operator", None)
    return any_of(asked) if getattr(operator, "value", operator) == "or_" else all_of(asked)


# --- operators -------------------------------------------------------------------------------------------------------

_OPERATORS: dict[str, Callable[[SqliteDialect, str, Any], Sql]] = {
    "any_": lambda _, column, value: one_of(column, value),
    "not_any_": lambda _, column, value: none_of(column, value),
    "is_null_": lambda _, column, value: Sql(f"{column} IS {'' if value else 'NOT '}NULL"),
    "exists_": lambda _, column, value: Sql(f"{column} IS {'NOT ' if value else ''}NULL"),
    "like_": lambda dialect, column, value: dialect.like(column, f"%{value}%"),
    "before_": lambda _, column, value: Sql(f"{column} <= ?", (value,)),
    "after_": lambda _, column, value: Sql(f"{column} >= ?", (value,)),
    "ge_": lambda _, column, value: Sql(f"{column} >= ?", (value,)),
    "le_": lambda _, column, value: Sql(f"{column} <= ?", (value,)),
}


def _column(column: str, **own: Callable[[SqliteDialect, str, Any], Sql]) -> Meaning:
    """A field about one column; `own` replaces what an operator means for it."""
    operators = {**_OPERATORS, **own}

    def meaning(dialect: SqliteDialect, criteria: Any) -> Sql:
        return _combined(criteria, (operators[name](dialect, column, value) for name, value in _given(criteria)))

    return meaning


def _tags(column: str) -> Meaning:
    """A field about a JSON array of strings, of which the empty one is stored as null."""
    return _column(
        column,
        any_=lambda dialect, expression, value: dialect.array_has_any(expression, value),
        all_=lambda dialect, expression, value: dialect.array_has_all(expression, value),
    )


def _state(table: str) -> Meaning:
    type_, name = _column(f"{table}.state_type"), _column(f"{table}.state_name")

    def meaning(dialect: SqliteDialect, criteria: Any) -> Sql:
        meanings = {"type": type_, "name": name}
        return _combined(criteria, (meanings[field](dialect, value) for field, value in _given(criteria)))

    return meaning


def _created_by(dialect: SqliteDialect, criteria: Any) -> Sql:
    """Who created a run is kept as JSON, whose id and type are asked for rarely enough to read them from it."""

    def part(name: str, value: Any) -> Sql:
        if name == "is_null_":
            return _OPERATORS[name](dialect, "flow_run.created_by", value)
        return one_of(dialect.json_field("flow_run.created_by", name.rstrip("_")), [str(item) for item in value])

    return _combined(criteria, (part(name, value) for name, value in _given(criteria)))


def _parent_flow_run(_: SqliteDialect, criteria: Any) -> Sql:
    asked = one_of("task_run.flow_run_id", criteria.any_) if criteria.any_ is not None else TRUE
    return Sql(f"flow_run.parent_task_run_id IN (SELECT task_run.id FROM task_run WHERE {asked.text})", asked.values)


def _has_subflow(_: SqliteDialect, criteria: Any) -> Sql:
    if criteria.exists_ is None:
        return TRUE
    negation = "" if criteria.exists_ else "NOT "
    return Sql(f"{negation}EXISTS (SELECT 1 FROM flow_run AS sub WHERE sub.parent_task_run_id = task_run.id)")


def _deployed_flow(_: SqliteDialect, criteria: Any) -> Sql:
    """Flows with or without deployments: there are none in the local store."""
    return {None: TRUE, True: TRUE, False: FALSE}[criteria.is_null_]


def _log_text(dialect: SqliteDialect, criteria: Any) -> Sql:
    return text.matching(dialect, ("log.message", "log.name"), criteria.query)


def _key(table: str) -> Meaning:
    # The pattern of a key is used as it is: its author writes the wildcards.
    return _column(f"{table}.key", like_=lambda dialect, column, value: dialect.like(column, value))


_MEANINGS: dict[str, dict[str, Meaning]] = {
    "FlowFilter": {
        "id": _column("flow.id"),
        "name": _column("flow.name"),
        "tags": _tags("flow.tags"),
        "deployment": _deployed_flow,
    },
    "FlowRunFilter": {
        **{
            name: _column(f"flow_run.{name}")
            for name in (
                *("id", "name", "deployment_id", "work_queue_name", "flow_version", "idempotency_key"),
                *("start_time", "end_time", "expected_start_time", "next_scheduled_start_time", "parent_task_run_id"),
            )
        },
        "state": _state("flow_run"),
        "tags": _tags("flow_run.tags"),
        "created_by": _created_by,
        "parent_flow_run_id": _parent_flow_run,
    },
    "TaskRunFilter": {
        **{
            name: _column(f"task_run.{name}")
            for name in ("id", "name", "flow_run_id", "start_time", "end_time", "expected_start_time")
        },
        "state": _state("task_run"),
        "tags": _tags("task_run.tags"),
        "subflow_runs": _has_subflow,
    },
    "LogFilter": {
        **{name: _column(f"log.{name}") for name in ("level", "timestamp", "flow_run_id", "task_run_id")},
        "text": _log_text,
    },
    "ArtifactFilter": {
        **{name: _column(f"artifact.{name}") for name in ("id", "flow_run_id", "task_run_id", "type")},
        "key": _key("artifact"),
    },
    "ArtifactCollectionFilter": {
        **{name: _column(f"artifact.{name}") for name in ("flow_run_id", "task_run_id", "type")},
        "latest_id": _column("artifact.id"),
        "key": _key("artifact"),
    },
}
