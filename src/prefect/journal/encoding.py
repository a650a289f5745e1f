"""Records as JSON, whatever values a program put into them."""

from __future__ import annotations

from typing import Any

import orjson

MAX_DEPTH = 32
"""How deep a value that cannot be encoded is searched for parts that can."""
_CONTAINERS: Any = (dict, list, tuple, set, frozenset)
ORJSON_OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS


def encode(record: dict[str, Any]) -> bytes:
    """Return a record as one line of JSON; values that JSON does not have become text."""
    try:
        return orjson.dumps(record, str, ORJSON_OPTIONS)
    except (TypeError, ValueError):  # a lone surrogate, an integer of more than 64 bits, a circular value
        kept = {str(key): _make_encodable(value, 0) for key, value in record.items()}
        return orjson.dumps(kept, str, ORJSON_OPTIONS)


def _make_encodable(value: Any, depth: int) -> Any:
    """Return a value that the encoder accepts: parts that it does not accept become text."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if type(value) is int:
        return value if -(1 << 63) <= value < (1 << 63) else str(value)
    if isinstance(value, _CONTAINERS):
        if depth >= MAX_DEPTH:
            return f"<{type(value).__name__}>"
        if hasattr(value, "items"):
            return {_make_encodable(str(key), depth): _make_encodable(item, depth + 1) for key, item in value.items()}
        return [_make_encodable(item, depth + 1) for item in value]
    try:
        orjson.dumps(value, str, ORJSON_OPTIONS)
    except Exception:  # a `__str__` of the user's
        return f"<{type(value).__name__}>"
    return value
