"""Mask the secrets in a block's data, and restore them when the masked data is sent back.

A block schema names its secrets by their paths: `"token"`, `"auth.token"`, or `"headers.*"` for everything in a field.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

MASK = "********"


def hide_secrets(data: Mapping[str, Any], paths: Iterable[str]) -> dict[str, Any]:
    """Return the data with asterisks for each secret. Names within a secret stay, and null stays null."""
    hidden = dict(data)
    for path in paths:
        _mask_path(hidden, path.split("."))
    return hidden


def restore_secrets(data: Any, stored: Any) -> Any:
    """Return the data with the stored values in place of asterisks."""
    if data == MASK:
        return stored
    if isinstance(data, Mapping) and isinstance(stored, Mapping):
        return {name: restore_secrets(value, stored.get(name, value)) for name, value in data.items()}
    if isinstance(data, list) and isinstance(stored, list) and len(data) == len(stored):
        return [restore_secrets(value, other) for value, other in zip(data, stored, strict=True)]
    return data


def drop_secret_fields(data: Mapping[str, Any], paths: Iterable[str]) -> dict[str, Any]:
    """Return the fields in which nothing is secret."""
    secret = {path.split(".")[0] for path in paths}
    return {name: value for name, value in data.items() if name not in secret}


def _mask_path(data: dict[str, Any], path: list[str]) -> None:
    name, *rest = path
    if name not in data:
        return
    value = data[name]
    if not rest or rest == ["*"]:
        data[name] = None if value is None and not rest else _mask_value(value)
    elif isinstance(value, Mapping):
        data[name] = dict(value)
        _mask_path(data[name], rest)


def _mask_value(value: Any) -> Any:
    if isinstance(value, Mapping) and value:
        return {name: _mask_value(item) for name, item in value.items()}
    return MASK
