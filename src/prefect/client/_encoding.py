"""JSON of the API: request bodies, answers and query values."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

import orjson

from prefect._lazy import lazy
from prefect.types import json_codec

if TYPE_CHECKING:
    import httpx

pydantic: Any = lazy("pydantic")
pydantic_core: Any = lazy("pydantic_core")


def encode(body: Any) -> bytes:
    """Return a body as JSON. Of a model only set fields are sent, since an older server may not know the rest."""
    return json_codec.dumps(body, default=_to_jsonable, option=orjson.OPT_NON_STR_KEYS)


def _to_jsonable(value: Any) -> Any:
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    if isinstance(value, pydantic.BaseModel):
        return value.model_dump(mode="json", exclude_unset=True)
    return pydantic_core.to_jsonable_python(value, timedelta_mode="float")


def decode_response(response: httpx.Response) -> Any:
    """Return the JSON of a response, its text when it is not JSON, None when it is empty."""
    if not response.content:
        return None
    is_json = response.headers.get("content-type", "application/json").startswith("application/json")
    return json_codec.loads_foreign(response.content) if is_json else response.text


def to_query_value(value: Any) -> Any:
    """Return a value as httpx can write it in a query: it handles booleans, numbers and lists itself."""
    if isinstance(value, str | int | float | list | tuple):
        return value
    return value.isoformat() if isinstance(value, datetime.datetime) else str(value)
