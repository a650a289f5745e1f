"""Values to the JSON of the API and back."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

import orjson

from prefect._lazy import lazy

if TYPE_CHECKING:
    import httpx

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


def decoded(response: httpx.Response) -> Any:
    """What an answer says: its JSON, or its text when it is none; None for an empty one."""
    if not response.content:
        return None
    is_json = response.headers.get("content-type", "application/json").startswith("application/json")
    return orjson.loads(response.content) if is_json else response.text


def as_query(value: Any) -> Any:
    """A value as it is written in the query of a URL; httpx knows how to write booleans, numbers and lists."""
    if isinstance(value, str | int | float | list | tuple):
        return value
    return value.isoformat() if isinstance(value, datetime.datetime) else str(value)
