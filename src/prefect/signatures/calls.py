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
    """Return the value of each parameter in a call, in the order of the signature.

    Args:
        apply_defaults: Include the defaults of parameters without an argument.

    Raises:
        ParameterBindError: The function cannot be called so.
    """
    parameters = Parameters.from_function(fn)
    return (
        parameters.bind(call_args, call_kwargs) if apply_defaults else parameters.bind_partial(call_args, call_kwargs)
    )


def get_parameter_defaults(fn: Callable[..., Any]) -> dict[str, Any]:
    """Return the default of each parameter that has one."""
    return dict(Parameters.from_function(fn).defaults)


def parameters_to_args_kwargs(
    fn: Callable[..., Any], parameters: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the arguments of a call with these parameters.

    Raises:
        SignatureMismatchError: There is a name that is not a parameter.
    """
    return Parameters.from_function(fn).unbind(parameters)


def call_with_parameters(fn: Callable[..., R], parameters: dict[str, Any]) -> R:
    """Call a function with a dict of its parameters, as `get_call_parameters` makes it."""
    args, kwargs = parameters_to_args_kwargs(fn, parameters)
    return fn(*args, **kwargs)


def cloudpickle_wrapped_call(__fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Callable[[], bytes]:
    """Wrap a call so that it can be sent to another process, with any function and arguments.

    Returns:
        A picklable function that makes the call and returns its pickled result.
    """
    return partial(_run_pickled_call, cloudpickle.dumps((__fn, args, kwargs)))


def _run_pickled_call(payload: bytes) -> bytes:
    fn, args, kwargs = cloudpickle.loads(payload)
    return cloudpickle.dumps(fn(*args, **kwargs))


def raise_for_reserved_arguments(fn: Callable[..., Any], reserved_arguments: Iterable[str]) -> None:
    """Raise an error for a function with a parameter of a reserved name.

    Raises:
        ReservedArgumentError: There is such a parameter.
    """
    names = Parameters.from_function(fn).names
    for name in reserved_arguments:
        if name in names:
            raise ReservedArgumentError(f"{name!r} is a reserved argument name: rename the parameter.")


# --- **kwargs --------------------------------------------------------------------------------------------------------


def collapse_variadic_parameters(fn: Callable[..., Any], parameters: dict[str, Any]) -> dict[str, Any]:
    """Move the parameters of `**kwargs` into one dict.

    `{"a": 1, "z": 2}` becomes `{"a": 1, "kwargs": {"z": 2}}`.

    Raises:
        ValueError: There is a name that is not a parameter, and no `**kwargs` to take it.
    """
    known = Parameters.from_function(fn)
    extra = {name: value for name, value in parameters.items() if name not in known.kinds}
    if not extra:
        return dict(parameters)
    if known.var_keyword is None:
        raise ValueError(f"{fn} takes no {', '.join(map(repr, extra))}, and has no `**kwargs`.")
    return {name: value for name, value in parameters.items() if name not in extra} | {known.var_keyword: extra}


def explode_variadic_parameter(fn: Callable[..., Any], parameters: dict[str, Any]) -> dict[str, Any]:
    """Undo `collapse_variadic_parameters`."""
    name = Parameters.from_function(fn).var_keyword
    if name is None or name not in parameters:
        return dict(parameters)
    exploded = dict(parameters)
    exploded.update(exploded.pop(name))
    return exploded


# --- mapping ---------------------------------------------------------------------------------------------------------


def expand_mapping_parameters(func: Callable[..., Any], parameters: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the parameters of each call of a mapped function.

    Each call gets one item of each iterable; `unmapped` values, strings and everything else are passed whole. An
    annotation of an iterable, such as `allow_failure` or `quote`, applies to its items.

    Args:
        parameters: A dict of `get_call_parameters` with `apply_defaults=False`: a default that is an iterable is passed
            whole to each call, and could not be distinguished from an argument.

    Raises:
        MappingMissingIterable: None of the parameters is an iterable.
        MappingLengthMismatch: The iterables differ in length.
    """
    known = Parameters.from_function(func)
    arguments = explode_variadic_parameter(func, parameters)
    mapped: dict[str, list[Any]] = {}
    whole: dict[str, Any] = {}
    for name, value in arguments.items():
        if (items := _split_items(value)) is not None and not (name == known.var_positional and not items):
            mapped[name] = items
        else:
            whole[name] = _without_unmapped(value)
    if not mapped:
        raise MappingMissingIterable(
            f"Nothing to map over: none of the parameters {sorted(arguments)} is an iterable. "
            "Pass a list, or call the task without `.map`."
        )
    lengths = {name: len(items) for name, items in mapped.items()}
    if len(set(lengths.values())) > 1:
        raise MappingLengthMismatch(f"The iterables to map over must have the same length, but have {lengths}.")
    whole |= {name: value for name, value in known.defaults.items() if name not in arguments}
    calls = zip(*mapped.values(), strict=True)
    return [_order_parameters(known, whole, dict(zip(mapped, items, strict=True))) for items in calls]


def _order_parameters(known: Parameters, whole: dict[str, Any], items: dict[str, Any]) -> dict[str, Any]:
    values = {**whole, **items}
    ordered = {name: values.pop(name) for name in known.names if name in values and known.kinds[name] != VAR_KEYWORD}
    if values and known.var_keyword is not None:
        ordered[known.var_keyword] = values
    return ordered


def _split_items(value: Any) -> list[Any] | None:
    """Return the items to map over; None if each call gets the whole value."""
    if isinstance(value, (allow_failure, quote)):
        items = _split_items(value.unwrap())
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
