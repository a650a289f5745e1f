"""Check a project file against its JSON Schema, `prefect.schema.json`, which editors can use as well."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

import jsonschema

from prefect.deployments.yaml.document import Document, ProjectFileError, suggest

SCHEMA_FILE = Path(__file__).with_name("prefect.schema.json")


@functools.cache
def load_schema() -> dict[str, Any]:
    """Return the JSON Schema of `prefect.yaml`."""
    return json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))


def check_document(document: Document) -> None:
    """Check a project file.

    Raises:
        ProjectFileError: A value is not what the schema says.
    """
    validator = jsonschema.Draft202012Validator(load_schema())
    errors: Iterable[Any] = validator.iter_errors(document.value)
    first = min(errors, key=lambda error: document.locate(list(error.absolute_path)), default=None)
    if first is not None:
        raise _describe(document, first)


def find_misspelt_keys(document: Document) -> Iterable[str]:
    """Return a warning for each unknown key that resembles a known one; other unknown keys are the user's own."""
    schema = load_schema()
    value = cast("dict[str, Any]", document.value or {})
    yield from _compare_keys(document, (), value, schema["properties"])
    for position, deployment in enumerate(value.get("deployments") or ()):
        known = schema["$defs"]["deployment"]["properties"]
        yield from _compare_keys(document, ("deployments", position), deployment, known)


def _compare_keys(
    document: Document, key_path: tuple[str | int, ...], value: dict[str, Any], known: dict[str, Any]
) -> Iterable[str]:
    for key in value:
        if key not in known and (near := suggest(str(key), known)):
            yield str(document.error((*key_path, key), f"The key {key!r} is not known and ignored.{near}"))


def _describe(document: Document, error: Any) -> ProjectFileError:
    while error.context:  # of alternatives, report the error deepest in the value
        error = max(error.context, key=lambda each: (len(each.absolute_path), each.validator != "pattern"))
    key_path = list(error.absolute_path)
    name = next((part for part in reversed(key_path) if isinstance(part, str)), "the file")
    hint = error.schema.get("description") or error.schema.get("title")
    if error.validator == "additionalProperties":
        unknown = sorted(set(error.instance) - set(error.schema["properties"]))
        key_path.append(unknown[0])
        known = ", ".join(error.schema["properties"])
        return document.error(key_path, f"The key {unknown[0]!r} is not known here. There is: {known}.")
    if error.validator == "required":
        return document.error(key_path, f"{name!r} lacks a key: {error.message}.")
    shown = json.dumps(error.instance, default=str)
    shown = shown if len(shown) <= 60 else f"{shown[:57]}..."
    return document.error(key_path, f"{name!r} must be {hint or error.message}, not {shown}.")
