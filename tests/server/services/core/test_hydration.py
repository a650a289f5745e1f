"""Parameters with variables of the store and templates, and the errors of forms."""

from __future__ import annotations

from typing import Any

import pytest

from prefect.server.db.sqlite.database import SqliteDatabase
from prefect.server.services.catalog import variables
from prefect.server.services.core.errors import InvalidRequest
from prefect.server.services.core.form_errors import find_form_errors
from prefect.server.services.core.hydration import HydrationError, hydrate


def variable(name: str) -> dict[str, Any]:
    return {"__prefect_kind": "workspace_variable", "variable_name": name}


def template(text: str) -> dict[str, Any]:
    return {"__prefect_kind": "jinja", "template": text}


async def set_variable(database: SqliteDatabase, name: str, value: Any) -> None:
    await database.write(lambda tx: variables.add(tx, {"name": name, "value": value, "tags": []}))


async def test_hydrate_reads_variables_wherever_they_are_nested(database: SqliteDatabase) -> None:
    await set_variable(database, "region", {"name": "eu"})
    values = {"where": variable("region"), "all": [1, {"also": variable("region")}]}
    found = await database.read(lambda tx: hydrate(tx, values))
    assert found == {"where": {"name": "eu"}, "all": [1, {"also": {"name": "eu"}}]}


async def test_hydrate_renders_templates_with_the_context(database: SqliteDatabase) -> None:
    found = await database.read(lambda tx: hydrate(tx, {"text": template("run {{ number }}")}, {"number": 3}))
    assert found == {"text": "run 3"}


async def test_hydrate_names_a_missing_variable(database: SqliteDatabase) -> None:
    with pytest.raises(HydrationError, match="colour"):
        await database.read(lambda tx: hydrate(tx, {"x": variable("colour")}))


SCHEMA = {
    "type": "object",
    "properties": {
        "count": {"type": "integer"},
        "names": {"type": "array", "items": {"type": "string"}},
        "limit": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
    },
    "required": ["count"],
}


async def find_errors(database: SqliteDatabase, values: dict[str, Any]) -> Any:
    return await database.read(lambda tx: find_form_errors(tx, SCHEMA, values))


async def test_form_errors_of_valid_values_are_none(database: SqliteDatabase) -> None:
    await set_variable(database, "count", 3)
    found = await find_errors(database, {"count": variable("count"), "names": ["a"], "limit": None})
    assert found == {"errors": [], "valid": True}


async def test_form_errors_are_nested_by_property_and_index(database: SqliteDatabase) -> None:
    found = await find_errors(database, {"names": ["a", 1], "limit": "x"})
    errors = {each["property"]: each["errors"] for each in found["errors"]}
    assert not found["valid"] and set(errors) == {"count", "names", "limit"}
    assert errors["names"][0]["index"] == 1
    assert errors["limit"] == ["'x' is not of type 'integer'"]


async def test_form_errors_do_not_judge_what_a_template_yields(database: SqliteDatabase) -> None:
    found = await find_errors(database, {"count": template("{{ 3 }}")})
    assert found == {"errors": [], "valid": True}
    broken = await find_errors(database, {"count": template("{{ 3")})
    assert [each["property"] for each in broken["errors"]] == ["count"]


async def test_form_errors_refuse_a_schema_that_is_none(database: SqliteDatabase) -> None:
    with pytest.raises(InvalidRequest, match="schema"):
        await database.read(lambda tx: find_form_errors(tx, {"type": 5}, {"x": 1}))
