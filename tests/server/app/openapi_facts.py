"""Facts of an OpenAPI document by name, without its prose, so that two documents can be compared."""

from __future__ import annotations

import json
from typing import Any

PROSE = {"title", "description", "examples", "example", "summary", "externalDocs"}
ENVIRONMENT = {"supported_environment_variables", "aliases"}
"""Keys of environment variables in the schemas of settings, which other tests compare."""

PARTS = {"fields", "other", "path_params", "query_params", "header_params"}
"""Facts that are compared one by one."""

Facts = dict[str, Any]


def plain(schema: Any) -> Any:
    """Return a JSON schema without prose, in which a reference is the name of its target."""
    if isinstance(schema, list):
        return [plain(item) for item in schema]
    if not isinstance(schema, dict):
        return schema.rpartition("/")[2] if isinstance(schema, str) and schema.startswith("#/") else schema
    kept: Facts = {}
    for key, value in schema.items():
        if key in ("properties", "patternProperties"):
            kept[key] = {name: plain(item) for name, item in value.items()}
        elif key in ("default", "enum", "const"):
            kept[key] = value
        elif key not in PROSE | ENVIRONMENT:
            kept[key] = plain(value)
    return kept


def operations(document: Facts) -> dict[str, Facts]:
    """Return the facts of each operation by method and path: id, tags, parameters, body and responses."""
    return {
        f"{method.upper()} {path}": _operation(declared)
        for path, methods in document["paths"].items()
        for method, declared in methods.items()
    }


def _operation(declared: Facts) -> Facts:
    facts: Facts = {"operationId": declared["operationId"], "tags": declared.get("tags", [])}
    for parameter in declared.get("parameters", []):
        schema = plain(parameter.get("schema", {})) | {"required": parameter.get("required", False)}
        facts.setdefault(f"{parameter['in']}_params", {})[parameter["name"]] = schema
    if body := declared.get("requestBody"):
        content = {kind: _label(item.get("schema", {})) for kind, item in body["content"].items()}
        facts["body"] = {"required": body.get("required", False), **content}
    facts["responses"] = {
        code: _label(next(iter(answer["content"].values())).get("schema", {})) if answer.get("content") else None
        for code, answer in declared["responses"].items()
    }
    if declared.get("deprecated"):
        facts["deprecated"] = True
    return facts


def _label(schema: Any) -> str:
    stripped = plain(schema)
    if set(stripped) == {"$ref"}:
        return stripped["$ref"]
    return json.dumps(stripped, sort_keys=True) if stripped else "any"


def schemas(document: Facts) -> dict[str, Facts]:
    """Each schema by its name: its fields, or what it is instead."""
    return {name: _schema(declared) for name, declared in document["components"]["schemas"].items()}


def _schema(declared: Facts) -> Facts:
    stripped = plain(declared)
    required = set(stripped.pop("required", []))
    fields = stripped.pop("properties", None)
    if fields is None:
        return stripped
    stripped.pop("type", None)
    facts: Facts = {"fields": {name: {**item, "required": name in required} for name, item in fields.items()}}
    return facts | ({"other": stripped} if stripped else {})


def differences(expected: Facts, actual: Facts) -> dict[str, tuple[Any, Any]]:
    """Return where two sets of facts differ: the expected and the actual fact, by path; None where one is missing."""
    found: dict[str, tuple[Any, Any]] = {}
    for name in sorted({*expected, *actual}):
        one, other = expected.get(name), actual.get(name)
        if (
            isinstance(one, dict)
            and isinstance(other, dict)
            and name in ("fields", "other", "header_params", "query_params")
        ):
            found |= {f"{name}.{inner}": pair for inner, pair in differences(one, other).items()}
        elif one != other:
            found[name] = (one, other)
    return found
