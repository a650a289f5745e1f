"""Parameters made to fit a function's type hints, through pydantic.

`validator_for(fn)` reads the hints once; pydantic is asked, and imported, only for what a glance at the types does not
settle. Nothing here knows of runs: futures and states among the values must have been replaced by their results before.
"""

from __future__ import annotations

import sys
import types
import typing
import weakref
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from prefect._lazy import lazy
from prefect.exceptions import ParameterTypeError, SignatureMismatchError
from prefect.signatures.annotations import read_annotations
from prefect.signatures.parameters import VAR_KEYWORD, VAR_POSITIONAL, Parameters

if TYPE_CHECKING:
    import inspect

    import pydantic
    import typing_extensions
else:
    inspect = lazy("inspect")
    pydantic = lazy("pydantic")
    typing_extensions = lazy("typing_extensions")

# A value whose type is exactly the hint needs no pydantic.
_PLAIN = frozenset({bool, bytes, float, int, str})


class Validator:
    """Checks and coerces the parameters of one function. Make one with `validator_for`."""

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
            parameters: A dict as `Parameters.bind` makes it; what has a default may be missing. What was gathered by
                `*args` and `**kwargs` is not checked, as Prefect 3 does not.

        Raises:
            ParameterTypeError: Values do not fit, or are missing. Names each bad field, its value and what is wrong.
            SignatureMismatchError: There is a name that is not a parameter.
        """
        if parameters.keys() - self._names:
            raise SignatureMismatchError.from_bad_params(list(self._names), list(parameters))
        given = {name: self._without_field(name, value) for name, value in parameters.items()}
        if not self._fits(given):
            if self._adapter is None:
                self._adapter = self._make_adapter()
            try:
                given |= self._adapter.validate_python(given)
            except pydantic.ValidationError as error:
                raise ParameterTypeError.from_validation_error(error) from None
        return {name: given[name] if name in given else self._missing(name) for name in self._names}

    def _without_field(self, name: str, value: Any) -> Any:
        # A default made by `pydantic.Field` stands for the default inside it.
        return _default(value) if type(value).__name__ == "FieldInfo" and name in self._defaults else value

    def _fits(self, given: Mapping[str, Any]) -> bool:
        for name, hint in self._hints.items():
            if name not in given:
                if name not in self._defaults:
                    return False
            elif hint is not Any and (hint not in _PLAIN or type(given[name]) is not hint):
                return False
        return True

    def _missing(self, name: str) -> Any:
        if name in self._defaults:
            return self._defaults[name]
        return () if self._variadic[name] == VAR_POSITIONAL else {}

    def _make_adapter(self) -> pydantic.TypeAdapter[dict[str, Any]]:
        # Of a typed dict, because its keys may have any name: a model could have no `_x`, `copy` or `model_config`.
        fields = {
            name: typing_extensions.NotRequired[supported(hint)] if name in self._defaults else supported(hint)
            for name, hint in self._hints.items()
        }
        kind: Any = typing_extensions.TypedDict(self._title, fields)  # pyright: ignore
        kind.__pydantic_config__ = pydantic.ConfigDict(arbitrary_types_allowed=True)
        return pydantic.TypeAdapter(kind)


_of_functions: weakref.WeakKeyDictionary[Any, Validator] = weakref.WeakKeyDictionary()
_of_methods: weakref.WeakKeyDictionary[Any, Validator] = weakref.WeakKeyDictionary()


def validator_for(fn: Callable[..., Any], parameters: Parameters | None = None) -> Validator:
    """The validator of a function's parameters, made the first time it is asked for.

    Args:
        fn: A function, method or callable object.
        parameters: Its parameters, if the caller has read them already.

    Raises:
        ParameterTypeError: A type hint uses a name that is not defined.
    """
    function, known = (fn.__func__, _of_methods) if isinstance(fn, types.MethodType) else (fn, _of_functions)
    try:
        validator = known.get(function)
    except TypeError:  # it has no hash: made anew each time
        return _make(fn, parameters)
    if validator is None:
        validator = _make(fn, parameters)
        try:
            known[function] = validator
        except TypeError:  # nor can it be referred to weakly
            pass
    return validator


def _make(fn: Callable[..., Any], parameters: Parameters | None) -> Validator:
    title = getattr(fn, "__name__", type(fn).__name__)
    return Validator(parameters or Parameters.of(fn), type_hints(fn), title)


def type_hints(fn: Callable[..., Any], only: str | None = None) -> dict[str, Any]:
    """The type hints of a function's parameters, those written as text evaluated, with what `Annotated` adds.

    Args:
        only: Read only the hint of this parameter.

    Raises:
        ParameterTypeError: A hint uses a name that is not defined where the function is.
    """
    function = _function_of(fn)
    names: dict[str, Any] = getattr(function, "__globals__", {})
    local = dict(_enclosed(function))
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
        except (TypeError, SyntaxError):  # an annotation that is no type says nothing of values
            hints[name] = Any
    hints.pop("return", None)
    return hints


def _function_of(fn: Any) -> Any:
    """The function whose annotations and globals are those of a callable."""
    while True:
        if hasattr(fn, "__wrapped__"):
            fn = fn.__wrapped__
        elif isinstance(fn, types.FunctionType):
            return fn
        elif isinstance(fn, types.MethodType):
            fn = fn.__func__
        elif hasattr(fn, "func") and hasattr(fn, "keywords"):  # functools.partial
            fn = fn.func
        elif isinstance(fn, type):
            fn = fn.__init__
        elif isinstance(type(fn).__call__, types.FunctionType):
            fn = type(fn).__call__
        else:
            return fn  # built in: it has no hints


def _enclosed(function: Any) -> Iterator[tuple[str, Any]]:
    """What the function's hints may name beside its globals: type parameters and what it is enclosed by."""
    for parameter in getattr(function, "__type_params__", ()):
        yield parameter.__name__, parameter
    code, cells = getattr(function, "__code__", None), getattr(function, "__closure__", None)
    for name, cell in zip(code.co_freevars if code else (), cells or (), strict=True):
        try:
            yield name, cell.cell_contents
        except ValueError:  # not assigned yet
            pass


def supported(hint: Any) -> Any:
    """The hint, or one with the same meaning that pydantic takes."""
    if isinstance(hint, type):
        pydantic_1 = sys.modules.get("pydantic.v1")
        if pydantic_1 is not None and issubclass(hint, pydantic_1.BaseModel):
            return typing.Annotated[Any, pydantic.PlainValidator(hint.validate)]
        return hint
    if isinstance(hint, (typing.TypeVar, typing.NewType)) or typing.get_origin(hint) is not None:
        return hint
    return hint if _is_special(hint) else Any


def _is_special(hint: Any) -> bool:
    """Whether this is one of typing's own forms, rather than any object that someone annotated with."""
    return hint is None or type(hint).__module__ in ("typing", "types", "typing_extensions")


def _default(value: Any) -> Any:
    if type(value).__name__ == "FieldInfo" and hasattr(value, "get_default"):
        return value.get_default(call_default_factory=True)
    return value
