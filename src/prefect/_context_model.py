"""The base of contexts: values that are current inside their `with` block."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from contextvars import ContextVar, Token
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from typing import Self


class ContextModel:
    """A value that is current inside its `with` block, in this thread and in the coroutines started there.

    A subclass names its variable `__var__` and annotates its fields as in a pydantic model; they are validated. The
    contexts of this module, which a run enters often, list theirs in `_defaults` and `_required` instead, unchecked; a
    default that is a type makes a new value each time.
    """

    _var: ClassVar[ContextVar[Any]]
    _defaults: ClassVar[dict[str, Any]] = {}
    _factories: ClassVar[dict[str, type]] = {}
    _required: ClassVar[tuple[str, ...]] = ()
    _declares_fields: ClassVar[bool] = False
    _token: Token[Any] | None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._factories = {name: default for name, default in cls._defaults.items() if type(default) is type}
        if "_var" in cls.__dict__:
            cls.__var__ = cls._var  # pyright: ignore[reportAttributeAccessIssue]  # the name that programs know
        elif "__var__" in cls.__dict__:
            cls._var = cls.__dict__["__var__"]
            cls._declares_fields = True

    def __init__(self, **values: Any) -> None:
        if self._declares_fields:
            self.__dict__.update(_validate_fields(type(self), values), _token=None, _given=frozenset(values))
            return
        for name in values:
            if name not in self._defaults and name not in self._required:
                raise TypeError(f"{type(self).__name__} has no field {name!r}.")
        self._fill(values)

    @classmethod
    def make(cls, **values: Any) -> Self:
        """Make a context of these fields, by the names of `_defaults` and `_required`, without checking them."""
        context = object.__new__(cls)
        context._fill(values)
        return context

    def _fill(self, values: dict[str, Any]) -> None:
        state = self.__dict__ = {**self._defaults, "_token": None}
        for name, make in self._factories.items():
            state[name] = make()
        state.update(values)

    @classmethod
    def get(cls) -> Self | None:
        """Return the current context of this kind, or None outside of one."""
        return cls._var.get(None)

    def __enter__(self) -> Self:
        if self._token is not None:
            raise RuntimeError(f"This {type(self).__name__} is already entered: enter a copy of it (model_copy()).")
        self._token = self._var.set(self)
        return self

    def __exit__(self, *_: object) -> None:
        token, self._token = self._token, None
        if token is not None:
            self._var.reset(token)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy that is not entered, with `update` applied. Values are shared; `deep` is ignored."""
        copy = object.__new__(type(self))
        copy.__dict__.update(self.__dict__, _token=None)
        copy.__dict__.update(update or {})
        return copy

    copy = model_copy

    def serialize(self, include_secrets: bool = True) -> dict[str, Any]:
        """Return the fields that another process can use, by name."""
        if self._declares_fields:
            return {name: self.__dict__[name] for name in self.__dict__["_given"]}
        return {
            name: value
            for name in (*self._defaults, *self._required)
            if not name.startswith("_") and (value := self.__dict__.get(name)) is not None
        }

    def model_dump(self) -> dict[str, Any]:
        """Return all fields by name."""
        return {name: value for name, value in self.__dict__.items() if not name.startswith("_")}

    def __repr__(self) -> str:
        names = self.model_dump() if self._declares_fields else (*self._required, *self._defaults)
        fields = ", ".join(f"{name}={self.__dict__.get(name)!r}" for name in names)
        return f"{type(self).__name__}({fields})"


def _validate_fields(cls: type[ContextModel], values: dict[str, Any]) -> dict[str, Any]:
    """Return the values of the fields that a class annotates.

    Raises:
        pydantic.ValidationError: A value is missing, not of its type, or of no field.
    """
    return dict(_build_model(cls)(**values))


@functools.cache
def _build_model(cls: type[ContextModel]) -> Any:
    import inspect

    from pydantic import ConfigDict, create_model

    hints = {name: hint for base in reversed(cls.__mro__) for name, hint in inspect.get_annotations(base).items()}
    fields: dict[str, Any] = {
        name: (hint, getattr(cls, name, ...)) for name, hint in hints.items() if not name.startswith("_")
    }
    config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)
    return create_model(cls.__name__, __config__=config, __module__=cls.__module__, **fields)
