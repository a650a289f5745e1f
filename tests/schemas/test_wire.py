"""The schemas of `prefect.schemas.wire` are those of the interface's REST API (`data/wire.json`), field by field."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from prefect._lazy import exported_names
from prefect.schemas import wire
from tests.schemas.facts import differences, model_facts

DATA: dict[str, Any] = json.loads((Path(__file__).parent / "data" / "wire.json").read_text())
SCHEMAS: dict[str, dict[str, Any]] = DATA["schemas"]

EXPLAINED = {
    (
        "RRuleSchedule",
        "timezone",
    ): "The interface lists all zone names; this package uses the zones of the machine.",
}


def in_python(name: str) -> str:
    return name.removesuffix("-Input").removesuffix("-Output")


@pytest.fixture(scope="module")
def built_schemas() -> dict[str, dict[str, Any]]:
    sent = [(getattr(wire, name), "validation") for name in sorted({in_python(name) for name in DATA["sent"]})]
    answered = [(getattr(wire, name), "serialization") for name in sorted({in_python(n) for n in DATA["answered"]})]
    return model_facts([*sent, *answered])  # pyright: ignore[reportArgumentType]


def test_schema_names_match_interface(built_schemas: dict[str, dict[str, Any]]) -> None:
    assert set(built_schemas) == set(SCHEMAS)


@pytest.mark.parametrize("name", SCHEMAS)
def test_schema_matches_interface(name: str, built_schemas: dict[str, dict[str, Any]]) -> None:
    found = differences(SCHEMAS[name], built_schemas[name])

    assert {field: pair for field, pair in found.items() if (name, field) not in EXPLAINED} == {}


def test_explained_differences_still_exist(built_schemas: dict[str, dict[str, Any]]) -> None:
    assert all(field in differences(SCHEMAS[name], built_schemas[name]) for name, field in EXPLAINED)


def test_exported_names_match_interface() -> None:
    assert set(exported_names(wire.EXPORTS)) == {in_python(name) for name in SCHEMAS}


def test_strict_filter_rejects_unknown_nested_condition() -> None:
    with pytest.raises(ValidationError, match=r"name\.anyy_"):
        wire.FlowFilter.model_validate({"name": {"anyy_": ["a"]}})


def test_strict_filter_is_subclass_of_client_filter() -> None:
    from prefect.schemas.filters import FlowFilter, FlowFilterName

    strict = wire.FlowFilter.model_validate({"name": {"any_": ["a"]}, "deployment": {"is_null_": True}})

    assert isinstance(strict, FlowFilter)
    assert isinstance(strict.name, FlowFilterName)


def test_schema_access_imports_only_its_module() -> None:
    code = "import sys; from prefect.schemas.wire import GraphState; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()

    assert "prefect.schemas.wire.graphs" in loaded
    assert "prefect.schemas.wire.deployments" not in loaded


@pytest.mark.parametrize("name", ["FlowRunCreate", "TaskRunCreate"])
def test_run_create_generates_missing_name(name: str) -> None:
    model = getattr(wire, name)
    values = {"flow_id": "6d9bd3b5-8d2c-4d08-9ad1-3d8c8c9bdf11"} if name == "FlowRunCreate" else {}
    values = values or {"task_key": "t", "dynamic_key": "0"}

    assert model.model_validate(values).name
    assert model.model_validate({**values, "name": None}).name
