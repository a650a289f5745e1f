"""Public path of nested collections and `AutoEnum`; see `prefect.values` and `prefect.types.enums`.

The functions on iterables below are here for other programs only.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Generator, Hashable, Iterable, Iterator, Sequence, Set
from typing import Any, TypeVar, cast, overload

from prefect.types.enums import AutoEnum
from prefect.values.annotations import BaseAnnotation, Quote, opaque, quote
from prefect.values.nested import (
    NestedDict,
    deep_merge,
    deep_merge_dicts,
    dict_to_flatdict,
    flatdict_to_dict,
    get_from_dict,
    remove_nested_keys,
    set_in_dict,
)
from prefect.values.traversal import StopVisiting, isiterable, visit_collection

__all__ = [
    "AutoEnum",
    "BaseAnnotation",
    "NestedDict",
    "Quote",
    "StopVisiting",
    "batched_iterable",
    "deep_merge",
    "deep_merge_dicts",
    "dict_to_flatdict",
    "distinct",
    "ensure_iterable",
    "extract_instances",
    "flatdict_to_dict",
    "get_from_dict",
    "isiterable",
    "listrepr",
    "opaque",
    "quote",
    "remove_nested_keys",
    "set_in_dict",
    "visit_collection",
]

T = TypeVar("T")


def ensure_iterable(obj: T | Iterable[T]) -> Collection[T]:
    """Return the value itself if it is a sequence or set (a string is), else a list of it."""
    if isinstance(obj, (Sequence, Set)):
        return cast("Collection[T]", obj)
    return [cast("T", obj)]


def listrepr(objs: Iterable[Any], sep: str = " ") -> str:
    """Return the `repr` of each value, joined by `sep`."""
    return sep.join(repr(obj) for obj in objs)


@overload
def extract_instances(objects: Iterable[Any], types: type[T] = object) -> list[T]: ...
@overload
def extract_instances(objects: Iterable[Any], types: tuple[type[T], ...]) -> dict[type[T], list[T]]: ...
def extract_instances(objects: Iterable[Any], types: type[T] | tuple[type[T], ...] = object) -> Any:
    """Return the objects that are instances of a type, as a list; or of each of several types, as a dict of lists."""
    kept = list(objects)
    if isinstance(types, type):
        return [obj for obj in kept if isinstance(obj, types)]
    found: dict[type[T], list[T]] = {}
    for obj in kept:
        for kind in types:
            if isinstance(obj, kind):
                found.setdefault(kind, []).append(obj)
    return found


def batched_iterable(iterable: Iterable[T], size: int) -> Generator[tuple[T, ...], None, None]:
    """Yield tuples of `size` items each, the last one of what is left."""
    iterator = iter(iterable)
    while batch := tuple(itertools.islice(iterator, size)):
        yield batch


def distinct(iterable: Iterable[T], key: Callable[[T], Hashable] | None = None) -> Iterator[T]:
    """Yield each item the first time it occurs.

    Args:
        key: What makes two items the same, instead of being equal. Needed where items have no hash.
    """
    seen: set[Hashable] = set()
    for item in iterable:
        mark = cast("Hashable", item) if key is None else key(item)
        if mark not in seen:
            seen.add(mark)
            yield item
