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
    ("RRuleSchedule", "timezone"): "The interface lists the names of all zones; ours asks the zones of the machine.",
}


def in_python(name: str) -> str:
    return name.removesuffix("-Input").removesuffix("-Output")


@pytest.fixture(scope="module")
def ours() -> dict[str, dict[str, Any]]:
    sent = [(getattr(wire, name), "validation") for name in sorted({in_python(name) for name in DATA["sent"]})]
    answered = [(getattr(wire, name), "serialization") for name in sorted({in_python(n) for n in DATA["answered"]})]
    return model_facts([*sent, *answered])  # pyright: ignore[reportArgumentType]


def test_schemas_have_the_names_of_the_interface(ours: dict[str, dict[str, Any]]) -> None:
    assert set(ours) == set(SCHEMAS)


@pytest.mark.parametrize("name", SCHEMAS)
def test_schema_is_as_in_the_interface(name: str, ours: dict[str, dict[str, Any]]) -> None:
    found = differences(SCHEMAS[name], ours[name])

    assert {field: pair for field, pair in found.items() if (name, field) not in EXPLAINED} == {}


def test_what_is_explained_still_differs(ours: dict[str, dict[str, Any]]) -> None:
    assert all(field in differences(SCHEMAS[name], ours[name]) for name, field in EXPLAINED)


def test_all_names_are_of_the_interface() -> None:
    assert set(exported_names(wire.EXPORTS)) == {in_python(name) for name in SCHEMAS}


def test_a_filter_refuses_an_unknown_condition_at_any_depth() -> None:
    with pytest.raises(ValidationError, match=r"name\.anyy_"):
        wire.FlowFilter.model_validate({"name": {"anyy_": ["a"]}})


def test_a_filter_of_the_wire_is_one_of_the_client() -> None:
    from prefect.schemas.filters import FlowFilter, FlowFilterName

    strict = wire.FlowFilter.model_validate({"name": {"any_": ["a"]}, "deployment": {"is_null_": True}})

    assert isinstance(strict, FlowFilter)
    assert isinstance(strict.name, FlowFilterName)


def test_asking_for_one_schema_does_not_import_the_others() -> None:
    code = "import sys; from prefect.schemas.wire import GraphState; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()

    assert "prefect.schemas.wire.graphs" in loaded
    assert "prefect.schemas.wire.deployments" not in loaded


@pytest.mark.parametrize("name", ["FlowRunCreate", "TaskRunCreate"])
def test_a_run_without_a_name_gets_one(name: str) -> None:
    model = getattr(wire, name)
    given = {"flow_id": "6d9bd3b5-8d2c-4d08-9ad1-3d8c8c9bdf11"} if name == "FlowRunCreate" else {}
    given = given or {"task_key": "t", "dynamic_key": "0"}

    assert model.model_validate(given).name
    assert model.model_validate({**given, "name": None}).name
