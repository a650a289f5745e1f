"""Small results as text, recorded with a run's last state so that the run can be resumed.

A value becomes JSON when it is exactly JSON, else a pickle if it has a small one. This is not persistence: nothing here
reads settings, touches a file or enables caching. It must stay cheap (it runs once a task), must never raise, and must
never pickle a huge object to its end to find out that it is huge.
"""

from __future__ import annotations

import binascii
import pickle
from math import isfinite
from typing import TYPE_CHECKING, Any

from prefect._lazy import lazy

if TYPE_CHECKING:
    import orjson
else:
    orjson = lazy("orjson")

MAX_INLINE_BYTES = 65536
"""The largest serialized size that is recorded with a state."""

_MAX_DEPTH = 200  # orjson refuses deeper nesting, and a cycle ends here
_PLAIN = frozenset({str, int, float, bool, type(None)})
_SEQUENCES = frozenset({list, tuple, set, frozenset})
_TEXTS = frozenset({str, bytes, bytearray})


class _TooLarge(Exception):
    """The value cannot fit; raised to stop the pickler or the survey immediately."""


def inline(value: Any, limit: int = MAX_INLINE_BYTES, *, allow_pickle: bool = True) -> dict[str, Any] | None:
    """Return `value` as a small JSON-able dictionary, or None when it is too large or cannot be serialized.

    The value is copied: changing it afterwards does not change what was returned.

    Args:
        value: Any object.
        limit: The largest serialized size in bytes.
        allow_pickle: Pickle a value that is not JSON; otherwise None is returned for it.

    Returns:
        `{"format": "json", "body": the value}` for exactly JSON types (`None`, `bool`, `int` of 64 bits, finite
        `float`, `str`, `list`, and `dict` with `str` keys; no subclasses), `{"format": "pickle", "body": base64
        text}` for other values that pickle, else None.
    """
    kind = type(value)
    if value is None or kind is bool or (kind is int and -0x8000000000000000 <= value <= 0x7FFFFFFFFFFFFFFF):
        return {"format": "json", "body": value}
    if kind is float and isfinite(value):
        return {"format": "json", "body": value}
    if kind is str and len(value) < limit and value.isascii():
        # Escapes can make it longer, which matters only to a string that is almost at the limit.
        return {"format": "json", "body": value}
    try:
        return _encode(value, limit, allow_pickle)
    except Exception:
        # User code runs here (`__reduce__`, `__getstate__`); whatever it raises, the task's outcome stands.
        return None


def restore(recorded: dict[str, Any]) -> Any:
    """Return the value that `inline` recorded.

    A pickle runs code when it is loaded: restore only what this installation recorded itself.

    Raises:
        ValueError: `recorded` is not of a known format.
    """
    form = recorded.get("format")
    if form == "json":
        return recorded["body"]
    if form == "pickle":
        return pickle.loads(binascii.a2b_base64(recorded["body"]))
    raise ValueError(f"A recorded result has the unknown format {form!r}; this release reads 'json' and 'pickle'.")


def _encode(value: Any, limit: int, allow_pickle: bool) -> dict[str, Any] | None:
    survey = _Survey(limit)
    try:
        survey.visit(value, 0)
        if survey.is_json:
            try:
                text = orjson.dumps(value)
            except orjson.JSONEncodeError:  # a lone surrogate, an integer of more than 64 bits
                pass
            else:
                return {"format": "json", "body": orjson.loads(text)} if len(text) <= limit else None
        if not allow_pickle:
            return None
        buffer = _Bounded(limit)
        _Pickler(buffer, limit).dump(value)
    except _TooLarge:
        return None
    body = binascii.b2a_base64(b"".join(buffer.parts), newline=False).decode("ascii")
    return {"format": "pickle", "body": body}


class _Survey:
    """A quick look through built-in containers: is it all JSON, and can it fit at all?

    The size is a lower bound: one byte for each item and each character.
    """

    __slots__ = ("is_json", "left")

    def __init__(self, limit: int) -> None:
        self.left = limit
        self.is_json = True

    def visit(self, value: Any, depth: int) -> None:
        kind = type(value)
        if kind is dict:
            if not all(type(key) is str for key in self._counted(value)):
                self.is_json = False
            self._items(value, depth)
            self._items(value.values(), depth)
        elif kind in _SEQUENCES:
            if kind is not list:
                self.is_json = False
            self._items(self._counted(value), depth)
        else:
            self._leaf(value, kind)

    def _counted(self, container: Any) -> Any:
        self.left -= len(container)
        if self.left < 0:
            raise _TooLarge
        return container

    def _items(self, items: Any, depth: int) -> None:
        if depth > _MAX_DEPTH:
            self.is_json = False
            return
        for item in items:
            kind = type(item)
            if kind is int or kind is bool or item is None:
                continue
            if kind is dict or kind in _SEQUENCES:
                self.visit(item, depth + 1)
            else:
                self._leaf(item, kind)

    def _leaf(self, value: Any, kind: type) -> None:
        if kind in _TEXTS:
            self._counted(value)
            if kind is not str:
                self.is_json = False
        elif kind is float:
            if not isfinite(value):
                self.is_json = False
        elif kind not in _PLAIN:
            self.is_json = False
            _check_size(value, self.left)


class _Bounded:
    """A file that refuses to grow beyond its limit."""

    __slots__ = ("left", "parts")

    def __init__(self, limit: int) -> None:
        self.left = limit
        self.parts: list[bytes] = []

    def write(self, data: Any) -> int:
        size = len(data)
        self.left -= size
        if self.left < 0:
            raise _TooLarge
        self.parts.append(bytes(data))
        return size


class _Pickler(pickle.Pickler):
    """A pickler that looks at the size an object declares before it copies the object's memory."""

    def __init__(self, file: _Bounded, limit: int) -> None:
        super().__init__(file, protocol=5)
        self._limit = limit

    def reducer_override(self, obj: Any) -> Any:
        _check_size(obj, self._limit)
        return NotImplemented


def _check_size(value: Any, limit: int) -> None:
    """Raise when an array, a data frame or the like reports a size of more than `limit` bytes."""
    if isinstance(value, type):
        return
    size = getattr(value, "nbytes", None)
    if type(size) is int and size > limit:
        raise _TooLarge
