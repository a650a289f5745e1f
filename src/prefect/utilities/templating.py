"""Public path of templates; see `prefect.values.templates`."""

from __future__ import annotations

from typing import Any, TypeVar

from prefect.blocks.placeholders import resolve_block_document_references
from prefect.logging import get_logger
from prefect.values import templates
from prefect.values.annotations import NotSet
from prefect.values.nested import get_from_dict
from prefect.values.templates import (
    BLOCK_DOCUMENT_PLACEHOLDER_PREFIX,
    ENV_VAR_PLACEHOLDER_PREFIX,
    PLACEHOLDER_CAPTURE_REGEX,
    VARIABLE_PLACEHOLDER_PREFIX,
    Placeholder,
    PlaceholderType,
    determine_placeholder_type,
    find_placeholders,
)
from prefect.variables import resolve_variables

__all__ = [
    "BLOCK_DOCUMENT_PLACEHOLDER_PREFIX",
    "ENV_VAR_PLACEHOLDER_PREFIX",
    "PLACEHOLDER_CAPTURE_REGEX",
    "VARIABLE_PLACEHOLDER_PREFIX",
    "NotSet",
    "Placeholder",
    "PlaceholderType",
    "apply_values",
    "determine_placeholder_type",
    "find_placeholders",
    "get_from_dict",
    "resolve_block_document_references",
    "resolve_variables",
]

T = TypeVar("T", str, int, float, bool, dict[Any, Any], list[Any], None)


def apply_values(
    template: T,
    values: dict[str, Any],
    remove_notset: bool = True,
    warn_on_notset: bool = False,
    skip_prefixes: list[str] | None = None,
) -> T | type[NotSet]:
    """Fill the placeholders of a template, as `prefect.values.templates.apply_values` does.

    Args:
        warn_on_notset: Log a warning for each placeholder without a value.
    """
    on_missing = _warn_of_missing_value if warn_on_notset else None
    return templates.apply_values(template, values, remove_notset, on_missing, skip_prefixes)


def _warn_of_missing_value(name: str) -> None:
    get_logger("utilities.templating").warning("There is no value for the placeholder %r: is its name right?", name)
