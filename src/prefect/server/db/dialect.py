"""How a database stores the kinds of `tables`, and what it calls things. SQLite's is here, PostgreSQL's comes.

SQLite: a UUID is its 16 bytes, a time and a duration are whole microseconds (from 1970, UTC): half the size of their
texts, exact, and ordered as they should be. JSON is text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any
from uuid import UUID

import orjson

from prefect.server.db.sql import Sql, all_of
from prefect.server.db.tables import Index, Kind, Table
from prefect.types import UTC

Coder = Callable[[Any], Any]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def micros(value: datetime) -> int:
    """Whole microseconds from 1970 to `value`; a naive one is taken as UTC."""
    if value.tzinfo is None:
        value = value.replace(tzinfo=UTC)
    return (value - _EPOCH) // _MICROSECOND


def from_micros(value: int) -> datetime:
    """The aware time `value` microseconds after 1970."""
    return _EPOCH + timedelta(microseconds=value)


def _to_json(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS | orjson.OPT_UTC_Z).decode()


def _to_json_unless_empty(value: Any) -> str | None:
    return _to_json(value) if value else None


def _to_uuid(value: bytes) -> UUID:
    return UUID(bytes=value)


def _to_duration(value: int) -> timedelta:
    return timedelta(microseconds=value)


def _duration_micros(value: timedelta) -> int:
    return value // _MICROSECOND


_TYPES: dict[Kind, str] = {
    "uuid": "BLOB",
    "text": "TEXT",
    "int": "INTEGER",
    "float": "REAL",
    "bool": "INTEGER",
    "time": "INTEGER",
    "duration": "INTEGER",
    "json": "TEXT",
    "array": "TEXT",
    "object": "TEXT",
}

_ENCODERS: dict[Kind, Coder] = {
    "uuid": attrgetter("bytes"),
    "bool": int,
    "time": micros,
    "duration": _duration_micros,
    "json": _to_json,
    "array": _to_json_unless_empty,
    "object": _to_json_unless_empty,
}

_DECODERS: dict[Kind, Coder] = {
    "uuid": _to_uuid,
    "bool": bool,
    "time": from_micros,
    "duration": _to_duration,
    "json": orjson.loads,
    "array": orjson.loads,
    "object": orjson.loads,
}

_EMPTY: dict[Kind, Callable[[], Any]] = {"array": list, "object": dict}

_BY_TYPE: dict[type, Coder] = {
    UUID: _ENCODERS["uuid"],
    datetime: micros,
    timedelta: _duration_micros,
    bool: int,
}


class SqliteDialect:
    """SQLite's way of saying things."""

    name = "sqlite"

    def encode(self, value: Any) -> Any:
        """A value of a condition, by its Python type, as the driver takes it."""
        coder = _BY_TYPE.get(type(value))
        if coder is not None:
            return coder(value)
        if isinstance(value, datetime):  # a subclass of another library's
            return micros(value)
        return value.value if hasattr(value, "value") else value  # an enum's

    def rows(self, table: Table, names: Sequence[str], objects: Iterable[Mapping[str, Any]]) -> list[list[Any]]:
        """The named columns of objects as the driver takes them; a missing column is null."""
        encoders = [(name, _ENCODERS.get(table.kinds[name])) for name in names]
        return [
            [
                value if (value := item.get(name)) is None or encode is None else encode(value)
                for name, encode in encoders
            ]
            for item in objects
        ]

    def objects(self, table: Table, names: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[dict[str, Any]]:
        """The driver's rows of the named columns as objects."""
        decoders = [(name, _DECODERS.get(table.kinds[name]), _EMPTY.get(table.kinds[name])) for name in names]
        return [
            {
                name: (empty() if empty else None) if value is None else decode(value) if decode else value
                for (name, decode, empty), value in zip(decoders, row, strict=True)
            }
            for row in rows
        ]

    def create(self, table: Table) -> list[str]:
        """The statements that create a table and its indexes."""
        columns = [
            f"{column.name} {_TYPES[column.kind]}"
            + (" NOT NULL" if column.required else "")
            + (" PRIMARY KEY" if column.name == table.key else "")
            for column in table.columns
        ]
        return [f"CREATE TABLE {table.name} ({', '.join(columns)})", *(self._index(table, i) for i in table.indexes)]

    def _index(self, table: Table, index: Index) -> str:
        unique = "UNIQUE " if index.unique else ""
        where = f" WHERE {index.where}" if index.where else ""
        return f"CREATE {unique}INDEX {index.name} ON {table.name} ({', '.join(index.columns)}){where}"

    def like(self, expression: str, pattern: str) -> Sql:
        """A condition: the text matches the pattern, whose wildcards are `%` and `_`, without regard to case."""
        return Sql(f"{expression} LIKE ?", (pattern,))

    def contains(self, expression: str, text: str) -> Sql:
        """A condition: the text holds `text`, without regard to case; no character of it is a wildcard."""
        escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        return Sql(f"{expression} LIKE ? ESCAPE '\\'", (f"%{escaped}%",))

    def array_has_any(self, expression: str, values: Sequence[str]) -> Sql:
        """A condition: the JSON array holds one of the strings."""
        marks = ", ".join("?" * len(values))
        return Sql(f"EXISTS (SELECT 1 FROM json_each({expression}) WHERE value IN ({marks}))", tuple(values))

    def array_has_all(self, expression: str, values: Sequence[str]) -> Sql:
        """A condition: the JSON array holds all of the strings."""
        return all_of(self.array_has_any(expression, [value]) for value in values)

    def json_field(self, expression: str, name: str) -> str:
        """The text of a field of a JSON object; `name` is never a user's."""
        return f"json_extract({expression}, '$.{name}')"
