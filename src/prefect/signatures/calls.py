"""Bind the parameters of calls, and expand the parameters of mapped calls."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from prefect._lazy import lazy
from prefect.exceptions import MappingLengthMismatch, MappingMissingIterable, ReservedArgumentError
from prefect.signatures.parameters import VAR_KEYWORD, Parameters
from prefect.values.annotations import allow_failure, quote, unmapped
from prefect.values.traversal import isiterable

if TYPE_CHECKING:
    import cloudpickle
else:
    cloudpickle = lazy("cloudpickle")

R = TypeVar("R")

# --- calls -----------------------------------------------------------------------------------------------------------


def get_call_parameters(
    fn: Callable[..., Any], call_args: tuple[Any, ...], call_kwargs: dict[str, Any], apply_defaults: bool = True
) -> dict[str, Any]:
    """The value of each parameter in a call, in the order of the signature.

    Args:
        apply_defaults: Include what the call does not give.

    Raises:
        ParameterBindError: The function cannot be called so.
    """
    parameters = Parameters.of(fn)
    return (
        parameters.bind(call_args, call_kwargs) if apply_defaults else parameters.bind_partial(call_args, call_kwargs)
    )


def get_parameter_defaults(fn: Callable[..., Any]) -> dict[str, Any]:
    """The default of each parameter that has one."""
    return dict(Parameters.of(fn).defaults)


def parameters_to_args_kwargs(
    fn: Callable[..., Any], parameters: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments of a call that gives these values to the parameters.

    Raises:
        SignatureMismatchError: There is a name that is not a parameter.
    """
    return Parameters.of(fn).unbind(parameters)


def call_with_parameters(fn: Callable[..., R], parameters: dict[str, Any]) -> R:
    """Call a function with a dict of its parameters, as `get_call_parameters` makes it."""
    args, kwargs = parameters_to_args_kwargs(fn, parameters)
    return fn(*args, **kwargs)


def cloudpickle_wrapped_call(__fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Callable[[], bytes]:
    """A call that can be sent to another process, whatever its function and arguments.

    Returns:
        A function that makes the call and returns its pickled result. It is pickled as a name and bytes.
    """
    return partial(_run_pickled_call, cloudpickle.dumps((__fn, args, kwargs)))


def _run_pickled_call(payload: bytes) -> bytes:
    fn, args, kwargs = cloudpickle.loads(payload)
    return cloudpickle.dumps(fn(*args, **kwargs))


def raise_for_reserved_arguments(fn: Callable[..., Any], reserved_arguments: Iterable[str]) -> None:
    """Refuse a function that has a parameter of a reserved name.

    Raises:
        ReservedArgumentError: It has one.
    """
    names = Parameters.of(fn).names
    for name in reserved_arguments:
        if name in names:
            raise ReservedArgumentError(f"{name!r} is a reserved argument name: rename the parameter.")


# --- **kwargs --------------------------------------------------------------------------------------------------------


def collapse_variadic_parameters(fn: Callable[..., Any], parameters: dict[str, Any]) -> dict[str, Any]:
    """Put what the function takes as `**kwargs` into one dict.

    `{"a": 1, "z": 2}` becomes `{"a": 1, "kwargs": {"z": 2}}`.

    Raises:
        ValueError: There is a name that is no parameter, and no `**kwargs` to take it.
    """
    known = Parameters.of(fn)
    extra = {name: value for name, value in parameters.items() if name not in known.kinds}
    if not extra:
        return dict(parameters)
    if known.var_keyword is None:
        raise ValueError(f"{fn} takes no {', '.join(map(repr, extra))}, and has no `**kwargs`.")
    return {name: value for name, value in parameters.items() if name not in extra} | {known.var_keyword: extra}


def explode_variadic_parameter(fn: Callable[..., Any], parameters: dict[str, Any]) -> dict[str, Any]:
    """Undo `collapse_variadic_parameters`."""
    name = Parameters.of(fn).var_keyword
    if name is None or name not in parameters:
        return dict(parameters)
    exploded = dict(parameters)
    exploded.update(exploded.pop(name))
    return exploded


# --- mapping ---------------------------------------------------------------------------------------------------------


def expand_mapping_parameters(func: Callable[..., Any], parameters: dict[str, Any]) -> list[dict[str, Any]]:
    """The parameters of each call of a mapped function.

    Iterables give one item to each call; `unmapped` ones, text and everything else are given whole to each. Marks such
    as `allow_failure` and `quote` around an iterable go to its items.

    Args:
        parameters: A dict as `get_call_parameters` makes it with `apply_defaults=False`: a default that is an iterable
            is given whole to each call, which cannot be told from an argument once it has been applied.

    Raises:
        MappingMissingIterable: There is nothing to map over.
        MappingLengthMismatch: The iterables differ in length.
    """
    known = Parameters.of(func)
    given = explode_variadic_parameter(func, parameters)
    mapped: dict[str, list[Any]] = {}
    whole: dict[str, Any] = {}
    for name, value in given.items():
        if (items := _items(value)) is not None and not (name == known.var_positional and not items):
            mapped[name] = items
        else:
            whole[name] = _without_unmapped(value)
    if not mapped:
        raise MappingMissingIterable(
            f"Nothing to map over: none of the parameters {sorted(given)} is an iterable. "
            "Give a list, or call the task without `.map`."
        )
    lengths = {name: len(items) for name, items in mapped.items()}
    if len(set(lengths.values())) > 1:
        raise MappingLengthMismatch(f"The iterables to map over must have the same length, but have {lengths}.")
    whole |= {name: value for name, value in known.defaults.items() if name not in given}
    calls = zip(*mapped.values(), strict=True)
    return [_in_order(known, whole, dict(zip(mapped, items, strict=True))) for items in calls]


def _in_order(known: Parameters, whole: dict[str, Any], items: dict[str, Any]) -> dict[str, Any]:
    values = {**whole, **items}
    ordered = {name: values.pop(name) for name in known.names if name in values and known.kinds[name] != VAR_KEYWORD}
    if values and known.var_keyword is not None:
        ordered[known.var_keyword] = values
    return ordered


def _items(value: Any) -> list[Any] | None:
    """What to map over, or None if the value goes whole to each call."""
    if isinstance(value, (allow_failure, quote)):
        items = _items(value.unwrap())
        return None if items is None else [value.rewrap(item) for item in items]
    if isinstance(value, unmapped) or not isiterable(value):
        return None
    return list(value)


def _without_unmapped(value: Any) -> Any:
    if isinstance(value, unmapped):
        return value.unwrap()
    if isinstance(value, allow_failure) and isinstance(value.unwrap(), unmapped):
        return value.rewrap(value.unwrap().unwrap())
    return value
