"""Validate values against a JSON schema: the parameters of a flow, the variables of a job.

The schemas are those that `pydantic` makes of Python types, where an optional parameter may be None though its schema
does not allow it.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from prefect._lazy import lazy, lazy_modules
from prefect.types import json_codec

if TYPE_CHECKING:
    import jsonschema
    import jsonschema.exceptions
    import referencing

    from prefect.form_values import linear_patterns
else:
    jsonschema, linear_patterns = lazy_modules("jsonschema", "prefect.form_values.linear_patterns")
    referencing = lazy("referencing")

Schema = Mapping[str, Any]

CHECKED_SCHEMAS = 100
"""Schemas of which it is remembered that they are JSON schemas."""


class InvalidValues(Exception):
    """Values do not satisfy a schema; the message names one and the reason."""


class InvalidSchema(Exception):
    """The schema is not a JSON schema; the message has the reason."""


def validate(values: Mapping[str, Any], schema: Schema, *, partial: bool = False) -> None:
    """Validate values.

    Args:
        values: The values, by name.
        schema: The JSON schema of an object.
        partial: Whether values may be missing.

    Raises:
        InvalidValues: One is not what it must be, or is missing.
        InvalidSchema: The schema is not a JSON schema.
    """
    try:
        error = jsonschema.exceptions.best_match(find_errors(values, schema, partial=partial))
    except RecursionError:
        raise InvalidSchema("The schema refers to itself without end.") from None
    if error is not None:
        raise InvalidValues(describe_error(error))


def describe_error(error: jsonschema.exceptions.ValidationError) -> str:
    """Return which value is wrong, and why."""
    return f"Validation failed{_describe_location(error)}. Failure reason: {error.message}"


def find_errors(
    values: Mapping[str, Any],
    schema: Schema,
    *,
    partial: bool = False,
    allow_none: bool = True,
    allow_none_with_default: bool = False,
) -> list[jsonschema.exceptions.ValidationError]:
    """Return all errors of values.

    Args:
        values: The values, by name.
        schema: The JSON schema of an object.
        partial: Whether values may be missing.
        allow_none: Whether optional values may be null.
        allow_none_with_default: Whether those with a default may be null too.

    Raises:
        InvalidSchema: The schema is not a JSON schema.
    """
    prepared = allow_none_for_optional(schema, allow_none_with_default) if allow_none else dict(schema)
    if partial:
        prepared.pop("required", None)
    try:
        _check_schema(json_codec.dumps(prepared, str))
        # With an empty registry no reference is fetched: a schema must not make the server send requests.
        validator = linear_patterns.LinearValidator(prepared, registry=referencing.Registry())
        return list(validator.iter_errors(dict(values)))
    except jsonschema.exceptions.SchemaError as error:
        raise InvalidSchema(f"It is not a JSON schema: {error.message}.") from None
    except Exception as error:
        if type(error).__module__.partition(".")[0] not in ("referencing", "jsonschema"):
            raise
        raise InvalidSchema(f"The schema refers to what it does not have: {error}.") from None


@functools.lru_cache(CHECKED_SCHEMAS)
def _check_schema(text: bytes) -> None:
    """Check a JSON schema. The result is cached, because the check takes longer than the validation of values."""
    jsonschema.Draft202012Validator.check_schema(json_codec.loads(text))


def allow_none_for_optional(schema: Schema, with_default: bool = False) -> dict[str, Any]:
    """Return the schema where optional properties, by default those without a default, may also be null.

    So it is for the object itself and for those that it refers to by name.
    """
    prepared = _allow_none(schema, with_default)
    for place in ("definitions", "$defs"):
        if isinstance(named := schema.get(place), Mapping):
            prepared[place] = {
                name: _allow_none(part, with_default) if isinstance(part, Mapping) else part
                for name, part in named.items()
            }
    return prepared


def _allow_none(schema: Schema, with_default: bool) -> dict[str, Any]:
    prepared = dict(schema)
    properties, required = schema.get("properties"), schema.get("required") or ()
    if isinstance(properties, Mapping):
        prepared["properties"] = {
            name: {"anyOf": [part, {"type": "null"}]}
            if isinstance(part, Mapping) and name not in required and (with_default or "default" not in part)
            else part
            for name, part in properties.items()
        }
    return prepared


def _describe_location(error: jsonschema.exceptions.ValidationError) -> str:
    """Return the location of an error as text, for instance ` for field 'a.b[0]'`."""
    path = ""
    for step in error.absolute_path:
        path += f"[{step}]" if isinstance(step, int) else f".{step}" if path else str(step)
    return f" for field {path!r}" if path else ""
