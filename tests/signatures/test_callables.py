"""Conversion of calls to parameters, mapping, and the JSON schema of parameters."""

import datetime
import enum
import pickle
from typing import Annotated, Any

import cloudpickle
import pydantic
import pytest

from prefect.exceptions import (
    MappingLengthMismatch,
    MappingMissingIterable,
    ParameterBindError,
    ReservedArgumentError,
    SignatureMismatchError,
)
from prefect.signatures import calls
from prefect.signatures.calls import expand_mapping_parameters
from prefect.signatures.json_schemas import ParameterSchema, parameter_schema, parameter_schema_from_entrypoint
from prefect.values.annotations import allow_failure, quote, unmapped


def two(a, b): ...
def many(a, b=1, *args, c=2, **kw): ...


def test_call_parameters_convert_to_arguments_and_back():
    parameters = calls.get_call_parameters(many, (1, 2, 3), {"z": 4})
    assert parameters == {"a": 1, "b": 2, "args": (3,), "c": 2, "kw": {"z": 4}}
    assert calls.parameters_to_args_kwargs(many, parameters) == ((1, 2, 3), {"c": 2, "z": 4})
    assert calls.get_call_parameters(many, (1,), {}, apply_defaults=False) == {"a": 1}
    assert calls.get_parameter_defaults(many) == {"b": 1, "c": 2}
    assert calls.call_with_parameters(lambda a, *r, **k: (a, r, k), {"a": 1, "r": [2], "k": {"x": 3}}) == (
        1,
        (2,),
        {"x": 3},
    )
    with pytest.raises(ParameterBindError):
        calls.get_call_parameters(two, (1,), {})
    with pytest.raises(SignatureMismatchError):
        calls.parameters_to_args_kwargs(two, {"a": 1, "z": 2})


def test_variadic_parameters_collapse_and_explode():
    assert calls.collapse_variadic_parameters(many, {"a": 1, "z": 2}) == {"a": 1, "kw": {"z": 2}}
    assert calls.explode_variadic_parameter(many, {"a": 1, "kw": {"z": 2}}) == {"a": 1, "z": 2}
    with pytest.raises(ValueError, match="'z'"):
        calls.collapse_variadic_parameters(two, {"z": 1})


def test_raise_for_reserved_arguments_names_the_argument():
    with pytest.raises(ReservedArgumentError, match="'a'"):
        calls.raise_for_reserved_arguments(two, ["wait_for", "a"])
    calls.raise_for_reserved_arguments(two, ["wait_for"])


def test_cloudpickle_wrapped_call_can_be_pickled():
    call = calls.cloudpickle_wrapped_call(lambda x, y: x + y, 1, y=2)
    assert cloudpickle.loads(pickle.loads(pickle.dumps(call))()) == 3


@pytest.mark.parametrize(
    ("parameters", "calls"),
    [
        ({"a": [1, 2], "b": unmapped([3])}, [{"a": 1, "b": [3]}, {"a": 2, "b": [3]}]),
        ({"a": [1, 2], "b": "xy"}, [{"a": 1, "b": "xy"}, {"a": 2, "b": "xy"}]),
        ({"a": (i for i in (1, 2)), "b": [3, 4]}, [{"a": 1, "b": 3}, {"a": 2, "b": 4}]),
        ({"a": {"x": 1}, "b": [1]}, [{"a": "x", "b": 1}]),
        ({"a": allow_failure([1]), "b": quote([2])}, [{"a": allow_failure(1), "b": quote(2)}]),
        ({"a": allow_failure(unmapped([1])), "b": [2]}, [{"a": allow_failure([1]), "b": 2}]),
        ({"a": [], "b": []}, []),
    ],
)
def test_expand_mapping_parameters_builds_one_call_per_item(parameters, calls):
    assert expand_mapping_parameters(two, parameters) == calls


def test_expand_mapping_parameters_maps_keywords_but_not_defaults():
    def fn(a, d=(1, 2, 3), **kw): ...

    assert expand_mapping_parameters(fn, {"a": [1, 2], "kw": {"z": [5, 6], "q": 7}}) == [
        {"a": 1, "d": (1, 2, 3), "kw": {"z": 5, "q": 7}},
        {"a": 2, "d": (1, 2, 3), "kw": {"z": 6, "q": 7}},
    ]


def test_expand_mapping_parameters_rejects_invalid_arguments():
    with pytest.raises(MappingLengthMismatch, match=r"'a': 2, 'b': 1"):
        expand_mapping_parameters(two, {"a": [1, 2], "b": [1]})
    with pytest.raises(MappingMissingIterable, match="'a', 'b'"):
        expand_mapping_parameters(two, {"a": 1, "b": unmapped([2])})


class Color(enum.Enum):
    RED = "red"


class Person(pydantic.BaseModel):
    """Someone."""

    name: str


class Opaque: ...


def test_parameter_schema_describes_each_parameter():
    def fn(
        a: int,
        b: str = "x",
        color: Color = Color.RED,
        person: Person = Person(name="n"),
        *,
        n: Annotated[int, pydantic.Field(gt=3)] = 5,
        thing: Opaque | None = Opaque(),  # type: ignore[assignment]
        _hidden: datetime.timedelta = datetime.timedelta(1),
        copy: Any = None,
    ):
        """Do it.

        Args:
            a: The first,
                and foremost.
            b (str): The second.

        Returns:
            Nothing.
        """

    schema = parameter_schema(fn).model_dump_for_openapi()
    assert schema["title"] == "Parameters" and schema["type"] == "object"
    assert schema["required"] == ["a"]
    assert schema["properties"]["a"] == {
        "type": "integer",
        "title": "a",
        "position": 0,
        "description": "The first,\nand foremost.",
    }
    assert schema["properties"]["b"]["description"] == "The second."
    assert schema["properties"]["color"] == {
        "$ref": "#/definitions/Color",
        "default": "red",
        "position": 2,
        "title": "color",
    }
    assert schema["properties"]["person"]["default"] == {"name": "n"}
    assert schema["properties"]["n"]["exclusiveMinimum"] == 3
    assert schema["properties"]["_hidden"]["default"] == "P1D"
    assert "default" not in schema["properties"]["thing"]
    assert schema["definitions"]["Person"]["description"] == "Someone."
    assert [p["position"] for p in schema["properties"].values()] == list(range(8))


def test_parameter_schema_has_no_required_without_parameters():
    def fn(): ...

    assert "required" not in parameter_schema(fn).model_dump_for_openapi()
    assert parameter_schema(fn) == ParameterSchema()


def test_parameter_schema_allows_any_value_when_a_hint_is_undefined():
    def fn(a: "Missing", b: int): ...  # type: ignore[name-defined]  # noqa: F821

    assert parameter_schema(fn).properties == {
        "a": {"position": 0, "title": "a"},
        "b": {"position": 1, "title": "b", "type": "integer"},
    }


def test_parameter_schema_omits_self():
    class Things:
        def method(self, q: int): ...

    assert list(parameter_schema(Things.method).properties) == ["q"]
    assert parameter_schema(Things().method).properties["q"]["position"] == 0


def test_parameter_schema_from_entrypoint_does_not_execute_the_file(tmp_path):
    (tmp_path / "neighbour.py").write_text("DEFAULT = 5\n")
    file = tmp_path / "flows.py"
    file.write_text(
        "import missing_package\n"
        "from missing_package import Thing\n"
        "from neighbour import DEFAULT\n"
        "import pydantic\n"
        "class Model(pydantic.BaseModel):\n    z: int = 3\n"
        "raise SystemExit('must not run')\n"
        "@missing_package.decorator\n"
        'def run(a: int, model: Model, thing: Thing = None, d=DEFAULT, e=missing_package.x):\n    """Run.\n\n'
        '    Args:\n        a: The a.\n    """\n'
        "class K:\n    async def method(self, x: str): ...\n"
    )
    schema = parameter_schema_from_entrypoint(f"{file}:run")
    assert schema.required == ["a", "model"]
    assert schema.properties["a"]["description"] == "The a."
    assert schema.properties["d"]["default"] == 5
    assert schema.properties["thing"] == {"default": None, "position": 2, "title": "thing"}
    assert schema.definitions["Model"]["properties"]["z"]["default"] == 3
    assert list(parameter_schema_from_entrypoint(f"{file}:K.method").properties) == ["x"]
    assert "obj" in parameter_schema_from_entrypoint("json.dumps").properties
    with pytest.raises(ValueError, match="nothing"):
        parameter_schema_from_entrypoint(f"{file}:nothing")
    with pytest.raises(ValueError, match="no_such_module"):
        parameter_schema_from_entrypoint("no_such_module.x")
