"""Values in a form whose JSON differs when they differ, and is equal in every process, for cache keys."""

from __future__ import annotations

import dataclasses
import enum
from typing import TYPE_CHECKING, Any

from prefect._lazy import lazy

if TYPE_CHECKING:
    import pydantic
else:
    pydantic = lazy("pydantic")


def to_hashable(value: Any) -> Any:
    """Return the value in a form whose JSON differs when the value differs.

    Plain JSON is the same for `{1: x}` and `{"1": x}`, for an enum's member and its value, and for two models that
    differ only in a field that is not serialized; a set inside a model has another order in each process; and the
    pickle of an object whose class cannot be imported holds that class, with everything that its methods refer to.
    Other values are returned unchanged, as is one that contains itself.
    """
    try:
        return _convert(value)
    except RecursionError:
        return value


_PLAIN = frozenset({str, int, float, bool, type(None)})
_SETS = frozenset({set, frozenset})


def _convert(value: Any) -> Any:
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind is list or kind is tuple:
        return [_convert(item) for item in value]
    if kind is dict:
        if all(type(key) is str for key in value):
            return {key: _convert(item) for key, item in value.items()}
        items = [[type(key).__qualname__, repr(key), _convert(key), _convert(item)] for key, item in value.items()]
        return {"__class__": "builtins.dict", "data": sorted(items, key=lambda item: item[:2])}
    if kind in _SETS:
        if all(type(item) in _PLAIN for item in value):
            return value
        return _with_class(value, sorted((_convert(item) for item in value), key=repr))
    if isinstance(value, enum.Enum):
        return _with_class(value, [value.name, _convert(value.value)])
    if isinstance(value, pydantic.BaseModel):
        fields = {name: value.__dict__.get(name) for name in kind.model_fields}
        return _with_class(value, _convert({**fields, **(value.model_extra or {})}))
    if dataclasses.is_dataclass(value):
        fields = {each.name: getattr(value, each.name, None) for each in dataclasses.fields(value)}
        return _with_class(value, _convert({**fields, **getattr(value, "__dict__", {})}))
    if isinstance(value, str):
        return _with_class(value, str.__repr__(value))
    if isinstance(value, int):
        return _with_class(value, int.__repr__(value))
    if isinstance(value, float):
        return _with_class(value, float.__repr__(value))
    if kind.__module__ == "__main__" or "<locals>" in kind.__qualname__:
        return _convert_attributes(value)
    return value


def _convert_attributes(value: Any) -> Any:
    """Return the class and the attributes of an object; the object itself if it consists of more than these."""
    try:
        constructor, arguments, state, *items = value.__reduce_ex__(2)
    except (TypeError, ValueError):  # it cannot be pickled, or is pickled as a name
        return value
    is_plain = getattr(constructor, "__name__", "") == "__newobj__"
    if not is_plain or arguments != (type(value),) or items != [None, None]:
        return value
    return _with_class(value, _convert(state))


def _with_class(value: Any, data: Any) -> dict[str, Any]:
    kind = type(value)
    return {"__class__": f"{kind.__module__}.{kind.__qualname__}", "data": data}
