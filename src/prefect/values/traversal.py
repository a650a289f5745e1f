"""Visit nested collections, and put them together again.

`visit_collection` is on the path of every task call (hot path): it must stay cheap for a scalar and for a small list or
dict, and must never iterate over what it cannot put together again (strings, arrays, generators, files).
"""

from __future__ import annotations

import copy
import functools
import io
from collections.abc import Callable, Iterable
from operator import is_
from typing import Any, TypeAlias, TypeVar

from prefect.values.annotations import BaseAnnotation, opaque

VT = TypeVar("VT")

SCALARS: frozenset[type] = frozenset({type(None), bool, int, float, complex, str, bytes, bytearray})
"""Types, without their subclasses, that contain no other values."""


# --- walking ---------------------------------------------------------------------------------------------------------


class StopVisiting(BaseException):
    """Raised by a visitor to skip the content of the current value; the traversal continues with the next value."""


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

    Lists, tuples, sets, dicts (key, then value), dataclasses, pydantic models and annotations are traversed, with
    their subclasses; everything else is one value. A value that contains itself is traversed once.

    Args:
        expr: The value.
        visit_fn: Called with each value and, if `context` is not None, with the context of that depth.
        return_data: Build a copy of the results of `visit_fn`; if it changed nothing, the value itself is returned.
            Its result is traversed in place of the value.
        max_depth: How many levels to go down; 0 visits only `expr`, a negative number has no limit.
        context: Passed to `visit_fn`; each value gets a copy, so that additions are seen only inside of it.
        remove_annotations: Return values without their annotations.

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
    """Visit values and their contents, and return the results."""
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
    # The value is kept with its id, which another object could otherwise get during the traversal.
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


# How to split each kind of value into parts, and to build a similar value from other parts.


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


def is_collection_type(kind: type[Any]) -> bool:
    """Return whether values of a type contain others that `visit_collection` visits."""
    return kind in _SHAPES or _find_shape(kind) is not None


@functools.lru_cache
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


def isiterable(obj: Any) -> bool:
    """Return whether a task can be mapped over a value: any iterable except strings, bytes and files."""
    try:
        iter(obj)
    except TypeError:
        return False
    return not isinstance(obj, (str, bytes, io.IOBase))
