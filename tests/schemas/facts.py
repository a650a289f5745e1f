"""JSON schemas as plain facts, comparable with those of the interface (`data/wire.json`).

A fact omits titles, descriptions, examples, null defaults and union discriminators; a reference is the name of a
schema. A model is `{"fields": {name: schema with "required"}, "other": ...}`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import JsonSchemaMode, models_json_schema

LEFT_OUT = {"title", "description", "examples", "example", "discriminator"}


def schema_facts(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts of one schema, in the form of OpenAPI or JSON schema."""
    if "properties" not in schema and (schema.get("type") != "object" or "additionalProperties" in schema):
        return _plain(schema)
    required = set(schema.get("required", ()))
    fields: dict[str, Any] = {}
    for name, field in schema.get("properties", {}).items():
        fields[name] = {**_plain(field), "required": name in required}
        if fields[name].get("default", 0) is None:
            del fields[name]["default"]
    facts: dict[str, Any] = {"fields": fields}
    if "additionalProperties" in schema:
        facts["other"] = {"additionalProperties": schema["additionalProperties"]}
    return facts


def _plain(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_plain(item) for item in schema]
    if not isinstance(schema, Mapping):
        return schema
    facts = {key: _plain(value) for key, value in schema.items() if key not in LEFT_OUT}
    if "$ref" in facts:
        facts["$ref"] = facts["$ref"].rpartition("/")[2]
    return facts


def model_facts(uses: Iterable[tuple[type, JsonSchemaMode]]) -> dict[str, dict[str, Any]]:
    """Return the facts of classes by schema name, each as a request ("validation") or a response ("serialization").

    They are put into one document, which gives two classes of one name longer names.
    """
    uses = list(uses)
    models: list[tuple[type[BaseModel], JsonSchemaMode]] = [
        (kind, mode) for kind, mode in uses if issubclass(kind, BaseModel)
    ]
    found = models_json_schema(models)[1].get("$defs", {}) if models else {}
    for kind, _ in uses:
        if issubclass(kind, Enum):
            found.setdefault(kind.__name__, TypeAdapter(kind).json_schema())
    return {name: schema_facts(schema) for name, schema in found.items()}


def differences(expected: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return the differing fields of two facts ("" for the rest), each with the expected and the found value."""
    if "fields" not in expected or "fields" not in found:
        return {} if expected == found else {"": (dict(expected), dict(found))}
    wanted, provided = expected["fields"], found["fields"]
    differing = {
        name: (wanted.get(name), provided.get(name))
        for name in [*wanted, *(name for name in provided if name not in wanted)]
        if wanted.get(name) != provided.get(name)
    }
    if expected.get("other") != found.get("other"):
        differing[""] = (expected.get("other"), found.get("other"))
    return differing
