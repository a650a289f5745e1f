"""Registries of subclasses by key, such as `"json"`.

The base class of a family is registered with `register_base_type`; then each subclass that has a `__dispatch_key__`
is registered when it is defined.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any, TypeVar, cast

from prefect._lazy import lazy_from

if TYPE_CHECKING:
    from prefect.blocks import core as blocks
    from prefect.blocks import registry as blocks_registry
else:
    blocks, blocks_registry = lazy_from("prefect.blocks", "core", "registry")

T = TypeVar("T", bound=type[Any])

_registries: weakref.WeakKeyDictionary[type, dict[str, Any]] = weakref.WeakKeyDictionary()


def get_registry_for_type(cls: T) -> dict[str, T] | None:
    """Return the classes of the family that a class belongs to, by key; None if it belongs to none."""
    return next((_registries[base] for base in cls.__mro__ if base in _registries), None)


def get_dispatch_key(cls_or_instance: Any, allow_missing: bool = False) -> str | None:
    """Return the key of a class, or of an instance's class.

    Args:
        allow_missing: Return None if it has none, instead of raising.

    Raises:
        ValueError: It has none.
        TypeError: Its key is not a string.
    """
    cls = cls_or_instance if isinstance(cls_or_instance, type) else type(cls_or_instance)
    key: Any = getattr(cls, "__dispatch_key__", None)
    if callable(key):
        key = key()
    if key is None:
        if allow_missing:
            return None
        raise ValueError(f"The class {cls.__name__!r} has no `__dispatch_key__`, so it cannot be looked up.")
    if not isinstance(key, str):
        raise TypeError(f"The `__dispatch_key__` of {cls.__name__!r} must be a string, not {type(key).__name__!r}.")
    return key


def register_base_type(cls: T) -> T:
    """Register a base class. Its subclasses are registered when they are defined."""
    registry = _registries.setdefault(cls, {})
    key = get_dispatch_key(cls, allow_missing=True)
    if key is not None:
        registry[key] = cls
    own: Any = cls.__dict__.get("__init_subclass__")

    def __init_subclass__(subclass: Any, **kwargs: Any) -> None:
        if own is None:
            super(cls, subclass).__init_subclass__(**kwargs)
        else:
            own.__func__(subclass, **kwargs)
        if get_dispatch_key(subclass, allow_missing=True) is not None:
            register_type(subclass)

    cls.__init_subclass__ = classmethod(__init_subclass__)  # pyright: ignore[reportAttributeAccessIssue]
    return cls


def register_type(cls: T) -> T:
    """Register a class in its family. It replaces a class with the same key.

    Raises:
        ValueError: It belongs to none, or has no key.
    """
    registry = get_registry_for_type(cls)
    if registry is None:
        families = ", ".join(repr(base.__name__) for base in _registries)
        raise ValueError(f"The class {cls.__name__!r} inherits from no registered base class ({families}).")
    key = get_dispatch_key(cls)
    assert key is not None
    registry[key] = cls
    return cls


def lookup_type(cls: T, dispatch_key: str) -> T:
    """Return the class of a family that has this key; of blocks, the class of the block type with this slug.

    Raises:
        KeyError: There is none.
    """
    registry = get_registry_for_type(cls) or {}
    if not registry and issubclass(cls, blocks.Block):
        try:
            return cast("T", blocks_registry.find_class(dispatch_key))
        except blocks_registry.UnknownBlockType as error:
            raise KeyError(str(error)) from None
    if dispatch_key not in registry:
        raise KeyError(f"No class of the family of {cls.__name__!r} has the key {dispatch_key!r}.")
    return registry[dispatch_key]
