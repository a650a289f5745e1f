"""Hydrating values and checking them against a JSON schema, by the public paths."""

from __future__ import annotations

from typing import Any

import pytest

from prefect.utilities.schema_tools import (
    HydrationContext,
    HydrationError,
    ValidationError,
    hydrate,
    is_valid_schema,
    validate,
)
from prefect.utilities.schema_tools.hydration import (
    InvalidJinja,
    InvalidJSON,
    TemplateNotFound,
    ValidJinja,
    ValueNotFound,
    WorkspaceVariable,
    WorkspaceVariableNotFound,
)
from prefect.utilities.schema_tools.validation import is_valid

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"x": {"type": "integer"}, "y": {"type": "string"}, "z": {"type": "string", "default": "q"}},
    "required": ["x"],
}


def describe(name: str | None, **more: Any) -> dict[str, Any]:
    return {"a": {"__prefect_kind": name, **more}}


@pytest.mark.parametrize(
    ("described", "plain", "rendered"),
    [
        (describe("none", value=1), {"a": 1}, {"a": 1}),
        (describe("json", value="[1]"), {"a": [1]}, {"a": [1]}),
        (describe("json"), {}, {}),
        (describe("jinja", template="{{ x }}!"), {"a": ValidJinja("{{ x }}!")}, {"a": "7!"}),
        (describe("workspace_variable", variable_name="v"), {"a": WorkspaceVariable("v")}, {"a": {"d": 1}}),
        (describe("workspace_variable"), {}, {}),
        (describe("unknown", value=1), {"a": 1}, {"a": 1}),
        ({"a": [*describe("json", value="1").values(), 2, *describe("json").values()]}, {"a": [1, 2]}, {"a": [1, 2]}),
    ],
)
def test_values_are_hydrated(described: dict[str, Any], plain: dict[str, Any], rendered: dict[str, Any]):
    assert hydrate(described) == plain
    context = HydrationContext(
        workspace_variables={"v": {"d": 1}},
        jinja_context={"x": 7},
        render_jinja=True,
        render_workspace_variables=True,
    )
    assert hydrate(described, context) == rendered


@pytest.mark.parametrize(
    ("described", "kind", "message"),
    [
        (describe("none"), ValueNotFound, "Missing 'value' key"),
        (describe("json", value="{bad"), InvalidJSON, "Invalid JSON: "),
        (describe("jinja", template="{{ x "), InvalidJinja, "Invalid jinja: "),
        (describe("jinja"), TemplateNotFound, "Missing 'template' key"),
        (describe("workspace_variable", variable_name="no"), WorkspaceVariableNotFound, "Variable 'no' not found"),
    ],
)
def test_what_cannot_be_hydrated_stands_in_its_place_or_is_raised(
    described: dict[str, Any], kind: type[HydrationError], message: str
):
    options = {"render_workspace_variables": True, "render_jinja": True}
    found = hydrate(described, HydrationContext(**options))["a"]
    assert isinstance(found, kind) and found.is_error and found.message.startswith(message)
    with pytest.raises(kind, match=message):
        hydrate(described, HydrationContext(**options, raise_on_error=True))


def test_errors_of_values_are_returned_or_raised():
    (error,) = validate({"x": "1"}, SCHEMA)
    assert (error.message, list(error.path)) == ("'1' is not of type 'integer'", ["x"])
    with pytest.raises(ValidationError, match="Validation failed for field 'x'"):
        validate({"x": "1"}, SCHEMA, raise_on_error=True)
    assert is_valid({"x": 1}, SCHEMA) and not is_valid({}, SCHEMA)
    assert validate({}, SCHEMA, ignore_required=True) == []


def test_optional_values_may_be_null():
    assert validate({"x": 1, "y": None}, SCHEMA) == []
    assert len(validate({"x": 1, "y": None}, SCHEMA, preprocess=False)) == 1
    assert len(validate({"x": 1, "z": None}, SCHEMA)) == 1
    assert validate({"x": 1, "z": None}, SCHEMA, allow_none_with_default=True) == []


def test_schema_that_is_none_is_an_error():
    is_valid_schema(SCHEMA)
    with pytest.raises(ValueError, match="Invalid schema: 'nope' is not valid"):
        is_valid_schema({"type": "nope"}, preprocess=False)
    with pytest.raises(ValueError, match="Invalid schema"):
        validate({}, {"type": "nope"})
