"""Fill placeholders: `{{ name }}`, `{{ $ENV }}`, `{{ prefect.blocks... }}`, `{{ prefect.variables... }}`.

They are filled in `prefect.yaml` and in the job templates of work pools. A placeholder is a name, never code.
"""

from __future__ import annotations

import enum
import os
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar, cast

from prefect.values.annotations import NotSet
from prefect.values.nested import get_from_dict

T = TypeVar("T", str, int, float, bool, dict[Any, Any], list[Any], None)

PLACEHOLDER_CAPTURE_REGEX = re.compile(r"({{\s*([\w\.\-\[\]$]+)\s*}})")
BLOCK_DOCUMENT_PLACEHOLDER_PREFIX = "prefect.blocks."
VARIABLE_PLACEHOLDER_PREFIX = "prefect.variables."
ENV_VAR_PLACEHOLDER_PREFIX = "$"


class PlaceholderType(enum.Enum):
    """The source of a placeholder's value."""

    STANDARD = "standard"
    BLOCK_DOCUMENT = "block_document"
    VARIABLE = "variable"
    ENV_VAR = "env_var"


class Placeholder(NamedTuple):
    """A placeholder: its text with braces, its name, and the source of its value."""

    full_match: str
    name: str
    type: PlaceholderType


def determine_placeholder_type(name: str) -> PlaceholderType:
    """Return the source of the value of a placeholder with this name."""
    if name.startswith(BLOCK_DOCUMENT_PLACEHOLDER_PREFIX):
        return PlaceholderType.BLOCK_DOCUMENT
    if name.startswith(VARIABLE_PLACEHOLDER_PREFIX):
        return PlaceholderType.VARIABLE
    if name.startswith(ENV_VAR_PLACEHOLDER_PREFIX):
        return PlaceholderType.ENV_VAR
    return PlaceholderType.STANDARD


def find_placeholders(template: T) -> set[Placeholder]:
    """Return the placeholders in a string, or in the strings inside dicts and lists.

    Raises:
        ValueError: The template contains a value that is not JSON.
    """
    if template is None or isinstance(template, (int, float, bool)):
        return set()
    if isinstance(template, str):
        found = PLACEHOLDER_CAPTURE_REGEX.findall(template)
        return {Placeholder(full, name, determine_placeholder_type(name)) for full, name in found}
    if isinstance(template, (dict, list)):
        inside: Any = template.values() if isinstance(template, dict) else template
        return {placeholder for value in inside for placeholder in find_placeholders(value)}
    raise ValueError(f"A template cannot contain a {type(template).__name__!r}.")


def apply_values(
    template: T,
    values: dict[str, Any],
    remove_notset: bool = True,
    on_missing: Callable[[str], None] | None = None,
    skip_prefixes: list[str] | None = None,
) -> T | type[NotSet]:
    """Fill the placeholders of a template.

    A string that consists of one placeholder becomes the value, of any type; in other strings the value's text is
    inserted. Placeholders of blocks and variables are kept.

    Args:
        values: The values by name; `a.b[0]` addresses a nested value.
        remove_notset: Remove placeholders without a value from strings, and their keys from dicts. Items of lists
            without a value are always removed.
        on_missing: Called with the name of each placeholder without a value.
        skip_prefixes: Keep placeholders whose names begin with these.

    Returns:
        The filled template; `NotSet` if it is one placeholder without a value.

    Raises:
        ValueError: The template contains a value that is not JSON.
    """
    options = (remove_notset, on_missing, skip_prefixes)
    if template is None or isinstance(template, (int, float, bool)):
        return template
    if isinstance(template, str):
        return _fill_text(template, values, *options)
    if isinstance(template, dict):
        filled: dict[Any, Any] = {}
        for key, value in template.items():
            new = apply_values(value, values, *options)
            if new is not NotSet:
                filled[key] = new
            elif not remove_notset:
                filled[key] = value
        return cast("T", filled)
    if isinstance(template, list):
        items = [apply_values(item, values, *options) for item in template]
        return [item for item in items if item is not NotSet]
    raise ValueError(f"A template cannot contain a {type(template).__name__!r}.")


def replace_placeholders(template: Any, values: Mapping[str, Any]) -> Any:
    """Return a template with values in place of placeholders, which are named with their braces.

    A text that consists of one placeholder becomes the value, of any type; in other texts the value's text is inserted.
    """
    if isinstance(template, str):
        if template in values:
            return values[template]
        for full, value in values.items():
            template = template.replace(full, str(value))
        return template
    if isinstance(template, dict):
        parts = cast("dict[Any, Any]", template)
        return {key: replace_placeholders(value, values) for key, value in parts.items()}
    if isinstance(template, list):
        return [replace_placeholders(item, values) for item in cast("list[Any]", template)]
    return template


def _fill_text(
    template: str,
    values: dict[str, Any],
    remove_notset: bool,
    on_missing: Callable[[str], None] | None,
    skip_prefixes: list[str] | None,
) -> Any:
    placeholders = {
        placeholder
        for placeholder in find_placeholders(template)
        if placeholder.type in (PlaceholderType.STANDARD, PlaceholderType.ENV_VAR)
        and not placeholder.name.startswith(tuple(skip_prefixes or ()))
    }
    for full, name, kind in placeholders:
        value = _find_value(name, kind, values)
        if value is NotSet and on_missing is not None:
            on_missing(name)
        if full == template and kind is PlaceholderType.STANDARD:
            return value
        if value is not NotSet:
            template = template.replace(full, str(value))
        elif remove_notset:
            template = template.replace(full, "")
    return template


def _find_value(name: str, kind: PlaceholderType, values: dict[str, Any]) -> Any:
    if kind is PlaceholderType.ENV_VAR:
        return os.environ.get(name.removeprefix(ENV_VAR_PLACEHOLDER_PREFIX), NotSet)
    return get_from_dict(values, name, NotSet)
