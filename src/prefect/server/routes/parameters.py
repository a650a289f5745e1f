"""The parameters of an operation, read from its function's signature: where each is found and what it must be."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from prefect.schemas.base import ActionBaseModel
from prefect.server.routes.operation import Caller, In, Operation
from prefect.server.services.core.errors import InvalidRequest


@dataclass(frozen=True)
class Parameter:
    """A parameter of an operation.

    Attributes:
        name: What its function calls it.
        place: `path`, `query`, `header`, `body` (a field of the body's object), `whole` (the whole body) or `raw` (its
            bytes).
        type: Its type, with its constraints.
        default: Its default; `inspect.Parameter.empty` when it must be given.
        alias: What a request calls it, where that is something else.
    """

    name: str
    location: str
    type: Any
    default: Any
    alias: str | None = None

    @property
    def required(self) -> bool:
        return self.default is inspect.Parameter.empty

    @cached_property
    def adapter(self) -> TypeAdapter[Any]:
        """What validates a value of it."""
        return TypeAdapter(_without_deprecation(self.type))


def _without_deprecation(kind: Any) -> Any:
    """Return a type without the mark that its parameter is deprecated, which means nothing to a value."""
    if get_origin(kind) is not Annotated:
        return kind
    base, *metadata = get_args(kind)
    metadata = [part for part in metadata if not (isinstance(part, FieldInfo) and part.deprecated)]
    return Annotated[base, *metadata] if metadata else base


@cache
def list_parameters(operation: Operation) -> tuple[Parameter, ...]:
    """What an operation takes from a request, in the order of its function's parameters."""
    hints = get_type_hints(operation.fn, include_extras=True)
    found: list[Parameter] = []
    for name, declared in list(inspect.signature(operation.fn).parameters.items())[1:]:
        if hints[name] is not Caller:
            found.append(_parameter(operation, name, hints[name], declared.default))
    return tuple(found)


@cache
def wants_caller(operation: Operation) -> str | None:
    """The name of the parameter by which an operation is told who calls, if it wants to know."""
    hints = get_type_hints(operation.fn)
    return next((name for name, hint in hints.items() if hint is Caller), None)


def _parameter(operation: Operation, name: str, hint: Any, default: Any) -> Parameter:
    mark = next((part for part in get_args(hint)[1:] if isinstance(part, In)), None) if _annotated(hint) else None
    if mark is not None:
        plain = [part for part in get_args(hint)[1:] if part is not mark]
        kind = Annotated[get_args(hint)[0], *plain] if plain else get_args(hint)[0]
        return Parameter(name, mark.location, kind, default, mark.alias)
    if f"{{{name}}}" in operation.route:
        return Parameter(name, "path", hint, default)
    return Parameter(name, "whole" if _is_model(hint) else "query", hint, default)


def _annotated(hint: Any) -> bool:
    return get_origin(hint) is Annotated


def _is_model(hint: Any) -> bool:
    kinds = get_args(hint) or (hint,)
    return any(isinstance(kind, type) and issubclass(kind, BaseModel) for kind in kinds)


def bind_arguments(operation: Operation, params: Mapping[str, Any], body: Any) -> dict[str, Any]:
    """The arguments for an operation's function, validated.

    Args:
        operation: The operation.
        params: The values of its path and its query.
        body: The body; fields that are None count as not given.

    Raises:
        Invalid: Something is missing, or is not what it must be.
    """
    given: dict[str, Any] = {}
    for parameter in list_parameters(operation):
        source = body if parameter.location in ("body", "whole") else params
        if parameter.location != "whole":
            source = (source or {}).get(parameter.alias or parameter.name)
        if source is not None:
            given[parameter.name] = _validated(parameter, source)
        elif parameter.required:
            raise InvalidRequest(f"{parameter.name} must be given.")
    return given


def _validated(parameter: Parameter, value: Any) -> Any:
    if isinstance(parameter.type, type) and isinstance(value, parameter.type):
        return value
    try:
        return parameter.adapter.validate_python(_as_data(value))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        place = ".".join(str(part) for part in (parameter.name, *first["loc"]))
        raise InvalidRequest(f"{place} is not valid: {first['msg']}.") from None


def _as_data(value: Any) -> Any:
    """Models as data: the client's may be other classes for the same thing. An action has only what was given."""
    if isinstance(value, BaseModel):
        return value.model_dump(exclude_unset=isinstance(value, ActionBaseModel))
    return [_as_data(item) for item in value] if isinstance(value, list) else value
