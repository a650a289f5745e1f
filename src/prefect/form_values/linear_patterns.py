"""A validator of JSON schemas that matches every pattern in linear time.

The server does not check a pattern that `values.linear_patterns` do not have, for example one with lookaround; the flow
itself does when it runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import jsonschema
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend

from prefect.values import linear_patterns


def is_match(pattern: Any, text: str) -> bool:
    """Return whether a pattern occurs in a text, or cannot be checked."""
    try:
        return not isinstance(pattern, str) or linear_patterns.is_match(pattern, text)
    except ValueError:
        return True


def _is_known(pattern: str) -> bool:
    try:
        linear_patterns.compile_pattern(pattern)
    except ValueError:
        return False
    return True


def _check_pattern(validator: Any, pattern: Any, instance: Any, _: Any) -> Iterator[ValidationError]:
    if validator.is_type(instance, "string") and not is_match(pattern, instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


def _check_pattern_properties(validator: Any, patterns: Any, instance: Any, _: Any) -> Iterator[ValidationError]:
    if not validator.is_type(instance, "object"):
        return
    for pattern, schema in patterns.items():
        for name, value in instance.items():
            if _is_known(pattern) and is_match(pattern, name):
                yield from validator.descend(value, schema, path=name, schema_path=pattern)


def _check_additional_properties(
    validator: Any, additional: Any, instance: Any, schema: Mapping[str, Any]
) -> Iterator[ValidationError]:
    if not validator.is_type(instance, "object"):
        return
    properties, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    extras = [
        name
        for name in instance
        if name not in properties and not any(is_match(pattern, str(name)) for pattern in patterns)
    ]
    if validator.is_type(additional, "object"):
        for name in extras:
            yield from validator.descend(instance[name], additional, path=name)
    elif not additional and extras:
        shown, verb = ", ".join(map(repr, extras)), "was" if len(extras) == 1 else "were"
        yield ValidationError(f"Additional properties are not allowed ({shown} {verb} unexpected)")


def _check_nothing(*_: Any) -> Iterator[ValidationError]:
    return iter(())


LinearValidator: Any = extend(
    jsonschema.Draft202012Validator,
    {
        "pattern": _check_pattern,
        "patternProperties": _check_pattern_properties,
        "additionalProperties": _check_additional_properties,
        "unevaluatedProperties": _check_nothing,  # it would search all patterns with Python's
    },
)
"""Checks values as `jsonschema.Draft202012Validator` does, but for `unevaluatedProperties`, which it does not check."""
