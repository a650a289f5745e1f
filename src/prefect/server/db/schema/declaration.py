"""The declaration of a table: its columns with their kinds, its key and its indexes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

Kind = Literal["uuid", "text", "int", "float", "bool", "time", "duration", "json", "array", "object", "bytes"]
"""`array` and `object` are JSON whose empty value is stored as null; any other JSON value is `json`."""


@dataclass(frozen=True)
class Column:
    """A column: its name, what it holds, and whether every row must have it."""

    name: str
    kind: Kind
    required: bool = False


@dataclass(frozen=True)
class Index:
    """An index on columns, of all rows or those that satisfy a condition in SQL."""

    name: str
    columns: tuple[str, ...]
    unique: bool = False
    where: str | None = None


@dataclass(frozen=True, eq=False)
class Table:
    """A table, the column that identifies its rows, and its indexes."""

    name: str
    columns: tuple[Column, ...]
    key: str = "id"
    indexes: tuple[Index, ...] = ()
    clustered: tuple[str, ...] = ()
    """The columns by which rows are kept in order, where that is not the key."""

    @property
    def primary(self) -> tuple[str, ...]:
        return self.clustered or (self.key,)

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    @cached_property
    def required(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns if column.required)

    @cached_property
    def kinds(self) -> dict[str, Kind]:
        return {column.name: column.kind for column in self.columns}

    @cached_property
    def coders(self) -> dict[tuple[str, tuple[str, ...]], Any]:
        """Cached encoders and decoders, by the name of the dialect and the names of the columns."""
        return {}


def columns(kind: Kind, names: str) -> tuple[Column, ...]:
    """Declare columns of one kind; a name that ends in `!` is required."""
    return tuple(Column(name.rstrip("!"), kind, name.endswith("!")) for name in names.split())


RECORD_COLUMNS = (*columns("uuid", "id!"), *columns("time", "created! updated!"))
"""The first columns of most tables: the id of a row, and when it was created and last updated."""
