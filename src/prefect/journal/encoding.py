"""Encode records as JSON; values that JSON does not have become text."""

from __future__ import annotations

from typing import Any

import orjson

from prefect.types import json_codec

MAX_DEPTH = 32
"""How deep a value that cannot be encoded is searched for parts that can."""
_CONTAINERS: Any = (dict, list, tuple, set, frozenset)
ORJSON_OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS


_EXACT_FIELDS = frozenset(("parameters", "context", "data", "metadata_"))
"""Fields of records whose values are kept as they are; the texts of others are searched and shown as text."""


def encode(record: dict[str, Any]) -> bytes:
    """Return a record as one line of JSON; values that JSON does not have become text."""
    try:
        return orjson.dumps(record, str, ORJSON_OPTIONS)
    except (TypeError, ValueError):  # a lone surrogate, an integer of more than 64 bits, a circular value
        kept = {str(key): _keep(str(key), value) for key, value in record.items()}
        return json_codec.dumps(kept, str, ORJSON_OPTIONS)


def _keep(field: str, value: Any) -> Any:
    if field in _EXACT_FIELDS:
        try:
            json_codec.dumps(value, str, ORJSON_OPTIONS)
        except Exception:  # a circular value, a `__str__` of the user's
            pass
        else:
            return value
    return _make_encodable(value, 0)


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
