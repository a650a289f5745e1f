"""The parameters of a function, read once: binding a call takes one microsecond, not `inspect`'s fifty (hot path).

`Parameters` is immutable: it has names, kinds and defaults, and converts the arguments of a call to a dict and back.
Types are checked by `prefect.signatures.validation`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import FunctionType, MethodType
from typing import Any, Final

from prefect.exceptions import ParameterBindError, SignatureMismatchError
from prefect.signatures.annotations import read_signature

# Kinds of parameters, with the numbers of `inspect.Parameter.kind`: `inspect` is slow to import.
POSITIONAL_ONLY, POSITIONAL_OR_KEYWORD, VAR_POSITIONAL, KEYWORD_ONLY, VAR_KEYWORD = range(5)

_MISSING: Final = object()
_VARARGS, _VARKEYWORDS = 0x04, 0x08  # of a code object's flags


class Parameters:
    """The parameters of one function.

    Attributes:
        fn: The function.
        names: Every parameter's name, in the order of the signature, `*args` and `**kwargs` among them.
        kinds: Each name's kind, one of this module's numbers.
        defaults: The default of each parameter that has one.
        required: The names of parameters without a default.
        var_positional: The name of `*args`, or None.
        var_keyword: The name of `**kwargs`, or None.
    """

    __slots__ = (
        "_filled",
        "_full",
        "_index",
        "_keyword_only",
        "_keywords",
        "_plain",
        "_positional",
        "_positional_limit",
        "_whole",
        "defaults",
        "fn",
        "kinds",
        "names",
        "required",
        "var_keyword",
        "var_positional",
    )

    def __init__(self, fn: Callable[..., Any], kinds: dict[str, int], defaults: dict[str, Any]) -> None:
        by_kind: tuple[list[str], ...] = ([], [], [], [], [])
        for name, kind in kinds.items():
            by_kind[kind].append(name)
        only_positional, either, var_positional, only_keyword, var_keyword = by_kind
        self.fn: Final = fn
        self.names: Final = tuple(kinds)
        self.kinds: Final = kinds
        self.defaults: Final = defaults
        self.var_positional: Final = var_positional[0] if var_positional else None
        self.var_keyword: Final = var_keyword[0] if var_keyword else None
        self._plain: Final = not (only_positional or var_positional or var_keyword)
        self._positional: Final = (*only_positional, *either)
        self._keyword_only: Final = only_keyword
        self._full: Final = -1 if only_keyword else len(kinds)  # how many arguments are a whole call, by position
        self.required: Final = [name for name in (*self._positional, *only_keyword) if name not in defaults]
        self._keywords: Final = {*either, *only_keyword}
        limit = _positional_limit(fn)
        self._positional_limit: Final = len(self._positional) if limit is None else limit
        # How many parameters are a whole call that is made by position; hot path.
        self._whole: Final = len(kinds) if len(kinds) == len(self._positional) <= self._positional_limit else -1
        self._index: Final = {name: index for index, name in enumerate(kinds)}
        self._filled: Final = {name: defaults.get(name, _MISSING) for name in kinds}

    @classmethod
    def from_function(cls, fn: Callable[..., Any]) -> Parameters:
        """Read the parameters of a function, method or callable object.

        Raises:
            ValueError: It is built in and has no signature.
        """
        plain = fn.__func__ if isinstance(fn, MethodType) else fn
        attributes = getattr(plain, "__dict__", {})
        if type(plain) is not FunctionType or "__wrapped__" in attributes or "__signature__" in attributes:
            return cls._from_signature(fn)
        kinds, defaults = _read_function(plain)
        if plain is not fn:
            first = next(iter(kinds), None)
            if first is None or kinds[first] > POSITIONAL_OR_KEYWORD:
                return cls._from_signature(fn)  # a method without a parameter for its object
            kinds.pop(first)
            defaults.pop(first, None)
        return cls(fn, kinds, defaults)

    @classmethod
    def _from_signature(cls, fn: Callable[..., Any]) -> Parameters:
        parameters = read_signature(fn).parameters.values()
        kinds = {p.name: int(p.kind) for p in parameters}
        return cls(fn, kinds, {p.name: p.default for p in parameters if p.default is not p.empty})

    def __repr__(self) -> str:
        return f"Parameters({', '.join(self.names)})"

    # --- a call's arguments to a dict ---

    def bind(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Return the value of every parameter in a call, with defaults, in the order of the signature.

        `*args` is a tuple and `**kwargs` a dict; they may be empty.

        Raises:
            ParameterBindError: The function cannot be called with these arguments. Names the function and parameter.
        """
        if not self._plain:
            return self._bind_any(args, kwargs, with_defaults=True)
        names = self.names
        count = len(args)
        if count == self._full and not kwargs:
            return dict(zip(names, args, strict=True))
        if count > len(self._positional):
            raise self._error(args, kwargs)
        values = self._filled.copy()
        if count:
            # Not strict: fewer arguments than names.
            values.update(zip(names, args))  # noqa: B905
        if kwargs:
            index = self._index
            for name in kwargs:
                if index.get(name, -1) < count:  # unknown, or passed twice
                    raise self._error(args, kwargs)
            values.update(kwargs)
        for name in self.required:
            if values[name] is _MISSING:
                raise self._error(args, kwargs)
        return values

    def bind_partial(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values of the parameters in a call, without defaults.

        Raises:
            ParameterBindError: As `bind`.
        """
        return self._bind_any(args, kwargs, with_defaults=False)

    def _bind_any(self, args: Sequence[Any], kwargs: Mapping[str, Any], *, with_defaults: bool) -> dict[str, Any]:
        bound = dict(zip(self._positional, args))  # noqa: B905  # either may be longer
        extra: dict[str, Any] = {}
        for name, value in kwargs.items():
            if name in self._keywords and name not in bound:
                bound[name] = value
            elif self.var_keyword is not None and name not in self._keywords:
                extra[name] = value
            else:
                raise self._error(args, kwargs)
        rest = tuple(args[len(self._positional) :])
        if rest and self.var_positional is None:
            raise self._error(args, kwargs)
        if any(name not in bound for name in self.required):
            raise self._error(args, kwargs)
        if self.var_positional is not None and (rest or with_defaults):
            bound[self.var_positional] = rest
        if self.var_keyword is not None and (extra or with_defaults):
            bound[self.var_keyword] = extra
        values = {**self.defaults, **bound} if with_defaults else bound
        return {name: values[name] for name in self.names if name in values}

    def _error(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> ParameterBindError:
        reason = TypeError(self._explain_mismatch(args, kwargs))
        return ParameterBindError.from_bind_failure(self.fn, reason, tuple(args), dict(kwargs))

    def _explain_mismatch(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
        bound = set(self._positional[: len(args)])
        if len(args) > len(self._positional) and self.var_positional is None:
            return "too many positional arguments"
        for name in kwargs:
            if name in bound and name in self._keywords:
                return f"multiple values for argument {name!r}"
            if name not in self._keywords and self.var_keyword is None:
                if name in self._positional:
                    return f"{name!r} is positional-only and cannot be passed by name"
                return f"got an unexpected keyword argument {name!r}"
        bound.update(self._keywords.intersection(kwargs))
        missing = [repr(name) for name in self.required if name not in bound]
        return f"missing {'a required argument' if len(missing) == 1 else 'required arguments'}: {', '.join(missing)}"

    # --- a dict to a call's arguments ---

    def unbind(self, parameters: Mapping[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the arguments of a call with these parameters: positional where possible.

        A decorator with `functools.wraps` may take fewer arguments by position than the function inside has: the others
        are passed by name.

        Raises:
            SignatureMismatchError: There is a name that is not a parameter.
        """
        if len(parameters) == self._whole:
            try:
                return tuple([parameters[name] for name in self._positional]), {}
            except KeyError:
                pass  # explained below
        if any(name not in self._index for name in parameters):
            raise SignatureMismatchError.from_bad_params(list(self.names), list(parameters))
        args, kwargs = self._split_positional(parameters)
        kwargs.update({name: parameters[name] for name in self._keyword_only if name in parameters})
        if self.var_keyword is not None:
            kwargs.update(parameters.get(self.var_keyword) or {})
        return tuple(args), kwargs

    def _split_positional(self, parameters: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        rest = parameters.get(self.var_positional) if self.var_positional is not None else None
        args: list[Any] = []
        kwargs: dict[str, Any] = {}
        for name in self._positional:
            if name in parameters:
                index = self._index[name]
                # By name where one before was left out, or where no more are taken by position.
                if len(args) < index or index >= self._positional_limit:
                    kwargs[name] = parameters[name]
                else:
                    args.append(parameters[name])
            elif rest and name in self.defaults:
                args.append(self.defaults[name])
        return [*args, *(rest or ())], kwargs


def _positional_limit(fn: Callable[..., Any]) -> int | None:
    """Return how many arguments a decorated function takes by position; None where its signature says it."""
    plain = fn.__func__ if isinstance(fn, MethodType) else fn
    if "__wrapped__" not in getattr(plain, "__dict__", {}):
        return None
    function = plain if isinstance(plain, FunctionType) else type(plain).__call__
    if not isinstance(function, FunctionType) or function.__code__.co_flags & _VARARGS:
        return None
    bound = isinstance(fn, MethodType) or function is not plain
    return function.__code__.co_argcount - bound


def _read_function(fn: FunctionType) -> tuple[dict[str, int], dict[str, Any]]:
    """Read the kinds and defaults of a plain function, at a twentieth of the cost of `inspect.signature`."""
    code = fn.__code__
    positional, only = code.co_argcount, code.co_kwonlyargcount
    names = code.co_varnames
    kinds: dict[str, int] = {}
    for index, name in enumerate(names[:positional]):
        kinds[name] = POSITIONAL_ONLY if index < code.co_posonlyargcount else POSITIONAL_OR_KEYWORD
    after = positional + only
    if code.co_flags & _VARARGS:
        kinds[names[after]] = VAR_POSITIONAL
        after += 1
    for name in names[positional : positional + only]:
        kinds[name] = KEYWORD_ONLY
    if code.co_flags & _VARKEYWORDS:
        kinds[names[after]] = VAR_KEYWORD
    values = fn.__defaults__ or ()
    defaults: dict[str, Any] = dict(zip(names[positional - len(values) : positional], values, strict=True))
    defaults.update(fn.__kwdefaults__ or {})
    return kinds, defaults
