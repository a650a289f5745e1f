"""Hydrate parameters: replace objects with `__prefect_kind` by the values that they describe.

`none` (or null) is the `value` as it is, `json` is JSON in a string, `jinja` is a `template` to render, and
`workspace_variable` is the value of the variable `variable_name`. An object that is not filled in yet is omitted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from prefect._lazy import lazy
from prefect.schemas.wire import checks
from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.services.core.errors import ServiceError
from prefect.types import json_codec

if TYPE_CHECKING:
    from prefect.server.services.core import bounded_templates
else:
    bounded_templates = lazy("prefect.server.services.core.bounded_templates")

KIND = "__prefect_kind"

_OMITTED: Any = object()


class HydrationError(ServiceError):
    """A value cannot be hydrated; the message names its kind and the reason."""


async def hydrate(tx: Transaction, values: Mapping[str, Any], context: Mapping[str, Any] | None = None) -> Any:
    """Return hydrated values.

    Args:
        tx: The transaction.
        values: Parameters by name.
        context: The variables of templates.

    Raises:
        HydrationError: One of them cannot be hydrated.
    """
    names = sorted(set(_variable_names(values)))
    rows = await store.variables.find(tx, {"name": names}) if names else []
    return _hydrate_value(values, {row["name"]: row["value"] for row in rows}, context or {})


def _variable_names(value: Any) -> Iterator[str]:
    """Iterate over the names of the variables that values refer to."""
    if isinstance(value, Mapping):
        if value.get(KIND) == "workspace_variable" and isinstance(value.get("variable_name"), str):
            yield value["variable_name"]
        for item in value.values():
            yield from _variable_names(item)
    elif isinstance(value, list):
        for item in value:
            yield from _variable_names(item)


def _hydrate_value(value: Any, variables: Mapping[str, Any], context: Mapping[str, Any]) -> Any:
    if isinstance(value, Mapping):
        if KIND in value:
            return _hydrate_kind(value, variables, context)
        read = {name: _hydrate_value(item, variables, context) for name, item in value.items()}
        return {name: item for name, item in read.items() if item is not _OMITTED}
    if isinstance(value, list):
        items = [_hydrate_value(item, variables, context) for item in value]
        return [item for item in items if item is not _OMITTED]
    return value


def _hydrate_kind(value: Mapping[str, Any], variables: Mapping[str, Any], context: Mapping[str, Any]) -> Any:
    kind = value[KIND]
    if kind in (None, "none"):
        if "value" not in value:
            raise HydrationError(f"A value of the kind {kind!r} must have a `value`.")
        return _hydrate_value(value["value"], variables, context)
    if kind == "json":
        return _parse_json(value)
    if kind == "jinja":
        return _render(_hydrate_value(value.get("template"), variables, context), context)
    if kind == "workspace_variable":
        name = value.get("variable_name")
        if not name:
            return _OMITTED
        if not isinstance(name, str) or name not in variables:
            raise HydrationError(f"There is no variable {name!r}.")
        return variables[name]
    raise HydrationError(f"There are no values of the kind {kind!r}: use none, json, jinja or workspace_variable.")


def _parse_json(value: Mapping[str, Any]) -> Any:
    text = value.get("value", _OMITTED)
    if not isinstance(text, str):
        return text
    try:
        return json_codec.loads_foreign(text.encode())
    except json_codec.JSONDecodeError as error:
        raise HydrationError(f"A value of the kind 'json' is no JSON: {error}.") from None


def _render(template: Any, context: Mapping[str, Any]) -> str:
    if not isinstance(template, str):
        raise HydrationError("A value of the kind 'jinja' must have a `template`, which is a text.")
    try:
        checks.check_template(template)
        return bounded_templates.render(template, context)
    except Exception as error:  # a template may fail in any way
        raise HydrationError(f"A value of the kind 'jinja' cannot be rendered: {error}") from None
