"""Walking, merging and taking apart nested collections, and enums whose values are their names.

`visit_collection` is on the path of every task call: it must stay cheap for a scalar and for a small list or dict, and
must never iterate what it cannot put together again (strings, arrays, generators, files).
"""

from __future__ import annotations

import copy
import io
import itertools
from collections.abc import Callable, Collection, Generator, Hashable, Iterable, Iterator
from enum import Enum, auto
from operator import is_
from typing import Any, TypeAlias, TypeVar, Union, cast, overload

# Programs import these from here.
from prefect.utilities.annotations import BaseAnnotation, Quote, opaque, quote

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
R = TypeVar("R")
KT = TypeVar("KT")
VT = TypeVar("VT")
HashableT = TypeVar("HashableT", bound=Hashable)

NestedDict: TypeAlias = dict[KT, Union[VT, "NestedDict[KT, VT]"]]
"""A dict whose values may be such dicts."""

SCALARS: frozenset[type] = frozenset({type(None), bool, int, float, complex, str, bytes, bytearray})
"""Types, taken exactly, that hold nothing to look into."""


class AutoEnum(str, Enum):  # noqa: UP042  # `str()` of a member shows the enum, which StrEnum's does not
    """An enum of strings in which `auto()` makes each value its name."""

    @staticmethod
    def _generate_next_value_(name: str, start: int, count: int, last_values: list[Any]) -> str:
        return name

    @staticmethod
    def auto() -> str:
        """The value of a member: its name."""
        return cast(str, auto())

    def __repr__(self) -> str:
        return f"{type(self).__name__}.{self.name}"


# --- walking ---------------------------------------------------------------------------------------------------------


class StopVisiting(BaseException):
    """Raised by a visitor that wants nothing inside the present value to be visited; the walk goes on beside it."""


def visit_collection(
    expr: Any,
    visit_fn: Callable[[Any, dict[str, VT]], Any] | Callable[[Any], Any],
    *,
    return_data: bool = False,
    max_depth: int = -1,
    context: dict[str, VT] | None = None,
    remove_annotations: bool = False,
    _seen: dict[int, Any] | None = None,
) -> Any | None:
    """Call a function with a value, then with everything inside it, from the outside in.

    Lists, tuples, sets, dicts (key, then value), dataclasses, pydantic models and annotations are looked into, with
    their subclasses; everything else is one value. What refers to itself is looked into once.

    Args:
        expr: The value.
        visit_fn: Called with each value and, if `context` is given, with the context of that depth.
        return_data: Put a copy together from what `visit_fn` returned; where it changed nothing, the value itself is
            returned. What it returns is looked into in the place of the value.
        max_depth: How many levels to go down; 0 visits only `expr`, a negative number has no limit.
        context: Handed down; each value gets its own copy, so that what a visitor adds is seen only further inside.
        remove_annotations: Return values without their marks.

    Returns:
        The copy if `return_data`, else None.
    """
    seen = {} if _seen is None else _seen
    result = _each((expr,), visit_fn, return_data, max_depth, context, remove_annotations, seen)
    return result[0] if return_data else None


def _each(
    values: Iterable[Any],
    fn: Any,
    change: bool,
    depth: int,
    context: dict[str, Any] | None,
    unmark: bool,
    seen: dict[int, Any],
) -> list[Any]:
    """Visit values that stand side by side, and what is inside them; return what becomes of them."""
    results: list[Any] = []
    for value in values:
        handed_down = context
        try:
            if handed_down is None:
                result = fn(value)
            else:
                handed_down = handed_down.copy()
                result = fn(value, handed_down)
        except StopVisiting:
            results.append(value)
            continue
        if change:
            value = result
        if depth != 0 and type(value) not in SCALARS:
            value = _inside(value, fn, change, depth, handed_down, unmark, seen)
        results.append(value)
    return results


def _inside(
    expr: Any, fn: Any, change: bool, depth: int, context: dict[str, Any] | None, unmark: bool, seen: dict[int, Any]
) -> Any:
    kind = type(expr)
    shape = _SHAPES.get(kind) or _find_shape(kind)
    if shape is None:
        return expr
    known = seen.get(id(expr))
    if known is not None:
        return known[1]
    # The value is kept with its id, which could else be given to another while the walk goes on.
    seen[id(expr)] = (expr, expr)
    take, put = shape
    parts = take(expr)
    depth = 0 if kind is opaque else depth - 1
    new = _each(parts, fn, change, depth, context, unmark, seen)
    if not change:
        return expr
    result = expr
    if unmark and put is _put_annotation:
        result = new[0]
    elif not all(map(is_, new, parts)):
        result = put(expr, new)
    seen[id(expr)] = (expr, result)
    return result


# How to take each kind of value into parts, and to make another one like it from other parts.


def _put_list(expr: list[Any], parts: list[Any]) -> list[Any]:
    if type(expr) is list:
        return parts
    result = copy.copy(expr)
    result[:] = parts
    return result


def _put_tuple(expr: tuple[Any, ...], parts: list[Any]) -> tuple[Any, ...]:
    make = getattr(type(expr), "_make", type(expr))  # a named tuple's constructor takes its items apart
    return make(parts)


def _put_set(expr: set[Any], parts: list[Any]) -> set[Any]:
    return type(expr)(parts)


def _take_dict(expr: dict[Any, Any]) -> list[Any]:
    return [part for item in expr.items() for part in item]


def _put_dict(expr: dict[Any, Any], parts: list[Any]) -> dict[Any, Any]:
    items = zip(parts[::2], parts[1::2], strict=True)
    if type(expr) is dict:
        return dict(items)
    result = copy.copy(expr)  # a subclass may have more to it, such as a default factory
    result.clear()
    for key, value in items:
        result[key] = value
    return result


def _take_annotation(expr: BaseAnnotation[Any]) -> list[Any]:
    return [expr.unwrap()]


def _put_annotation(expr: BaseAnnotation[Any], parts: list[Any]) -> BaseAnnotation[Any]:
    return expr.rewrap(parts[0])


def _fields_set(expr: Any) -> list[str]:
    # A field without init may not be set yet.
    return [name for name in type(expr).__dataclass_fields__ if hasattr(expr, name)]


def _take_dataclass(expr: Any) -> list[Any]:
    return [getattr(expr, name) for name in _fields_set(expr)]


def _put_dataclass(expr: Any, parts: list[Any]) -> Any:
    result = copy.copy(expr)
    for name, value in zip(_fields_set(expr), parts, strict=True):
        if value is not getattr(expr, name):
            object.__setattr__(result, name, value)  # also where the class is frozen
    return result


def _take_model(expr: Any) -> list[Any]:
    return [*expr.__dict__.values(), *(expr.__pydantic_extra__ or {}).values()]


def _put_model(expr: Any, parts: list[Any]) -> Any:
    result = copy.copy(expr)
    for fields in (result.__dict__, result.__pydantic_extra__ or {}):
        names = list(fields)
        fields.update(zip(names, parts, strict=False))
        parts = parts[len(names) :]
    return result


_Shape: TypeAlias = tuple[Callable[[Any], list[Any]], Callable[[Any, list[Any]], Any]]
_SHAPES: dict[type, _Shape] = {
    list: (list, _put_list),
    tuple: (list, _put_tuple),
    dict: (_take_dict, _put_dict),
    set: (list, _put_set),
}


def _find_shape(kind: type) -> _Shape | None:
    if issubclass(kind, BaseAnnotation):
        return _take_annotation, _put_annotation
    for base, shape in _SHAPES.items():
        if issubclass(kind, base):
            return shape
    if hasattr(kind, "__dataclass_fields__"):
        return _take_dataclass, _put_dataclass
    if hasattr(kind, "__pydantic_fields__") and hasattr(kind, "model_fields_set"):
        return _take_model, _put_model
    return None


# --- nested dicts ----------------------------------------------------------------------------------------------------


def dict_to_flatdict(dct: NestedDict[KT, VT]) -> dict[tuple[KT, ...], VT]:
    """Nested dicts as one, keyed by the path to each value. An empty inner dict is a value."""
    result: dict[tuple[KT, ...], Any] = {}
    for key, value in dct.items():
        if isinstance(value, dict) and value:
            inner = dict_to_flatdict(cast("NestedDict[KT, VT]", value))
            result.update({(key, *path): leaf for path, leaf in inner.items()})
        else:
            result[(key,)] = value
    return result


def flatdict_to_dict(dct: dict[tuple[KT, ...], VT]) -> NestedDict[KT, VT]:
    """The nested dicts that `dict_to_flatdict` made one."""
    result: Any = {}
    for path, value in dct.items():
        inner = result
        for key in path[:-1]:
            inner = inner.setdefault(key, {})
        inner[path[-1]] = value
    return result


def deep_merge(dct: dict[str, Any], merge: dict[str, Any]) -> dict[str, Any]:
    """A new dict with the keys of both, merged all the way down where both hold a dict; else `merge` wins."""
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
    """A value deep inside dicts and lists.

    Args:
        keys: The path, as `"a.b[0].c"` or as a list of keys.
        default: What to return where the path leads nowhere.
    """
    value: Any = dct
    for key in _path(keys):
        try:
            value = value[int(key)] if isinstance(value, (list, tuple)) else value[key]
        except (KeyError, IndexError, TypeError, ValueError):
            return default
    return value


def set_in_dict(dct: dict[str, Any], keys: str | list[str], value: Any) -> None:
    """Set a value deep inside dicts, making the dicts on the way.

    Args:
        keys: The path, as `"a.b.c"` or as a list of keys.

    Raises:
        TypeError: Something on the way is there, and is no dict.
    """
    path = _path(keys)
    inner: Any = dct
    for key in path[:-1]:
        inner = inner.setdefault(key, {})
        if not isinstance(inner, dict):
            raise TypeError(f"Cannot set {'.'.join(path)!r}: there is a value at {key!r} that is not a dict.")
    inner[path[-1]] = value


def remove_nested_keys(keys_to_remove: list[HashableT], obj: Any) -> Any:
    """A copy of nested dicts without some keys, at any depth. What is not a dict is returned as it is."""
    if not isinstance(obj, dict):
        return obj
    items = cast("dict[HashableT, Any]", obj).items()
    return {key: remove_nested_keys(keys_to_remove, value) for key, value in items if key not in keys_to_remove}


# --- iterables -------------------------------------------------------------------------------------------------------


def isiterable(obj: Any) -> bool:
    """Whether a task is mapped over this: what can be iterated, except text, bytes and files."""
    try:
        iter(obj)
    except TypeError:
        return False
    return not isinstance(obj, (str, bytes, io.IOBase))


def ensure_iterable(obj: T | Iterable[T]) -> Collection[T]:
    """The value itself if it is a sequence or set (a string is), else a list of it."""
    from collections.abc import Sequence, Set

    if isinstance(obj, (Sequence, Set)):
        return cast("Collection[T]", obj)
    return [cast("T", obj)]


def listrepr(objs: Iterable[Any], sep: str = " ") -> str:
    """The `repr` of each value, joined by `sep`."""
    return sep.join(repr(obj) for obj in objs)


@overload
def extract_instances(objects: Iterable[Any], types: type[T] = object) -> list[T]: ...
@overload
def extract_instances(objects: Iterable[Any], types: tuple[type[T], ...]) -> dict[type[T], list[T]]: ...
def extract_instances(objects: Iterable[Any], types: type[T] | tuple[type[T], ...] = object) -> Any:
    """The objects that are instances of a type, as a list; or of each of several types, as a dict of lists."""
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
    """Tuples of `size` items each, the last one of what is left."""
    iterator = iter(iterable)
    while batch := tuple(itertools.islice(iterator, size)):
        yield batch


def distinct(iterable: Iterable[T], key: Callable[[T], Hashable] | None = None) -> Iterator[T]:
    """Each item the first time it occurs.

    Args:
        key: What makes two items the same, instead of being equal. Needed where items have no hash.
    """
    seen: set[Hashable] = set()
    for item in iterable:
        mark = cast("Hashable", item) if key is None else key(item)
        if mark not in seen:
            seen.add(mark)
            yield item
