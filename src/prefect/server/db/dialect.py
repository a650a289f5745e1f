"""SQL dialects: the storage of the kinds of `tables`, and SQL that differs by database; SQLite here, PostgreSQL in
`postgres`.

SQLite: a UUID is its 16 bytes, a time and a duration are whole microseconds (from 1970, UTC): half the size of their
texts, exact, and ordered as they should be. JSON is text. PostgreSQL: its native types, and `json` rather than `jsonb`,
which would be larger and slower to write. It knows no NUL character in texts, so none is stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import lru_cache
from operator import attrgetter, itemgetter
from typing import Any, ClassVar, NamedTuple
from uuid import UUID

import orjson

from prefect.server.db.errors import Unstorable
from prefect.server.db.schema.tables import Index, Kind, Table
from prefect.server.db.sql import TRUE, Many, Sql, one_of
from prefect.server.db.times import from_micros, to_micros
from prefect.types import json_codec, uuid_from_int

Coder = Callable[[Any], Any]

_MICROSECOND = timedelta(microseconds=1)


def to_json(value: Any) -> str:
    return json_codec.dumps(value, _plain, option=orjson.OPT_NON_STR_KEYS | orjson.OPT_UTC_Z).decode()


def from_json(text: str) -> Any:
    # Hot path: every JSON column of every row that is read.
    return json_codec.loads(text) if text[0] == " " else orjson.loads(text)


def _plain(value: Any) -> Any:
    if isinstance(value, UUID):  # a driver's own class for it
        return str(value)
    raise TypeError(f"A value of the type {type(value).__name__!r} cannot be written as JSON.")


def _object_to_json(value: Any) -> str | None:
    return to_json(value) if value else None


def array_to_json(value: Any) -> str | None:
    """Return a list as JSON, without lone surrogates: conditions on arrays read all of it, which PostgreSQL refuses."""
    if not value:
        return None
    text = to_json(value)
    return to_json(json_codec.map_texts(value, json_codec.replace_surrogates)) if json_codec.is_marked(text) else text


@lru_cache(4096)
def _to_uuid(value: bytes) -> UUID:
    # Hot path: most rows of a page have the same flow, deployment and work queue.
    return uuid_from_int(int.from_bytes(value))


def _to_duration(value: int) -> timedelta:
    return timedelta(microseconds=value)


def _duration_micros(value: timedelta) -> int:
    return value // _MICROSECOND


_SQLITE_TYPES: dict[Kind, str] = {
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
    "bytes": "BLOB",
}


def _read_columns(names: Sequence[str], items: Sequence[Mapping[str, Any]]) -> Iterable[Sequence[Any]]:
    """Return the values of each named column; None where an item has none."""
    if len(names) > 1:
        with suppress(KeyError):  # hot path: half the time that looking up each value takes
            return list(zip(*map(itemgetter(*names), items), strict=True))
    return [[item.get(name) for item in items] for name in names]


def _encode_column(values: Sequence[Any], encode: Coder | None) -> Sequence[Any]:
    """Return the values of a column as the driver takes them. One that many rows share is encoded once for them."""
    if encode is None:
        return values
    encoded: list[Any] = []
    last = last_encoded = None
    for value in values:
        if value is not last:
            last, last_encoded = value, None if value is None else encode(value)
        encoded.append(last_encoded)
    return encoded


_EMPTY: dict[Kind, Callable[[], Any]] = {"array": list, "object": dict}
"""The values that null stands for in columns of kinds where it does not mean None."""


class _Coders(NamedTuple):
    """Encoders and decoders of some columns.

    Attributes:
        encoders: The name of each column, and what encodes it.
        decoders: The index of each column that is decoded, what decodes it, and what null stands for.
    """

    encoders: list[tuple[str, Coder | None]]
    decoders: list[tuple[int, Coder, Callable[[], Any] | None]]


class Dialect:
    """Encode objects as rows and decode them, by the kinds of their columns; SQL that differs by database."""

    name: str
    like_operator = "LIKE"
    """The operator that compares a text with a pattern, without regard to case."""

    lock_clause = ""
    """The clause that locks the rows of a query."""

    now_seconds: ClassVar[str]
    """The current time as seconds from 1970."""

    _types: ClassVar[Mapping[Kind, str]]
    _encoders: ClassVar[Mapping[Kind, Coder]]
    _decoders: ClassVar[Mapping[Kind, Coder]]
    _by_type: ClassVar[Mapping[type, Coder]]

    def statement(self, sql: Sql) -> tuple[str, list[Any]]:
        """Return a statement's text and values as the driver takes them."""
        raise NotImplementedError

    def encode(self, value: Any) -> Any:
        """Return a value of a condition, by its Python type, as the driver takes it."""
        coder = self._by_type.get(type(value))
        if coder is not None:
            return coder(value)
        if isinstance(value, (list, tuple)):
            return [self.encode(item) for item in value]
        if isinstance(value, datetime):  # a subclass of another library's
            return self._by_type[datetime](value)
        return self.encode(value.value) if hasattr(value, "value") else value  # an enum's

    def encode_rows(
        self, table: Table, names: Sequence[str], objects: Iterable[Mapping[str, Any]]
    ) -> list[Sequence[Any]]:
        """Return the named columns of objects as the driver takes them; a missing column is null.

        Raises:
            Unstorable: A value cannot be stored.
        """
        encoders, items = self._coders(table, names).encoders, list(objects)
        try:
            if len(items) > 1:
                columns = zip(_read_columns(names, items), encoders, strict=True)
                return list(zip(*(_encode_column(values, encode) for values, (_, encode) in columns), strict=True))
            return [
                [
                    value if (value := item.get(name)) is None or encode is None else encode(value)
                    for name, encode in encoders
                ]
                for item in items
            ]
        except (TypeError, ValueError, OverflowError) as error:
            raise Unstorable(f"A value of a {table.name} cannot be stored: {error}.") from error

    def decode_rows(self, table: Table, names: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[dict[str, Any]]:
        """Return the driver's rows of the named columns as objects."""
        decoders, rows = self._coders(table, names).decoders, list(rows)
        if len(rows) == 1:  # hot path: reading one object
            row = list(rows[0])
            for index, decode, empty in decoders:
                value = row[index]
                row[index] = (empty and empty()) if value is None else decode(value)
            return [dict(zip(names, row, strict=True))]
        # A column at a time: those that need no decoding, and nulls, which most values are, cost next to nothing.
        columns: list[Sequence[Any]] = list(zip(*rows, strict=True))
        for index, decode, empty in decoders if columns else ():
            values = columns[index]
            columns[index] = [(empty and empty()) if value is None else decode(value) for value in values]
        return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]

    def _coders(self, table: Table, names: Sequence[str]) -> _Coders:
        """Return what encodes and decodes the named columns of a table. Hot path: they are looked up once."""
        key = self.name, tuple(names)
        coders = table.coders.get(key)
        if coders is None:
            kinds: list[Kind] = [table.kinds[name] for name in names]
            decoders = [
                (index, decode, _EMPTY.get(kind))
                for index, kind in enumerate(kinds)
                if (decode := self._decoders.get(kind)) is not None
            ]
            encoders = [(name, self._encoders.get(kind)) for name, kind in zip(names, kinds, strict=True)]
            coders = table.coders[key] = _Coders(encoders, decoders)
        return coders

    def column_type(self, kind: Kind) -> str:
        """Return the type of a column of a kind."""
        return self._types[kind]

    def create_statements(self, table: Table) -> list[str]:
        """Return the statements that create a table and its indexes."""
        columns = [
            f"{column.name} {self._types[column.kind]}"
            + (" NOT NULL" if column.required else "")
            + (" PRIMARY KEY" if (column.name,) == table.primary else "")
            for column in table.columns
        ]
        if len(table.primary) > 1:
            columns.append(f"PRIMARY KEY ({', '.join(table.primary)})")
        create = f"CREATE TABLE {table.name} ({', '.join(columns)}){self._clustered(table)}"
        return [create, *(self._index(table, index) for index in table.indexes)]

    def _clustered(self, table: Table) -> str:
        return ""

    def _index(self, table: Table, index: Index) -> str:
        unique = "UNIQUE " if index.unique else ""
        where = f" WHERE {index.where}" if index.where else ""
        columns = ", ".join(map(self._index_column, index.columns))
        return f"CREATE {unique}INDEX {index.name} ON {table.name} ({columns}){where}"

    def _index_column(self, column: str) -> str:
        return column

    def limit_clause(self, limit: int | None, offset: int) -> Sql:
        """Return the LIMIT and OFFSET of a query."""
        raise NotImplementedError

    def like(self, expression: str, pattern: str) -> Sql:
        """Return a condition: the text matches the pattern, whose wildcards are `%` and `_`, without regard to case."""
        raise NotImplementedError

    def contains(self, expression: str, text: str) -> Sql:
        """Return a condition: the text holds `text`, without regard to case; no character of it is a wildcard."""
        escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        return Sql(f"{expression} {self.like_operator} ? ESCAPE '\\'", (f"%{escaped}%",))

    def matches(self, expression: str, pattern: str) -> Sql:
        """Return a condition: a pattern of `values.linear_patterns` occurs in the text, without regard to case."""
        raise NotImplementedError

    def array_has_any(self, expression: str, values: Sequence[str]) -> Sql:
        """Return a condition: the JSON array holds one of the strings."""
        raise NotImplementedError

    def array_has_all(self, expression: str, values: Sequence[str]) -> Sql:
        """Return a condition: the JSON array holds all of the strings."""
        raise NotImplementedError

    def json_field(self, expression: str, *path: str) -> str:
        """Return the expression of a field of a JSON object as text; no part of `path` is ever a user's."""
        raise NotImplementedError

    def seconds(self, expression: str) -> str:
        """Return the expression of a time as seconds from 1970, or of a duration as seconds."""
        raise NotImplementedError

    def micros(self, expression: str) -> str:
        """Return the expression of a time as whole microseconds from 1970, or of a duration as whole microseconds."""
        raise NotImplementedError

    def bucket(self, expression: str, start: datetime, width: timedelta) -> Sql:
        """Return the expression of the bucket that a time is in; bucket 0 begins at `start`."""
        raise NotImplementedError

    def decode(self, kind: Kind, value: Any) -> Any:
        """Return a driver's value of a kind as a Python value."""
        decode = self._decoders.get(kind)
        return value if value is None or decode is None else decode(value)

    def bytes_contain(self, expression: str, value: bytes) -> Sql:
        """Return a condition: some bytes occur in others."""
        raise NotImplementedError

    def last_item_has(self, expression: str, *path: str) -> Sql:
        """Return a condition: the last item of a JSON array has a value at `path`, which is never a user's."""
        raise NotImplementedError

    def rows_in(self, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> Sql:
        """Return a condition: some columns together equal one of some rows of values."""
        raise NotImplementedError


def rows_of_marks(columns: Sequence[str], rows: Sequence[Any]) -> str:
    return ", ".join([f"({', '.join('?' * len(columns))})"] * len(rows))


MATCH_FUNCTION = "pattern_occurs"
"""The function by which a connection to SQLite finds a pattern in a text."""


class SqliteDialect(Dialect):
    """The dialect of SQLite."""

    name = "sqlite"
    now_seconds = "((julianday('now') - 2440587.5) * 86400.0)"

    _types = _SQLITE_TYPES
    _encoders: ClassVar[Mapping[Kind, Coder]] = {
        "text": json_codec.replace_surrogates,
        "uuid": attrgetter("bytes"),
        "bool": int,
        "time": to_micros,
        "duration": _duration_micros,
        "json": to_json,
        "array": array_to_json,
        "object": _object_to_json,
    }
    _decoders: ClassVar[Mapping[Kind, Coder]] = {
        "uuid": _to_uuid,
        "bool": bool,
        "time": from_micros,
        "duration": _to_duration,
        "json": from_json,
        "array": from_json,
        "object": from_json,
    }
    _by_type: ClassVar[Mapping[type, Coder]] = {
        str: json_codec.replace_surrogates,
        UUID: attrgetter("bytes"),
        datetime: to_micros,
        timedelta: _duration_micros,
        bool: int,
    }

    def _clustered(self, table: Table) -> str:
        # Rows in the order of the key, with no second copy of it in an index.
        return " WITHOUT ROWID" if len(table.primary) > 1 else ""

    def _index_column(self, column: str) -> str:
        return column.removesuffix(" NULLS FIRST")  # its order anyway, which it does not let an index say

    def statement(self, sql: Sql) -> tuple[str, list[Any]]:
        if "?*" not in sql.text:
            return sql.text, [self.encode(value) for value in sql.values]
        text, *pieces = sql.text.split("?")
        values: list[Any] = []
        for piece, value in zip(pieces, sql.values, strict=True):
            encoded = self.encode(value)
            if piece.startswith("*"):
                text += ", ".join("?" * len(encoded)) + piece[1:]
                values += encoded
            else:
                text += "?" + piece
                values.append(encoded)
        return text, values

    def limit_clause(self, limit: int | None, offset: int) -> Sql:
        return Sql(" LIMIT ? OFFSET ?", (-1 if limit is None else limit, offset))

    def like(self, expression: str, pattern: str) -> Sql:
        return Sql(f"{expression} LIKE ?", (pattern,))

    def matches(self, expression: str, pattern: str) -> Sql:
        return Sql(f"{MATCH_FUNCTION}(?, {expression})", (pattern,))

    def array_has_any(self, expression: str, values: Sequence[str]) -> Sql:
        return Sql(f"EXISTS (SELECT 1 FROM json_each({expression}) WHERE value IN (?*))", (Many(values),))

    def array_has_all(self, expression: str, values: Sequence[str]) -> Sql:
        wanted = list(dict.fromkeys(values))
        found = f"(SELECT count(DISTINCT value) FROM json_each({expression}) WHERE value IN (?*))"
        return Sql(f"{found} = ?", (Many(wanted), len(wanted))) if wanted else TRUE

    def json_field(self, expression: str, *path: str) -> str:
        return f"json_extract({expression}, '$.{'.'.join(path)}')"

    def seconds(self, expression: str) -> str:
        return f"({expression} / 1000000.0)"

    def micros(self, expression: str) -> str:
        return expression

    def bucket(self, expression: str, start: datetime, width: timedelta) -> Sql:
        return Sql(f"(({expression} - ?) / ?)", (start, width))

    def last_item_has(self, expression: str, *path: str) -> Sql:
        return Sql(f"json_extract({expression}, '$[#-1].{'.'.join(path)}') IS NOT NULL")

    def bytes_contain(self, expression: str, value: bytes) -> Sql:
        return Sql(f"instr({expression}, ?) > 0", (value,))

    def rows_in(self, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> Sql:
        # A list of rows is a table for SQLite, by which it looks nothing up in an index: by the first column it does.
        first = one_of(columns[0], [row[0] for row in rows])
        marks = rows_of_marks(columns, rows)
        values = tuple(value for row in rows for value in row)
        return Sql(f"({first.text} AND ({', '.join(columns)}) IN (VALUES {marks}))", (*first.values, *values))
