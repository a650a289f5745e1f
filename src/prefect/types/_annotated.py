"""The constrained types of the interface: pydantic's, and so not imported until one is used."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar, cast

from pydantic import AfterValidator, BeforeValidator, Field, GetJsonSchemaHandler, Secret, TypeAdapter
from pydantic_core import CoreSchema, TzInfo

from prefect._lazy import lazy
from prefect.types import UTC

if TYPE_CHECKING:
    from prefect.types import json_codec
else:
    json_codec = lazy("prefect.types.json_codec")

T = TypeVar("T")

MAX_VARIABLE_VALUE_LENGTH = 5000
"""The most characters that the JSON of a variable's value may have."""

# --- time ------------------------------------------------------------------------------------------------------------


def aware(value: datetime.datetime) -> datetime.datetime:
    """Return the datetime with a zone of the standard library's: UTC where it has none.

    A datetime that was read from JSON has a fixed offset of pydantic's own type, which is replaced by an equal one.
    """
    zone = value.tzinfo
    if zone is UTC:
        return value
    if zone is None:
        return value.replace(tzinfo=UTC)
    if isinstance(zone, TzInfo):
        offset = zone.utcoffset(value)
        return value.replace(tzinfo=datetime.timezone(offset) if offset else UTC)
    return value


def _not_negative(value: datetime.timedelta) -> datetime.timedelta:
    if value < datetime.timedelta(0):
        raise ValueError("A duration must not be negative.")
    return value


def _seconds(value: Any) -> Any:
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return value  # an ISO-8601 duration, which pydantic reads
    return datetime.timedelta(seconds=value) if isinstance(value, int | float) else value


def _known_zone(value: str) -> str:
    from zoneinfo import ZoneInfo

    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"{value!r} is not the name of a time zone, such as 'Europe/Berlin'.") from None
    return value


AwareDateTime = Annotated[datetime.datetime, AfterValidator(aware)]
"""An aware datetime; one without a zone is taken to be in UTC."""

NonNegativeTimeDelta = Annotated[datetime.timedelta, AfterValidator(_not_negative)]
SecondsTimeDelta = Annotated[datetime.timedelta, BeforeValidator(_seconds)]
"""A duration, also accepted as a number of seconds or a text with it."""


@dataclass(frozen=True, eq=False)
class DurationSchema:
    """Annotation that documents a duration as a number of seconds or an ISO 8601 text.

    pydantic accepts both wherever a `timedelta` is expected, but its JSON schema names only the text.

    Attributes:
        number: Constraints of the number of seconds.
        text: Keywords of the text.
        shared: Constraints of both forms.
        output: Constraints of the number that is sent back.
    """

    number: dict[str, Any] = field(default_factory=dict[str, Any])
    text: dict[str, Any] = field(default_factory=lambda: {"format": "duration"})
    shared: dict[str, Any] = field(default_factory=dict[str, Any])
    output: dict[str, Any] = field(default_factory=dict[str, Any])

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        if handler.mode == "serialization":
            return {**handler(schema), **self.output}
        return {"anyOf": [{"type": "number", **self.number}, {"type": "string", **self.text}], **self.shared}


DurationOrSecondsTimeDelta = Annotated[datetime.timedelta, DurationSchema()]
"""A duration: a timedelta, a number of seconds or an ISO 8601 text."""

NonNegativeDuration = Annotated[
    datetime.timedelta,
    Field(ge=datetime.timedelta(0)),
    DurationSchema(shared={"minimum": 0.0}, output={"minimum": 0.0}),
]
"""A duration that is not negative."""

PositiveDuration = Annotated[
    datetime.timedelta,
    Field(gt=datetime.timedelta(0)),
    DurationSchema(number={"exclusiveMinimum": 0.0}, text={}),
]
"""A duration longer than zero."""

TimeZone = Annotated[str, AfterValidator(_known_zone)]
"""The name of a zone in the IANA database."""

# --- numbers ---------------------------------------------------------------------------------------------------------

PositiveInteger = Annotated[int, Field(gt=0)]
NonNegativeInteger = Annotated[int, Field(ge=0)]
NonNegativeFloat = Annotated[float, Field(ge=0.0)]
StatusCode = Annotated[int, Field(ge=100, le=599)]
"""A status of HTTP."""

# --- dictionaries ----------------------------------------------------------------------------------------------------

KeyValueLabels = dict[str, bool | int | float | str]
"""Labels: names with plain values."""


def cast_none_to_empty_dict(value: Any) -> dict[str, Any]:
    """Return an empty dict for None, anything else unchanged."""
    return {} if value is None else value


def convert_none_to_empty_dict(v: KeyValueLabels | None) -> KeyValueLabels:
    """Return no labels for None, anything else unchanged."""
    return {} if v is None else v


def _from_json(value: Any) -> Any:
    return json_codec.loads(value) if isinstance(value, str) else value


KeyValueLabelsField = Annotated[
    KeyValueLabels, BeforeValidator(convert_none_to_empty_dict, json_schema_input_type=KeyValueLabels | None)
]
"""Labels, where None stands for no labels."""

JsonStringOrDict = Annotated[dict[str, str], BeforeValidator(_from_json)]
"""A dict of texts, also accepted as JSON."""


class SecretDict(Secret[dict[str, Any]]):
    """A dict that does not show its values."""


# --- texts -----------------------------------------------------------------------------------------------------------


def _upper(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


def _one_or_many(value: Any) -> Any:
    if isinstance(value, str):
        value = value.split(",")
    if not isinstance(value, Iterable):
        return value
    return [item for item in cast("Iterable[Any]", value) if item]


LaxUrl = str
"""An address, not checked, because it may have parts to be filled in."""

LogLevel = Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"], BeforeValidator(_upper)]
"""The name of a level of the logging module, in any case."""

ListOfNonEmptyStrings = Annotated[list[str], BeforeValidator(_one_or_many)]
"""Texts, the empty ones left out; also accepted as one text with commas."""

# --- values of variables ---------------------------------------------------------------------------------------------

VariableValue = str | int | bool | float | None | dict[str, Any] | list[Any]
"""The value of a variable."""


def check_variable_value(value: object) -> object:
    """Return the value; raise ValueError unless a variable can have it."""
    try:
        size = len(json_codec.dumps(value))
        json.dumps(value, allow_nan=False, default=str)  # the codec writes null for what JSON has no number for
    except (TypeError, ValueError) as error:
        raise ValueError(f"The value of a variable must be JSON-serializable: {error}.") from error
    if size > MAX_VARIABLE_VALUE_LENGTH:
        raise ValueError(f"The value of a variable must be at most {MAX_VARIABLE_VALUE_LENGTH} characters of JSON.")
    return value


StrictVariableValue = Annotated[VariableValue, BeforeValidator(check_variable_value)]
"""The value of a variable, validated."""

# --- values of settings ----------------------------------------------------------------------------------------------


def validate_set_T_from_delim_string(value: str | T | set[T] | None, type_: Any, delim: str | None = None) -> set[T]:
    """Return a set of `type_` from a text whose items are separated by `delim` (a comma), one item, a set, or None."""
    if not value:
        return set()
    items: Iterable[Any]
    if isinstance(value, str):
        items = [item.strip() for item in value.split(delim or ",")]
    elif isinstance(value, set):
        items = cast("set[T]", value)
    else:
        items = [value]
    adapter: TypeAdapter[T] = TypeAdapter(type_)
    return {adapter.validate_python(item, strict=False) for item in items if item != ""}


def parse_retry_delay_input(value: Any) -> Any:
    """Return seconds from a text, several when it has commas, None when it is empty; anything else unchanged."""
    if not isinstance(value, str):
        return value
    try:
        delays = [float(item) for item in value.split(",") if item.strip()]
    except ValueError:
        raise ValueError(f"{value!r} is not a retry delay: give seconds, or several with commas between.") from None
    if not delays:
        return None
    return delays if len(delays) > 1 else delays[0]


ClientRetryExtraCodes = Annotated[
    str | StatusCode | set[StatusCode] | None,
    BeforeValidator(partial(validate_set_T_from_delim_string, type_=StatusCode)),
]
"""HTTP status codes; also accepted as one text with commas."""

TaskRetryDelaySeconds = Annotated[str | int | float | list[float] | None, BeforeValidator(parse_retry_delay_input)]
"""Seconds, or one number of seconds for each retry; also accepted as one text with commas."""
