"""JSON of what is stored and sent: orjson, and a slower exact way for values that orjson does not have.

orjson has no integers beyond 64 bits, which it refuses to write and rounds when it reads, and no lone surrogates. A
text that `dumps` writes with such values begins with a space, which JSON allows: `loads` needs to read the first
character only. JSON of other programs has no such mark; `loads_foreign` searches it for long numbers, at a fraction of
the time that reading takes.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import Enum
from json import JSONDecodeError as JSONDecodeError
from typing import Any, cast

import orjson

from prefect.types import UTC

_MARK = b" "

_SMALLEST, _LARGEST = -(1 << 63), (1 << 64) - 1
"""The integers of orjson."""

_DIGITS_AS_ZEROS = bytes(48 if 48 <= code <= 57 else 32 for code in range(256))
_LONG_NUMBER = b"0" * 19
"""As many digits as the smallest number has that orjson may round, once all digits are zeros."""


def dumps(value: Any, default: Callable[[Any], Any] | None = None, option: int | None = None) -> bytes:
    """Return a value as JSON; arguments as of `orjson.dumps`.

    Raises:
        TypeError: The value has no JSON.
    """
    try:
        return orjson.dumps(value, default, option)
    except TypeError:
        return _MARK + _ExactWriter(default, option).write(value)


def loads(text: bytes | str) -> Any:
    """Return the value of a JSON text that `dumps` wrote, or of one without long numbers and lone surrogates.

    Raises:
        JSONDecodeError: It is not valid JSON.
    """
    return _loads_exactly(text) if text[:1] in (_MARK, " ") else orjson.loads(text)


def loads_foreign(text: bytes) -> Any:
    """Return the value of a JSON text that any program may have written.

    Raises:
        JSONDecodeError: It is not valid JSON.
    """
    if text[:1] == _MARK or _LONG_NUMBER in text.translate(_DIGITS_AS_ZEROS):
        return _loads_exactly(text)
    try:
        return orjson.loads(text)
    except JSONDecodeError:
        if b"\\u" not in text:  # of a lone surrogate
            raise
        return _loads_exactly(text)


def _loads_exactly(text: bytes | str) -> Any:
    try:
        return json.loads(text.decode() if isinstance(text, bytes) else text, parse_constant=_refuse_constant)
    except JSONDecodeError:
        raise
    except (ValueError, RecursionError) as error:  # invalid UTF-8, a number of thousands of digits, deep nesting
        shown = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
        raise JSONDecodeError(str(error), shown, 0) from None


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON value")


def format_time(value: datetime) -> str:
    """Return a time as its `isoformat` does, with all six digits of a second, in a quarter of the time."""
    if value.microsecond and value.tzinfo is UTC:
        return orjson.dumps(value)[1:-1].decode()
    return value.isoformat(timespec="microseconds")


def is_marked(text: bytes | str) -> bool:
    """Return whether a text that `dumps` wrote has values that orjson does not have."""
    return text[:1] in (_MARK, " ")


def replace_surrogates(text: str) -> str:
    r"""Return a text with each lone surrogate as six characters, `\udc80`, so that it can be encoded."""
    if text.isascii():
        return text
    return text.encode("utf-8", "backslashreplace").decode()


def map_texts(value: Any, change: Callable[[str], str]) -> Any:
    """Return JSON with a function applied to all of its texts, including keys."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        pairs = cast("Mapping[Any, Any]", value).items()
        return {map_texts(key, change): map_texts(item, change) for key, item in pairs}
    if isinstance(value, (list, tuple)):
        return [map_texts(item, change) for item in cast("Sequence[Any]", value)]
    return value


class _ExactWriter:
    """Writes what orjson does not have by hand, and everything else with orjson.

    Args:
        default: As of `orjson.dumps`.
        option: As of `orjson.dumps`.
    """

    def __init__(self, default: Callable[[Any], Any] | None, option: int | None) -> None:
        self._own_default = default
        self._option = option

    def write(self, value: Any) -> bytes:
        try:
            return orjson.dumps(self._prepare(value), self._default, self._option)
        except RecursionError:
            raise TypeError("Recursion limit reached") from None

    def _default(self, value: Any) -> Any:
        if self._own_default is None:
            raise TypeError(f"A value of the type {type(value).__name__!r} cannot be written as JSON.")
        return self._prepare(self._own_default(value))

    def _prepare(self, value: Any) -> Any:
        """Return a value of which orjson writes everything."""
        if isinstance(value, str):
            return value if _is_encodable(value) else orjson.Fragment(json.dumps(value))
        if isinstance(value, int):
            return value if _SMALLEST <= value <= _LARGEST else orjson.Fragment(str(int(value)))
        if isinstance(value, dict):
            return self._prepare_object(value)  # pyright: ignore[reportUnknownArgumentType]
        if isinstance(value, (list, tuple)):
            return [self._prepare(item) for item in value]  # pyright: ignore[reportUnknownVariableType]
        if isinstance(value, Enum):
            return self._prepare(value.value)
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return {field.name: self._prepare(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return value

    def _prepare_object(self, value: Mapping[Any, Any]) -> Any:
        if all(_is_key(key) for key in value):
            return {key: self._prepare(item) for key, item in value.items()}
        pairs = (self._write_key(key) + b":" + self.write(item) for key, item in value.items())
        return orjson.Fragment(b"{" + b",".join(pairs) + b"}")

    def _write_key(self, key: Any) -> bytes:
        if isinstance(key, (str, int)) and not _is_key(key):
            return json.dumps(str(key)).encode()
        return orjson.dumps({key: 0}, None, self._option)[1:-3]


def _is_key(key: Any) -> bool:
    if isinstance(key, str):
        return _is_encodable(key)
    return not isinstance(key, int) or _SMALLEST <= key <= _LARGEST


def _is_encodable(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
