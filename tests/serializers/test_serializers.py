"""Serializers: round trips, registration by name, Prefect's format, invalid options."""

import dataclasses
import datetime
import enum
import io
import json
import math
import uuid
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

import pydantic
import pytest
from pydantic import BaseModel, ValidationError

from prefect.serializers import (
    CompressedJSONSerializer,
    CompressedPickleSerializer,
    CompressedSerializer,
    JSONSerializer,
    PickleSerializer,
    Serializer,
    UnknownSerializer,
    prefect_json_object_decoder,
    prefect_json_object_encoder,
)


class Model(BaseModel):
    a: int = 1


class Color(enum.Enum):
    RED = "red"


@dataclasses.dataclass
class Point:
    x: int = 0


class Outer:
    class Inner(BaseModel):
        a: int = 2


class Roman(Serializer):
    type: str = "test-roman"

    def dumps(self, obj: int) -> bytes:
        return b"I" * obj

    def loads(self, blob: bytes) -> int:
        return len(blob)


ALL = [
    PickleSerializer(),
    PickleSerializer(picklelib="pickle"),
    JSONSerializer(),
    JSONSerializer(dumps_kwargs={"indent": 1}),
    CompressedSerializer(serializer=JSONSerializer()),
    CompressedJSONSerializer(),
    CompressedJSONSerializer(compressionlib="bz2"),
    CompressedPickleSerializer(),
    CompressedPickleSerializer(compressionlib="gzip"),
]
VALUES = [None, 1, 1.5, "naïve ☃", [1, [2]], {"a": {"b": None}}, "x" * 1000]
OBJECTS = [
    Model(a=5),
    Point(x=2),
    Color.RED,
    Outer.Inner(),
    {1, 2},
    b"bytes",
    datetime.datetime(2024, 1, 2, 3, tzinfo=datetime.timezone.utc),
    datetime.timedelta(days=1),
    uuid.UUID(int=3),
    Path("/x"),
]


@pytest.mark.parametrize("serializer", ALL, ids=lambda v: repr(v).split(" at 0x")[0])
@pytest.mark.parametrize("value", [*VALUES, *OBJECTS], ids=lambda v: repr(v)[:20])
def test_serializer_loads_what_it_dumped(serializer: Serializer[Any], value: Any):
    blob = serializer.dumps(value)
    blob.decode()
    again = serializer.loads(blob)
    assert again == value and type(again) is type(value)


@pytest.mark.parametrize("serializer", ALL, ids=lambda v: repr(v).split(" at 0x")[0])
def test_serializer_is_restored_from_its_description(serializer: Serializer[Any]):
    described = serializer.model_dump_json(serialize_as_any=True)
    again = pydantic.TypeAdapter(Serializer).validate_json(described)
    assert again == serializer and type(again) is type(serializer)


def test_pickle_serializer_writes_the_prefect_format():
    assert PickleSerializer().dumps(5) == b"gAVLBS4=\n"
    assert PickleSerializer(picklelib="pickle").loads(b"gARLAS4=\n") == 1


def test_json_serializer_writes_the_prefect_format():
    value = {"s": {1, 2}, "t": (1, 2), "b": b"x", "e": ValueError("x", 1)}
    assert JSONSerializer().dumps(value) == (
        b'{"s": {"__class__": "builtins.set", "data": [1, 2]}, "t": [1, 2], '
        b'"b": {"__class__": "builtins.bytes", "data": "x"}, '
        b'"e": {"__exc_type__": "builtins.ValueError", "message": "(\'x\', 1)"}}'
    )


def test_json_serializer_keeps_class_and_message_of_exceptions():
    error = JSONSerializer().loads(JSONSerializer().dumps(KeyError("gone")))
    assert type(error) is KeyError and "gone" in str(error)


def test_json_serializer_accepts_another_library_and_no_hooks():
    plain = JSONSerializer(jsonlib="orjson", object_encoder=None, object_decoder=None)
    assert plain.loads(plain.dumps([1])) == [1]
    assert JSONSerializer(object_decoder=None).loads(b'{"__class__": "x"}') == {"__class__": "x"}


def test_json_serializer_preserves_nan():
    assert math.isnan(JSONSerializer().loads(JSONSerializer().dumps(math.nan)))


def test_json_serializer_raises_for_unsupported_objects():
    with pytest.raises(pydantic.ValidationError.__mro__[1], match="object"):
        JSONSerializer().dumps(object())


def test_serializer_is_found_by_name():
    assert type(Serializer(type="json")) is JSONSerializer
    assert type(Serializer(type="test-roman")) is Roman
    assert type(pydantic.TypeAdapter(Serializer).validate_python("compressed/pickle")) is CompressedPickleSerializer
    assert CompressedSerializer(serializer="test-roman").serializer == Roman()  # pyright: ignore
    kept = CompressedSerializer(serializer={"type": "json", "jsonlib": "orjson"}).serializer  # pyright: ignore
    assert kept == JSONSerializer(jsonlib="orjson")


def test_serializer_subclass_can_declare_its_type_as_literal():
    class Braille(Serializer[str]):
        type: Literal["test-braille"] = "test-braille"

        def dumps(self, obj: str) -> bytes:
            return obj.encode()

        def loads(self, blob: bytes) -> str:
            return blob.decode()

    assert type(Serializer(type="test-braille")) is Braille
    assert Serializer(type="test-braille").loads(b"x") == "x"


def test_compressed_serializer_accepts_a_custom_serializer():
    both = CompressedSerializer(serializer=Roman())
    assert both.loads(both.dumps(4)) == 4


@pytest.mark.parametrize("name", ["nope", 5, None, []])
def test_serializer_rejects_unknown_names(name):
    with pytest.raises(ValidationError, match="No serializer is named"):
        Serializer(type=name)
    with pytest.raises(ValidationError, match="No serializer is named"):
        pydantic.TypeAdapter(Serializer).validate_python({"type": name})


def test_unknown_serializer_can_be_dumped_but_not_used():
    unknown = UnknownSerializer(type="unknown", level=3)  # pyright: ignore
    assert unknown.model_dump() == {"type": "unknown", "level": 3}
    with pytest.raises(ValueError, match="'unknown'"):
        unknown.loads(b"")
    with pytest.raises(ValueError, match="'unknown'"):
        unknown.dumps(1)


def test_base_serializer_names_the_missing_method():
    with pytest.raises(NotImplementedError, match="dumps"):
        Serializer().dumps(1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PickleSerializer(picklelib="nolib"), "Failed to import requested pickle library: 'nolib'"),
        (lambda: PickleSerializer(picklelib="os"), "'os' does not have a 'dumps' method"),
        (lambda: CompressedJSONSerializer(compressionlib="nolib"), "requested compression library: 'nolib'"),
        (lambda: CompressedJSONSerializer(compressionlib="os"), "does not have a 'compress' method"),
        (lambda: JSONSerializer(dumps_kwargs={"default": 1}), "`default` cannot be provided"),
        (lambda: JSONSerializer(loads_kwargs={"object_hook": 1}), "`object_hook` cannot be provided"),
        (lambda: JSONSerializer(undefined=1), "undefined"),
    ],
)
def test_serializer_rejects_invalid_options(make, message):
    with pytest.raises(ValidationError, match=message):
        make()


def test_serializer_type_is_frozen():
    with pytest.raises(ValidationError, match="frozen"):
        JSONSerializer().type = "x"


def test_json_object_decoder_reverses_the_encoder():
    described = json.loads(json.dumps(prefect_json_object_encoder(Outer.Inner(a=3))))
    assert described == {"__class__": f"{__name__}.Outer.Inner", "data": {"a": 3}}
    assert prefect_json_object_decoder(described) == Outer.Inner(a=3)
    assert prefect_json_object_decoder({"a": 1}) == {"a": 1}


@pytest.mark.parametrize("name", ["nowhere.Missing", "json.Missing", "os.system", "shutil.rmtree", "io.StringIO"])
def test_json_of_a_class_that_cannot_be_used_is_loaded_as_a_dict_with_a_warning(name: str):
    described = {"__class__": name, "data": {"path": "/nowhere"}}
    with pytest.warns(UserWarning, match=f"the class {name!r}"):
        assert prefect_json_object_decoder(described) is described


@pytest.mark.parametrize("name", ["nowhere.Missing", "json.Missing", "os.system", "builtins.int"])
def test_json_of_an_unknown_exception_type_raises(name: str):
    with pytest.raises(ValueError, match=f"exception type {name!r}"):
        prefect_json_object_decoder({"__exc_type__": name, "message": "exit 1"})


Inner = TypeVar("Inner")


class Box(pydantic.BaseModel, Generic[Inner]):
    content: Inner


class Item(pydantic.BaseModel):
    number: int


GENERICS = [
    Box[int](content=1),
    Box[Item](content=Item(number=1)),
    Box[Box[Item]](content=Box[Item](content=Item(number=1))),
    Box[list[Item] | None](content=[Item(number=1)]),
    Box[dict[str, Item]](content={"a": Item(number=1)}),
    Box(content=1),
]


@pytest.mark.parametrize("value", GENERICS)
def test_json_serializer_restores_parametrized_models(value: Any):
    loaded = JSONSerializer[Any]().loads(JSONSerializer[Any]().dumps([value]))

    assert loaded == [value] and type(loaded[0]) is type(value)
    assert "[" not in prefect_json_object_encoder(value)["__class__"]


def test_json_serializer_names_the_plain_class_of_a_model_whose_parameters_have_no_name():
    encoded = prefect_json_object_encoder(Box[Literal["a"]](content="a"))

    assert prefect_json_object_decoder(encoded) == Box(content="a")


def test_json_serializer_does_not_read_open_streams(tmp_path: Path):
    (tmp_path / "file").write_text("content")
    with open(tmp_path / "file") as file, io.BytesIO(b"content") as memory:
        text = JSONSerializer[Any]().dumps([file, memory])
        assert (file.read(), memory.read()) == ("content", b"content")

    assert b"StringIO" not in text and b"whose content was not read" in text


@pytest.mark.parametrize(
    "value",
    [
        {"a": [1, None, {"b": True}]},
        {"models": [Item(number=1), Box[int](content=1)]},
        datetime.datetime(2020, 1, 1),
        {1, 2},
        ValueError("x"),
    ],
)
def test_json_serializer_with_orjson_reads_what_it_wrote(value: Any):
    serializer = JSONSerializer[Any](jsonlib="orjson")

    loaded = serializer.loads(serializer.dumps(value))

    assert repr(loaded) == repr(value)
    assert JSONSerializer[Any](jsonlib="orjson", object_decoder=None).loads(b'{"__class__": 1}') == {"__class__": 1}
