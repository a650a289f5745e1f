"""The schema of a block class as the API stores it: its fields, its secrets and the blocks that it refers to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast, get_args

from pydantic import BaseModel, Secret, SecretBytes, SecretStr

from prefect.schemas.block_checksums import compute_checksum
from prefect.types._annotated import SecretDict

REF_TEMPLATE = "#/definitions/{model}"


def describe_block(schema: dict[str, Any], block: type[BaseModel]) -> None:
    """Add to the JSON schema of a block class what the API stores besides the fields."""
    cls: Any = block
    schema["block_type_slug"] = cls.get_block_type_slug()
    description = cls.get_description()
    schema.pop("description", None)
    if description:
        schema["description"] = description
    for position, field in enumerate(schema.get("properties", {}).values()):
        field["position"] = position
    schema["secret_fields"] = [path for name, hint in _fields(block) for path in _find_secrets(name, hint, ())]
    schema["block_schema_references"] = {
        name: references[0] if len(references) == 1 else references
        for name, hint in _fields(block)
        if (references := [_refer_to(cls, block) for cls in find_block_classes(hint)])
    }


def without_additional_properties(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a JSON schema that does not say which further properties there may be, as the API stores it.

    The alternatives of a union keep it: checksums of existing schemas depend on that.
    """
    return {
        name: without_additional_properties(cast("Mapping[str, Any]", part)) if isinstance(part, Mapping) else part
        for name, part in schema.items()
        if name != "additionalProperties"
    }


def compute_class_checksum(block: type[BaseModel]) -> str:
    """Return the checksum of a block class's schema."""
    return compute_checksum(block.model_json_schema())


def find_block_classes(hint: Any) -> list[type[BaseModel]]:
    """Return the block classes in a type hint, each once."""
    found: list[type[BaseModel]] = []
    for kind in _iterate_types(hint):
        if is_block_class(kind) and kind not in found:
            found.append(kind)
    return found


def find_nested_block_classes(block: type[BaseModel]) -> list[type[BaseModel]]:
    """Return the block classes in the fields of a block class."""
    found = (cls for _, hint in _fields(block) for cls in find_block_classes(hint))
    return [*dict.fromkeys(found)]


def is_block_class(kind: Any) -> bool:
    """Return whether this is a subclass of `Block`."""
    return isinstance(kind, type) and issubclass(kind, BaseModel) and hasattr(kind, "get_block_type_slug")


def holds_secrets(hint: Any) -> bool:
    """Return whether a type hint has a secret in it."""
    return next(_find_secrets("", hint, ()), None) is not None


def _fields(model: type[BaseModel]) -> Iterator[tuple[str, Any]]:
    for name, field in model.model_fields.items():
        yield field.alias or name, field.annotation


def _refer_to(cls: Any, owner: type[BaseModel]) -> dict[str, str]:
    """Return the reference to a block class in the schema of its owner.

    One that holds its owner in turn has no checksum, which would depend on itself.
    """
    reference = {"block_type_slug": cls.get_block_type_slug()}
    if cls is not owner and owner not in _reach(cls):
        reference["block_schema_checksum"] = compute_class_checksum(cls)
    return reference


def _reach(block: type[BaseModel]) -> set[type[BaseModel]]:
    """Return the block classes in the fields of a block class, in the fields of those, and so on."""
    reached: set[type[BaseModel]] = set()
    waiting = [block]
    while waiting:
        new = [cls for cls in find_nested_block_classes(waiting.pop()) if cls not in reached]
        reached.update(new)
        waiting += new
    return reached


def _find_secrets(name: str, hint: Any, outer: tuple[Any, ...]) -> Iterator[str]:
    """Yield the paths of the secrets in a field. A model nested in itself is visited only once."""
    for kind in _iterate_types(hint):
        if not isinstance(kind, type):
            continue
        if issubclass(kind, SecretDict):
            yield f"{name}.*"
        elif issubclass(kind, (SecretStr, SecretBytes, Secret)):
            yield name
        elif issubclass(kind, BaseModel) and kind not in outer:
            for inner, inner_hint in _fields(kind):
                for path in _find_secrets(inner, inner_hint, (*outer, kind)):
                    yield f"{name}.{path}"


def _iterate_types(hint: Any) -> Iterator[Any]:
    """Yield the types in a type hint and, recursively, in its arguments."""
    arguments = get_args(hint)
    if not arguments or (isinstance(hint, type) and issubclass(hint, BaseModel)):
        yield hint
        return
    origin = getattr(hint, "__origin__", None)
    if isinstance(origin, type) and issubclass(origin, Secret):
        yield origin
        return
    for argument in arguments:
        yield from _iterate_types(argument)
