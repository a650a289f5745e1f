"""Validate and convert parameters by the type hints of a function, with pydantic.

`get_validator(fn)` reads the hints once. Pydantic is imported and called only if a quick comparison of types does not
suffice. Futures and states among the values must have been replaced by their results before.
"""

from __future__ import annotations

import functools
import sys
import types
import typing
import weakref
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from prefect._lazy import lazy_modules
from prefect.exceptions import ParameterTypeError, SignatureMismatchError
from prefect.signatures.annotations import read_annotations
from prefect.signatures.parameters import VAR_KEYWORD, VAR_POSITIONAL, Parameters

if TYPE_CHECKING:
    import inspect

    import pydantic
    import typing_extensions
else:
    inspect, pydantic, typing_extensions = lazy_modules("inspect", "pydantic", "typing_extensions")

# A value whose type is exactly the hint needs no pydantic.
_PLAIN = frozenset({bool, bytes, float, int, str})


class Validator:
    """Validates and converts the parameters of one function. Use `get_validator`."""

    def __init__(self, parameters: Parameters, hints: Mapping[str, Any], title: str) -> None:
        kinds = parameters.kinds
        self._title = title
        self._names = parameters.names
        self._hints = {name: hints.get(name, Any) for name in kinds if kinds[name] not in (VAR_POSITIONAL, VAR_KEYWORD)}
        self._defaults: dict[str, Any] = {name: _default(value) for name, value in parameters.defaults.items()}
        self._variadic: dict[str, Any] = {name: kinds[name] for name in kinds if name not in self._hints}
        self._adapter: pydantic.TypeAdapter[dict[str, Any]] | None = None

    def __call__(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return valid values, in the order of the signature.

        Args:
            parameters: A dict of `Parameters.bind`; parameters with a default may be missing. Values of `*args` and
                `**kwargs` are not checked, as in Prefect 3.

        Raises:
            ParameterTypeError: Values are invalid or missing. The message names each with its value and the reason.
            SignatureMismatchError: There is a name that is not a parameter.
        """
        if parameters.keys() - self._names:
            raise SignatureMismatchError.from_bad_params(list(self._names), list(parameters))
        values = {name: self._without_field(name, value) for name, value in parameters.items()}
        if not self._fits(values):
            if self._adapter is None:
                self._adapter = self._make_adapter()
            try:
                values |= self._adapter.validate_python(values)
            except pydantic.ValidationError as error:
                raise ParameterTypeError.from_validation_error(error) from None
        return {name: values[name] if name in values else self._missing(name) for name in self._names}

    def _without_field(self, name: str, value: Any) -> Any:
        # A default made by `pydantic.Field` stands for the default inside it.
        return _default(value) if type(value).__name__ == "FieldInfo" and name in self._defaults else value

    def _fits(self, values: Mapping[str, Any]) -> bool:
        for name, hint in self._hints.items():
            if name not in values:
                if name not in self._defaults:
                    return False
            elif hint is not Any and (hint not in _PLAIN or type(values[name]) is not hint):
                return False
        return True

    def _missing(self, name: str) -> Any:
        if name in self._defaults:
            return self._defaults[name]
        return () if self._variadic[name] == VAR_POSITIONAL else {}

    def _make_adapter(self) -> pydantic.TypeAdapter[dict[str, Any]]:
        # Of a typed dict, because its keys may have any name: a model could have no `_x`, `copy` or `model_config`.
        fields = {
            name: typing_extensions.NotRequired[to_supported_hint(hint)]
            if name in self._defaults
            else to_supported_hint(hint)
            for name, hint in self._hints.items()
        }
        kind: Any = typing_extensions.TypedDict(self._title, fields)  # pyright: ignore
        kind.__pydantic_config__ = pydantic.ConfigDict(arbitrary_types_allowed=True)
        return pydantic.TypeAdapter(kind)


_function_validators: weakref.WeakKeyDictionary[Any, Validator] = weakref.WeakKeyDictionary()
_method_validators: weakref.WeakKeyDictionary[Any, Validator] = weakref.WeakKeyDictionary()


def get_validator(fn: Callable[..., Any], parameters: Parameters | None = None) -> Validator:
    """Return the validator of a function's parameters, which is cached.

    Args:
        fn: A function, method or callable object.
        parameters: Its parameters, if they were read before.

    Raises:
        ParameterTypeError: A type hint uses a name that is not defined.
    """
    function, known = (
        (fn.__func__, _method_validators) if isinstance(fn, types.MethodType) else (fn, _function_validators)
    )
    try:
        validator = known.get(function)
    except TypeError:  # it has no hash: do not cache
        return _make(fn, parameters)
    if validator is None:
        validator = _make(fn, parameters)
        try:
            known[function] = validator
        except TypeError:  # it does not support weak references
            pass
    return validator


def _make(fn: Callable[..., Any], parameters: Parameters | None) -> Validator:
    title = getattr(fn, "__name__", type(fn).__name__)
    return Validator(parameters or Parameters.from_function(fn), read_type_hints(fn), title)


def read_type_hints(fn: Callable[..., Any], only: str | None = None) -> dict[str, Any]:
    """Return the type hints of a function's parameters, those written as text evaluated, with what `Annotated` adds.

    Args:
        only: Read only the hint of this parameter.

    Raises:
        ParameterTypeError: A hint uses a name that is not defined where the function is.
    """
    function = _find_function(fn)
    names: dict[str, Any] = getattr(function, "__globals__", {})
    local = dict(_iter_local_names(function))
    hints: dict[str, Any] = {}
    for name, hint in read_annotations(function).items():
        if only is not None and name != only:
            continue
        if name == "return" or (isinstance(hint, type) and not hasattr(hint, "__args__")):
            hints[name] = hint
            continue
        holder = types.SimpleNamespace(__annotations__={name: hint})
        try:
            hints.update(typing.get_type_hints(holder, names, local, include_extras=True))
        except NameError as error:
            raise ParameterTypeError(
                f"The type hint of {name!r} of {getattr(fn, '__name__', fn)!r} uses {error.name!r}, "
                "which is not defined where the function is."
            ) from error
        except (TypeError, SyntaxError):  # an annotation that is not a type allows any value
            hints[name] = Any
    hints.pop("return", None)
    return hints


def _find_function(fn: Any) -> Any:
    """Return the function that has the annotations and globals of a callable."""
    while True:
        if hasattr(fn, "__wrapped__"):
            fn = fn.__wrapped__
        elif isinstance(fn, types.FunctionType):
            return fn
        elif isinstance(fn, types.MethodType):
            fn = fn.__func__
        elif isinstance(fn, functools.partial):
            fn = fn.func
        elif isinstance(fn, type):
            fn = fn.__init__
        elif isinstance(type(fn).__call__, types.FunctionType):
            fn = type(fn).__call__
        else:
            return fn  # built in: it has no hints


def _iter_local_names(function: Any) -> Iterator[tuple[str, Any]]:
    """Yield the names besides globals that hints may use: type parameters and variables of enclosing functions."""
    for parameter in getattr(function, "__type_params__", ()):
        yield parameter.__name__, parameter
    code, cells = getattr(function, "__code__", None), getattr(function, "__closure__", None)
    for name, cell in zip(code.co_freevars if code else (), cells or (), strict=True):
        try:
            yield name, cell.cell_contents
        except ValueError:  # not assigned yet
            pass


def to_supported_hint(hint: Any) -> Any:
    """Return the hint, or an equivalent one that pydantic supports."""
    if isinstance(hint, type):
        pydantic_1 = sys.modules.get("pydantic.v1")
        if pydantic_1 is not None and issubclass(hint, pydantic_1.BaseModel):
            return typing.Annotated[Any, pydantic.PlainValidator(hint.validate)]
        return hint
    if isinstance(hint, (typing.TypeVar, typing.NewType)) or typing.get_origin(hint) is not None:
        return hint
    return hint if _is_special(hint) else Any


def _is_special(hint: Any) -> bool:
    """Return whether this is one of typing's own forms, rather than any object that someone annotated with."""
    return hint is None or type(hint).__module__ in ("typing", "types", "typing_extensions")


def _default(value: Any) -> Any:
    if type(value).__name__ == "FieldInfo" and hasattr(value, "get_default"):
        return value.get_default(call_default_factory=True)
    return value
