"""The models of `prefect.schemas` have the fields, types, defaults and enums of the interface (`data/`)."""

from __future__ import annotations

import datetime
import importlib
import json
import re
import types
import typing
from enum import Enum
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

DATA = Path(__file__).parent / "data"
MODELS: dict[str, dict[str, Any]] = json.loads((DATA / "models.json").read_text())
ENUMS: dict[str, dict[str, dict[str, str]]] = json.loads((DATA / "enums.json").read_text())

# Where a type is wider on purpose: a stored result stays a dictionary until its value is read.
WIDER = {
    ("State", "data"),
    ("StateCreate", "data"),
    ("Artifact", "data"),
    ("ArtifactCollection", "data"),
    ("ArtifactCreate", "data"),
    ("ArtifactUpdate", "data"),
}


def cases(data: dict[str, Any]) -> list[tuple[str, str]]:
    return [(module, name) for module, names in data.items() for name in names]


@pytest.mark.parametrize(("module", "name"), cases(MODELS))
def test_model_matches_interface(module: str, name: str) -> None:
    model = getattr(importlib.import_module(module), name)
    model.model_rebuild()
    facts = MODELS[module][name]

    found = {field: described(info) for field, info in model.model_fields.items()}

    expected = {field: normalized(text) for field, text in facts["fields"].items()}
    for field in list(expected):
        if (name, field) in WIDER:
            expected[field] = "Any = " + expected[field].partition(" = ")[2]
    assert found == expected
    if facts["extra"]:
        assert model.model_config.get("extra") == facts["extra"]


@pytest.mark.parametrize(("module", "name"), cases(MODELS))
def test_model_schema_can_be_built(module: str, name: str) -> None:
    model = getattr(importlib.import_module(module), name)

    assert model.model_rebuild(force=True) is True
    schema = model.model_json_schema()
    assert (schema.get("title") or schema["$ref"].rpartition("/")[2]).startswith(
        name
    )  # a recursive model is a reference


@pytest.mark.parametrize(("module", "name"), cases(ENUMS))
def test_enum_matches_interface(module: str, name: str) -> None:
    enum = getattr(importlib.import_module(module), name)

    assert {member.name: member.value for member in enum} == ENUMS[module][name]


# --- descriptions ----------------------------------------------------------------------------------------------------

PLAIN = {datetime.datetime: "datetime", datetime.timedelta: "timedelta", type(None): "None", Any: "Any", UUID: "UUID"}


def normalized(text: str) -> str:
    """Return a fact of the interface without constraints and default factories."""
    text = re.sub(r" \(\w+=.*\)$", "", text)
    kind, equals, default = text.partition(" = ")
    kind = " | ".join(sorted(kind.replace("DateTime", "datetime").replace("State[T]", "State").split(" | ")))
    if default.startswith(("<factory", "[", "{", "set(")):
        default = "made"
    if default in ("EventIDFilter(id=[])", "ResourceSpecification(root={})") or default.startswith(
        "BlockDocumentFilterIsAnonymous"
    ):
        default = "made"
    return f"{kind}{equals}{default}"


def described(field: FieldInfo) -> str:
    kind = " | ".join(sorted(named(field.annotation).split(" | ")))
    if field.is_required():
        return kind
    if field.default is PydanticUndefined:
        return f"{kind} = made"
    return f"{kind} = {shown(field.default)}"


def shown(default: Any) -> str:
    return f"{type(default).__name__}.{default.name}" if isinstance(default, Enum) else repr(default)


def named(kind: Any) -> str:
    if kind in PLAIN:
        return PLAIN[kind]
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Annotated:
        return named(args[0])
    if origin in (typing.Union, types.UnionType):
        return " | ".join(named(arg) for arg in args)
    if origin is typing.Literal:
        return f"Literal[{', '.join(map(repr, args))}]"
    if origin is not None:
        return f"{origin.__name__}[{', '.join(named(arg) for arg in args)}]"
    if isinstance(kind, typing.TypeVar):
        return "T"
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        generic = kind.__pydantic_generic_metadata__
        return f"{generic['origin'].__name__}[{named(generic['args'][0])}]" if generic["origin"] else kind.__name__
    return getattr(kind, "__name__", str(kind))
