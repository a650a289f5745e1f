"""Mask the secrets in a block's data, and restore them when the masked data is sent back.

A block schema names its secrets by their paths: `"token"`, `"auth.token"`, or `"headers.*"` for everything in a field.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

MASK = "********"


def hide_secrets(data: Mapping[str, Any], paths: Iterable[str]) -> dict[str, Any]:
    """Return the data with asterisks for each secret. Names within a secret stay, and null stays null."""
    hidden: Any = dict(data)
    for path in paths:
        hidden = _mask_path(hidden, path.split("."))
    return hidden


def restore_secrets(data: Any, stored: Any, hidden: Any) -> Any:
    """Return the data with the stored values in place of asterisks.

    Args:
        data: What was sent.
        stored: What is stored.
        hidden: The same with asterisks, as it was shown.
    """
    if data == MASK:
        return stored if hidden == MASK else data
    if isinstance(data, Mapping) and isinstance(stored, Mapping) and isinstance(hidden, Mapping):
        return {
            name: restore_secrets(value, stored[name], hidden[name]) if name in stored and name in hidden else value
            for name, value in data.items()
        }
    if isinstance(data, list) and isinstance(stored, list) and isinstance(hidden, list):
        places = _match_items(data, hidden)
        return [
            item if place is None else restore_secrets(item, stored[place], hidden[place])
            for item, place in zip(data, places, strict=True)
        ]
    return data


def find_masked(data: Any, paths: Iterable[str]) -> str | None:
    """Return a path at which asterisks stand for a secret, if there is one."""
    return next((path for path in paths if _is_masked(data, path.removesuffix(".*").split("."))), None)


def drop_secret_fields(data: Mapping[str, Any], paths: Iterable[str]) -> dict[str, Any]:
    """Return the fields in which nothing is secret."""
    secret = {path.split(".")[0] for path in paths}
    return {name: value for name, value in data.items() if name not in secret}


def _mask_path(data: Any, path: list[str]) -> Any:
    """Return a value with asterisks for what is at a path in it, or in each item of a list."""
    if isinstance(data, list):
        return [_mask_path(item, path) for item in data]
    name, *rest = path
    if not isinstance(data, Mapping) or name not in data:
        return data
    value = data[name]
    if rest and rest != ["*"]:
        return {**data, name: _mask_path(value, rest)}
    return {**data, name: None if value is None and not rest else _mask_value(value)}


def _mask_value(value: Any) -> Any:
    if isinstance(value, Mapping) and value:
        return {name: _mask_value(item) for name, item in value.items()}
    return MASK


def _is_masked(data: Any, path: list[str]) -> bool:
    if isinstance(data, list):
        return any(_is_masked(item, path) for item in data)
    if not path and isinstance(data, Mapping):
        return any(_is_masked(value, []) for value in data.values())
    if not path:
        return data == MASK
    return isinstance(data, Mapping) and path[0] in data and _is_masked(data[path[0]], path[1:])


def _match_items(items: list[Any], shown: list[Any]) -> list[int | None]:
    """Return the place that each item of a list had when it was shown.

    Items that look as they did keep their secrets wherever they are now. In a list of the same length, an item that was
    changed is the one that was in its place.
    """
    free = dict(enumerate(shown))
    places: list[int | None] = [None] * len(items)
    for number, item in enumerate(items):
        if number in free and free[number] == item:
            places[number] = number
            del free[number]
    for number, item in enumerate(items):
        if places[number] is None:
            place = next((place for place, other in free.items() if other == item), None)
            if place is not None:
                places[number] = place
                del free[place]
    if len(items) == len(shown):
        for number, place in enumerate(places):
            if place is None and number in free:
                places[number] = number
    return places
