"""The checksum of a block schema, by which the API finds the schema of a class."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

from prefect.values.hashing import hash_json


def compute_checksum(fields: Mapping[str, Any]) -> str:
    """Return the checksum of a block schema's fields."""
    content = {name: value for name, value in fields.items() if name != "secret_fields"}
    definitions = fields.get("definitions")
    if definitions:
        kept = _find_used_definitions(content, definitions)
        content["definitions"] = {name: value for name, value in definitions.items() if name in kept}
        if not kept:
            del content["definitions"]
    return f"sha256:{hash_json(content, hash_algo=hashlib.sha256)}"


def _find_used_definitions(content: Mapping[str, Any], definitions: Mapping[str, Any]) -> set[str]:
    """Return the names of the definitions that the fields refer to, without empty ones and those of nested blocks."""
    needed: set[str] = set()
    waiting = list(_iterate_definition_references(content.get("properties", {})))
    while waiting:
        name = waiting.pop()
        definition = definitions.get(name)
        if name in needed or not definition or "block_type_slug" in definition:
            continue
        needed.add(name)
        waiting += _iterate_definition_references(definition)
    return needed


def _iterate_definition_references(value: Any) -> Iterator[str]:
    """Iterate over the names of the definitions that a part of a schema refers to."""
    if isinstance(value, Mapping):
        parts = cast("Mapping[str, Any]", value)
        if isinstance(parts.get("$ref"), str):
            yield parts["$ref"].rpartition("/")[2]
        for item in parts.values():
            yield from _iterate_definition_references(item)
    elif isinstance(value, Iterable) and not isinstance(value, str):
        for item in cast("Iterable[Any]", value):
            yield from _iterate_definition_references(item)
