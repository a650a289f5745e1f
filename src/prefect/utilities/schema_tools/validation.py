"""Checking values against a JSON schema, for other people's packages; see `prefect.form_values.json_schemas`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jsonschema
from jsonschema.exceptions import SchemaError
from jsonschema.exceptions import ValidationError as SchemaMismatch

from prefect.form_values import json_schemas

__all__ = ["CircularSchemaRefError", "ValidationError", "is_valid", "is_valid_schema", "validate"]

Schema = Mapping[str, Any]


class CircularSchemaRefError(Exception):
    """A schema refers to itself without end."""


class ValidationError(Exception):
    """Values do not satisfy a schema."""


def validate(
    obj: dict[str, Any],
    schema: Schema,
    raise_on_error: bool = False,
    preprocess: bool = True,
    ignore_required: bool = False,
    allow_none_with_default: bool = False,
) -> list[SchemaMismatch]:
    """Return the errors of values.

    Args:
        obj: The values, by name.
        schema: The JSON schema of an object.
        raise_on_error: Whether to raise the first error instead.
        preprocess: Whether optional properties may be null.
        ignore_required: Whether properties may be missing.
        allow_none_with_default: Whether properties with a default may be null too.

    Raises:
        ValidationError: There is an error, and `raise_on_error` is set.
        CircularSchemaRefError: The schema refers to itself without end.
        ValueError: The schema is not a JSON schema.
    """
    try:
        errors = json_schemas.find_errors(
            obj,
            schema,
            partial=ignore_required,
            allow_none=preprocess,
            allow_none_with_default=allow_none_with_default,
        )
    except RecursionError:
        raise CircularSchemaRefError from None
    except json_schemas.InvalidSchema as error:
        raise ValueError(f"Invalid schema: {error}") from None
    if errors and raise_on_error:
        raise ValidationError(json_schemas.describe_error(errors[0]))
    return errors


def is_valid(obj: dict[str, Any], schema: Schema) -> bool:
    """Return whether values satisfy a schema."""
    return not validate(obj, schema)


def is_valid_schema(schema: Schema, preprocess: bool = True) -> None:
    """Check that a schema is a JSON schema.

    Args:
        schema: The schema.
        preprocess: Whether to check it as it is used, where optional properties may be null.

    Raises:
        ValueError: It is none.
    """
    prepared = json_schemas.allow_none_for_optional(schema) if preprocess else schema
    try:
        jsonschema.Draft202012Validator.check_schema(prepared)
    except SchemaError as error:
        raise ValueError(f"Invalid schema: {error.message}") from error
