"""The declarative filters of `prefect.schemas.filters` turned into SQL: the one place that does.

A filter is read by its fields, so a field added to a schema needs one line in its group's module: which column it is
about, or, for the few that are not about a column, a function of their own. `LINKS` say how the rows of one table
relate to those of another.
"""

from __future__ import annotations

from typing import Any

from prefect.server.db.dialect import Dialect
from prefect.server.db.sql import TRUE, Sql, all_of
from prefect.server.store.filters import deployments, objects, runs
from prefect.server.store.filters.core import FieldCompiler, combine, iterate_fields

_GROUPS = (runs, deployments, objects)

_COMPILERS: dict[str, dict[str, FieldCompiler]] = {
    name: fields for group in _GROUPS for name, fields in group.COMPILERS.items()
}

_LINKS: dict[tuple[str, str], str] = {tables: text for group in _GROUPS for tables, text in group.LINKS.items()}


def compile_filter(dialect: Dialect, criteria: Any) -> Sql:
    """Return the condition of a filter for the rows of its table; None holds for all."""
    if criteria is None:
        return TRUE
    compilers = _COMPILERS[type(criteria).__name__]
    return combine(criteria, (compilers[name](dialect, value) for name, value in iterate_fields(criteria)))


def compile_filters(dialect: Dialect, table: str, **filters: Any) -> Sql:
    """Return the condition of filters on several tables for the rows of one.

    Args:
        dialect: The database's.
        table: The table that is queried.
        filters: By table name, each a filter or None; those of other tables ask for a row that has such a relation.
    """
    parts: list[Sql] = []
    for other, criteria in filters.items():
        if criteria is None:
            continue
        condition = compile_filter(dialect, criteria)
        parts.append(
            condition if other == table else Sql(_LINKS[table, other].format(condition.text), condition.values)
        )
    return all_of(parts)
