"""The parts of filters: operators, and fields about columns. An operator means the same in every filter."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from prefect.server.db.dialect import Dialect
from prefect.server.db.sql import TRUE, Sql, all_of, any_of, none_of, one_of

FieldCompiler = Callable[[Dialect, Any], Sql]
"""Compiles the filter of a field (for instance `FlowRunFilterName`) to SQL."""


def iterate_fields(criteria: Any) -> Iterator[tuple[str, Any]]:
    """Iterate over the fields of a filter that are set."""
    # From its dictionary: reading a deprecated field as an attribute would warn.
    for name, value in vars(criteria).items():
        if value is not None and name != "operator":
            yield name, value


def combine(criteria: Any, parts: Iterator[Sql]) -> Sql:
    """Return the conditions of a filter joined by its operator."""
    conditions = list(parts)
    if not conditions:
        return TRUE
    operator = getattr(criteria, "operator", None)
    return any_of(conditions) if getattr(operator, "value", operator) == "or_" else all_of(conditions)


# --- operators -------------------------------------------------------------------------------------------------------

OPERATORS: dict[str, Callable[[Dialect, str, Any], Sql]] = {
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


def column(name: str, **own: Callable[[Dialect, str, Any], Sql]) -> FieldCompiler:
    """Return the compiler of a field about one column; `own` replaces operators."""
    operators = {**OPERATORS, **own}

    def compile_field(dialect: Dialect, criteria: Any) -> Sql:
        return combine(
            criteria, (operators[operator](dialect, name, value) for operator, value in iterate_fields(criteria))
        )

    return compile_field


def tags(name: str) -> FieldCompiler:
    """Return the compiler of a field about a JSON array of strings, of which the empty one is stored as null."""
    return column(
        name,
        any_=lambda dialect, expression, value: dialect.array_has_any(expression, value),
        all_=lambda dialect, expression, value: dialect.array_has_all(expression, value),
    )
