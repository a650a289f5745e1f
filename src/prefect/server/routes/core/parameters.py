"""The parameters of an operation, read from its function's signature: where a request has each, and its type."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from prefect.schemas.base import ActionBaseModel
from prefect.server.routes.core.operation import BodyFields, In, Operation, RequestInfo
from prefect.server.services.core.errors import InvalidRequest


@dataclass(frozen=True)
class Parameter:
    """A parameter of an operation.

    Attributes:
        name: Its name in the function's signature, or in the body for a field of a group.
        location: Where a request has it, as in `In`.
        type: Its type, with its constraints.
        default: Its default; `inspect.Parameter.empty` when it is required.
        alias: Its name in the request, where it differs.
        group: For a field of a group (`BodyFields`), the function's parameter and the field of its class.
    """

    name: str
    location: str
    type: Any
    default: Any
    alias: str | None = None
    group: tuple[str, str] | None = None

    @property
    def required(self) -> bool:
        return self.default is inspect.Parameter.empty

    @cached_property
    def adapter(self) -> TypeAdapter[Any]:
        """The validator of its type."""
        return TypeAdapter(_without_deprecation(self.type))


def _drop_location(hint: Any) -> Any:
    """Return a type without the mark that says where a request has its value."""
    if get_origin(hint) is not Annotated:
        return hint
    base, *marks = get_args(hint)
    others = [mark for mark in marks if not isinstance(mark, In)]
    return Annotated[base, *others] if others else base


def _without_deprecation(kind: Any) -> Any:
    """Return a type without the mark that its parameter is deprecated, which validation ignores."""
    if get_origin(kind) is not Annotated:
        return kind
    base, *metadata = get_args(kind)
    metadata = [part for part in metadata if not (isinstance(part, FieldInfo) and part.deprecated)]
    return Annotated[base, *metadata] if metadata else base


@cache
def list_parameters(operation: Operation) -> tuple[Parameter, ...]:
    """Return what an operation takes from a request, in the order of its function's parameters."""
    hints = get_type_hints(operation.fn, include_extras=True)
    found: list[Parameter] = []
    for name, declared in list(inspect.signature(operation.fn).parameters.items())[1:]:
        if hints[name] is not RequestInfo:
            found += _read_parameters(operation, name, hints[name], declared.default)
    return tuple(found)


@cache
def find_request_info_parameter(operation: Operation) -> str | None:
    """Return the name of the parameter that receives the `RequestInfo`, if the operation has one."""
    hints = get_type_hints(operation.fn)
    return next((name for name, hint in hints.items() if hint is RequestInfo), None)


def _read_parameters(operation: Operation, name: str, hint: Any, default: Any) -> Iterator[Parameter]:
    marks = get_args(hint)[1:] if get_origin(hint) is Annotated else ()
    for mark in marks:
        if isinstance(mark, BodyFields):
            yield from _expand_fields(name, get_args(hint)[0], mark)
            return
        if isinstance(mark, In):
            yield Parameter(name, mark.location, _drop_location(hint), default, mark.alias)
            return
    if f"{{{name}}}" in operation.route:
        yield Parameter(name, "path", hint, default)
    else:
        yield Parameter(name, "whole" if _is_model(hint) else "query", hint, default)


def _expand_fields(name: str, group: type[Any], mark: BodyFields) -> Iterator[Parameter]:
    hints = get_type_hints(group, include_extras=True)
    declared = inspect.signature(group).parameters
    for field in mark.names:
        hint = hints[field] if mark.nullable else get_args(hints[field])[0]
        alias = mark.aliases.get(field, field)
        yield Parameter(alias, "body", _drop_location(hint), declared[field].default, group=(name, field))


@cache
def _groups(operation: Operation) -> dict[str, type[Any]]:
    """Return the classes of the parameters that gather fields of the body, by the names of the parameters."""
    names = {parameter.group[0] for parameter in list_parameters(operation) if parameter.group}
    hints = get_type_hints(operation.fn) if names else {}
    return {name: hints[name] for name in names}


def _is_model(hint: Any) -> bool:
    kinds = get_args(hint) or (hint,)
    return any(isinstance(kind, type) and issubclass(kind, BaseModel) for kind in kinds)


def build_arguments(operation: Operation, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of an operation's function, except its `RequestInfo`.

    Args:
        operation: The operation.
        values: The validated values of its parameters, by their names.
    """
    arguments = dict(values)
    if groups := _groups(operation):
        fields: dict[str, dict[str, Any]] = {name: {} for name in groups}
        for parameter in list_parameters(operation):
            if parameter.group is not None:
                name, field = parameter.group
                if parameter.name in arguments:
                    fields[name][field] = arguments.pop(parameter.name)
        arguments |= {name: group(**fields[name]) for name, group in groups.items()}
    return arguments


def validate_parameters(operation: Operation, params: Mapping[str, Any], body: Any) -> dict[str, Any]:
    """Return the validated values of an operation's parameters, by their names.

    Args:
        operation: The operation.
        params: The values of its path and its query.
        body: The body; fields that are None count as left out.

    Raises:
        InvalidRequest: A required value is missing, or a value is not of its type.
    """
    values: dict[str, Any] = {}
    for parameter in list_parameters(operation):
        source = body if parameter.location in ("body", "whole") else params
        if parameter.location != "whole":
            source = (source or {}).get(parameter.alias or parameter.name)
        if source is not None:
            values[parameter.name] = _validate(parameter, source)
        elif parameter.required:
            raise InvalidRequest(f"The parameter {parameter.name} is required.")
    return values


def _validate(parameter: Parameter, value: Any) -> Any:
    if isinstance(parameter.type, type) and isinstance(value, parameter.type):
        return value
    try:
        return parameter.adapter.validate_python(_to_data(value))
    except ValidationError as error:
        first = _choose_error(error.errors(include_url=False, include_context=False))
        location = ".".join(str(part) for part in (parameter.name, *first["loc"]))
        raise InvalidRequest(
            f"{location} is not valid: {first['msg'].removeprefix('Value error, ').rstrip('.')}."
        ) from None


def _choose_error(errors: Sequence[Any]) -> Any:
    """Return the error to show: of several types that a value may have, one of the type that it names."""
    others = {each["loc"][:-1] for each in errors if each["type"] == "literal_error" and each["loc"][-1:] == ("type",)}
    chosen = (each for each in errors if not any(each["loc"][: len(other)] == other for other in others))
    return next(chosen, errors[0])


def _to_data(value: Any) -> Any:
    """Return models as data, since the client's classes may be others; an action has only the fields that were set."""
    if isinstance(value, BaseModel):
        return value.model_dump(exclude_unset=isinstance(value, ActionBaseModel))
    return [_to_data(item) for item in value] if isinstance(value, list) else value
