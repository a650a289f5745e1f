"""The dialect of PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, ClassVar
from uuid import UUID

from prefect.server.db.dialect import Coder, Dialect, array_to_json, from_json, rows_of_marks, to_json
from prefect.server.db.schema.tables import Kind
from prefect.server.db.sql import TRUE, Sql
from prefect.types import UTC, json_codec, uuid_from_int

_TYPES: dict[Kind, str] = {
    "uuid": "UUID",
    "text": "TEXT",
    "int": "BIGINT",
    "float": "DOUBLE PRECISION",
    "bool": "BOOLEAN",
    "time": "TIMESTAMP WITH TIME ZONE",
    "duration": "INTERVAL",
    "json": "JSON",
    "array": "JSON",
    "object": "JSON",
    "bytes": "BYTEA",
}


def _without_nul(value: str) -> str:
    return json_codec.replace_surrogates(value.replace("\0", "") if "\0" in value else value)


def _pg_json(value: Any) -> str:
    text = to_json(value)
    return to_json(json_codec.map_texts(value, lambda part: part.replace("\0", ""))) if "\\u0000" in text else text


def _pg_array(value: Any) -> str | None:
    text = array_to_json(value)
    return text if text is None or "\\u0000" not in text else array_to_json(json_codec.map_texts(value, _without_nul))


def _pg_object(value: Any) -> str | None:
    return _pg_json(value) if value else None


def _standard_uuid(value: UUID) -> UUID:
    """Convert asyncpg's subclass of UUID, which orjson does not know."""
    return uuid_from_int(value.int)


def _aware(value: datetime) -> datetime:
    return value if value.tzinfo is not None else value.replace(tzinfo=UTC)


@lru_cache(2000)
def _numbered(text: str) -> str:
    """Return a statement with `$1`, `$2`, … for its marks, of which one that stands for many takes an array."""
    text = text.replace("NOT IN (?*)", "<> ALL (?)").replace("IN (?*)", "= ANY (?)")
    first, *others = text.split("?")
    return first + "".join(f"${number}{part}" for number, part in enumerate(others, 1))


class PostgresDialect(Dialect):
    """The dialect of PostgreSQL."""

    name = "postgresql"
    now_seconds = "EXTRACT(EPOCH FROM now())::float8"
    like_operator = "ILIKE"
    lock_clause = " FOR UPDATE"

    _types = _TYPES
    _encoders: ClassVar[Mapping[Kind, Coder]] = {
        "text": _without_nul,
        "time": _aware,
        "json": _pg_json,
        "array": _pg_array,
        "object": _pg_object,
    }
    _decoders: ClassVar[Mapping[Kind, Coder]] = {
        "uuid": _standard_uuid,
        "time": _aware,  # the first and the last moment are infinities to the driver, of no time zone
        "json": from_json,
        "array": from_json,
        "object": from_json,
    }
    _by_type: ClassVar[Mapping[type, Coder]] = {str: _without_nul, datetime: _aware}

    def statement(self, sql: Sql) -> tuple[str, list[Any]]:
        return _numbered(sql.text), [self.encode(value) for value in sql.values]

    def limit_clause(self, limit: int | None, offset: int) -> Sql:
        return Sql(" LIMIT ?::bigint OFFSET ?::bigint", (limit, offset))

    def like(self, expression: str, pattern: str) -> Sql:
        # As in SQLite, a backslash does not escape a wildcard.
        return Sql(f"{expression} ILIKE ? ESCAPE ''", (pattern,))

    def matches(self, expression: str, pattern: str) -> Sql:
        return Sql(f"{expression} ~* ?", (pattern,))

    def array_has_any(self, expression: str, values: Sequence[str]) -> Sql:
        # The operator for this is spelled with the sign that marks a value.
        return Sql(f"jsonb_exists_any({expression}::jsonb, ?::text[])", (list(values),))

    def array_has_all(self, expression: str, values: Sequence[str]) -> Sql:
        return Sql(f"jsonb_exists_all({expression}::jsonb, ?::text[])", (list(values),)) if values else TRUE

    def json_field(self, expression: str, *path: str) -> str:
        return f"{expression} #>> '{{{','.join(path)}}}'"

    def seconds(self, expression: str) -> str:
        return f"EXTRACT(EPOCH FROM {expression})::float8"

    def micros(self, expression: str) -> str:
        return f"(EXTRACT(EPOCH FROM {expression}) * 1000000)::bigint"

    def bucket(self, expression: str, start: datetime, width: timedelta) -> Sql:
        # In whole microseconds, as it is with SQLite: a float would put what is on a border on its wrong side.
        since = self.micros(f"{expression} - ?::timestamptz")
        return Sql(f"({since} / {self.micros('?::interval')})", (start, width))

    def last_item_has(self, expression: str, *path: str) -> Sql:
        return Sql(f"({expression} -> -1) #>> '{{{','.join(path)}}}' IS NOT NULL")

    def bytes_contain(self, expression: str, value: bytes) -> Sql:
        return Sql(f"position(?::bytea IN {expression}) > 0", (value,))

    def rows_in(self, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> Sql:
        marks = rows_of_marks(columns, rows)
        return Sql(f"({', '.join(columns)}) IN ({marks})", tuple(value for row in rows for value in row))
