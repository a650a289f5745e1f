"""Validate the values of a form, and return their errors by location, as the web page shows them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from prefect.form_values import json_schemas
from prefect.schemas.wire import checks
from prefect.server.db.interface import Transaction
from prefect.server.services.core import hydration
from prefect.server.services.core.errors import InvalidRequest
from prefect.server.services.core.presenters import Answer

Path = tuple[str | int, ...]
Finding = tuple[Path, str]
"""The location of an error, and its message."""


async def find_form_errors(tx: Transaction, schema: Mapping[str, Any], values: Mapping[str, Any]) -> Answer:
    """Return the errors of values, in the shape of `SchemaValuesValidationResponse`.

    Args:
        tx: The transaction.
        schema: Their JSON schema.
        values: The values, hydrated before they are validated. The result of a template is not validated.

    Raises:
        InvalidRequest: The schema is not a JSON schema.
    """
    findings: list[Finding] = []
    read: dict[str, Any] = {}
    templates: set[Path] = set()
    for name, value in values.items():
        try:
            read |= await hydration.hydrate(tx, {name: _without_templates(value, (name,), templates)})
        except (hydration.HydrationError, ValueError) as error:
            findings.append(((name,), str(error)))
    unread = {path for path, _ in findings}
    try:
        errors = json_schemas.find_errors(read, schema)
    except (json_schemas.InvalidSchema, RecursionError) as error:
        raise InvalidRequest(f"The schema cannot be used: {error}") from None
    for error in _flatten_optional_errors(errors):
        path = _locate(error)
        if not any(path[: len(exempt)] == exempt for exempt in (*templates, *unread)):
            findings.append((path, error.message))
    return {"errors": _build_tree(findings), "valid": not findings}


def _without_templates(value: Any, path: Path, found: set[Path]) -> Any:
    """Return a value with templates as plain strings, each checked; their locations are added to `found`."""
    if isinstance(value, Mapping):
        if value.get(hydration.KIND) == "jinja":
            found.add(path)
            template = value.get("template")
            return checks.check_template(template) if isinstance(template, str) else template
        return {name: _without_templates(item, (*path, name), found) for name, item in value.items()}
    if isinstance(value, list):
        return [_without_templates(item, (*path, index), found) for index, item in enumerate(value)]
    return value


def _flatten_optional_errors(errors: Iterable[Any]) -> Iterable[Any]:
    """Iterate over errors; the errors of an optional value are replaced by the errors of its non-null alternative."""
    for error in errors:
        if error.validator == "anyOf" and error.validator_value[1:] == [{"type": "null"}]:
            yield from _flatten_optional_errors(part for part in error.context if part.relative_schema_path[0] == 0)
        else:
            yield error


def _locate(error: Any) -> Path:
    """Return the location of an error; for a missing property the location that the property would have."""
    path: Path = tuple(error.absolute_path)
    if error.validator == "required":
        missing = [name for name in error.validator_value if error.message.startswith(repr(name))]
        return (*path, *missing[:1])
    return path


def _build_tree(findings: Iterable[Finding]) -> list[Any]:
    """Return findings as a tree: the errors of a property or an item are nested in it."""
    here: list[Any] = []
    inside: dict[str | int, list[Finding]] = {}
    for path, message in findings:
        if path:
            inside.setdefault(path[0], []).append((path[1:], message))
        else:
            here.append(message)
    for step, errors in inside.items():
        kind = "index" if isinstance(step, int) else "property"
        here.append({kind: step, "errors": _build_tree(errors)})
    return here
