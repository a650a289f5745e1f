"""Values to the JSON of the API and back."""

from __future__ import annotations

import datetime
from typing import Any

import orjson

from prefect._lazy import lazy

pydantic: Any = lazy("pydantic")
pydantic_core: Any = lazy("pydantic_core")


def encoded(body: Any) -> bytes:
    """A body as JSON. Of a model only what was set is sent, because a server may not know fields that are newer."""
    return orjson.dumps(body, default=_plain, option=orjson.OPT_NON_STR_KEYS)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    if isinstance(value, pydantic.BaseModel):
        return value.model_dump(mode="json", exclude_unset=True)
    return pydantic_core.to_jsonable_python(value, timedelta_mode="float")


def decoded(content: bytes) -> Any:
    """What the JSON of an answer says; None for an empty one."""
    return orjson.loads(content) if content else None


def as_query(value: Any) -> Any:
    """A value as it is written in the query of a URL; httpx knows how to write booleans, numbers and lists."""
    if isinstance(value, str | int | float | list | tuple):
        return value
    return value.isoformat() if isinstance(value, datetime.datetime) else str(value)
