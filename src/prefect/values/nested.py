"""Merge, flatten and address nested dicts."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, TypeAlias, TypeVar, Union, cast

R = TypeVar("R")
KT = TypeVar("KT")
VT = TypeVar("VT")
HashableT = TypeVar("HashableT", bound=Hashable)

NestedDict: TypeAlias = dict[KT, Union[VT, "NestedDict[KT, VT]"]]
"""A dict whose values may be such dicts."""


def dict_to_flatdict(dct: NestedDict[KT, VT]) -> dict[tuple[KT, ...], VT]:
    """Flatten nested dicts to one, keyed by the path of each value. An empty inner dict is a value."""
    result: dict[tuple[KT, ...], Any] = {}
    for key, value in dct.items():
        if isinstance(value, dict) and value:
            inner = dict_to_flatdict(cast("NestedDict[KT, VT]", value))
            result.update({(key, *path): leaf for path, leaf in inner.items()})
        else:
            result[(key,)] = value
    return result


def flatdict_to_dict(dct: dict[tuple[KT, ...], VT]) -> NestedDict[KT, VT]:
    """Undo `dict_to_flatdict`."""
    result: Any = {}
    for path, value in dct.items():
        inner = result
        for key in path[:-1]:
            inner = inner.setdefault(key, {})
        inner[path[-1]] = value
    return result


def deep_merge(dct: dict[str, Any], merge: dict[str, Any]) -> dict[str, Any]:
    """Merge two dicts into a new one, recursively where both values are dicts; else the value of `merge` wins."""
    result = dict(dct)
    for key, value in merge.items():
        before = result.get(key)
        if isinstance(before, dict) and isinstance(value, dict):
            result[key] = deep_merge(cast("dict[str, Any]", before), cast("dict[str, Any]", value))
        else:
            result[key] = value
    return result


def deep_merge_dicts(*dicts: dict[str, Any]) -> dict[str, Any]:
    """Merge any number of dicts as `deep_merge` does two; later ones win."""
    result: dict[str, Any] = {}
    for dct in dicts:
        result = deep_merge(result, dct)
    return result


def _path(keys: str | list[str]) -> list[str]:
    return keys.replace("[", ".").replace("]", "").split(".") if isinstance(keys, str) else keys


def get_from_dict(dct: dict[str, Any], keys: str | list[str], default: R | None = None) -> Any | R | None:
    """Return a value inside nested dicts and lists.

    Args:
        keys: The path, as `"a.b[0].c"` or as a list of keys.
        default: Returned if the path does not exist.
    """
    value: Any = dct
    for key in _path(keys):
        try:
            value = value[int(key)] if isinstance(value, (list, tuple)) else value[key]
        except (KeyError, IndexError, TypeError, ValueError):
            return default
    return value


def set_in_dict(dct: dict[str, Any], keys: str | list[str], value: Any) -> None:
    """Set a value inside nested dicts, making missing dicts.

    Args:
        keys: The path, as `"a.b.c"` or as a list of keys.

    Raises:
        TypeError: A value on the path is not a dict.
    """
    path = _path(keys)
    inner: Any = dct
    for key in path[:-1]:
        inner = inner.setdefault(key, {})
        if not isinstance(inner, dict):
            raise TypeError(f"Cannot set {'.'.join(path)!r}: there is a value at {key!r} that is not a dict.")
    inner[path[-1]] = value


def remove_nested_keys(keys_to_remove: list[HashableT], obj: Any) -> Any:
    """Return a copy of nested dicts without some keys, at any depth. A value that is not a dict is returned itself."""
    if not isinstance(obj, dict):
        return obj
    items = cast("dict[HashableT, Any]", obj).items()
    return {key: remove_nested_keys(keys_to_remove, value) for key, value in items if key not in keys_to_remove}
