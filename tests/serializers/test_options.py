"""Options of the serializers."""

import base64
import pickle
import zlib

import pytest

from prefect.serializers import (
    CompressedJSONSerializer,
    CompressedPickleSerializer,
    CompressedSerializer,
    JSONSerializer,
    PickleSerializer,
    Serializer,
)


@pytest.mark.parametrize(
    ("serializer", "name"),
    [
        (JSONSerializer(type="json"), "json"),
        (PickleSerializer(type="pickle"), "pickle"),
        (CompressedSerializer(type="compressed", serializer=JSONSerializer()), "compressed"),
        (CompressedJSONSerializer(type="compressed/json"), "compressed/json"),
        (CompressedPickleSerializer(type="compressed/pickle"), "compressed/pickle"),
    ],
)
def test_type_names_the_serializer(serializer: Serializer, name: str) -> None:
    assert Serializer(type=name, **({"serializer": "json"} if name == "compressed" else {})) == serializer


def test_compression_library_is_the_named_one() -> None:
    serializer = CompressedSerializer(serializer=PickleSerializer(picklelib="pickle"), compressionlib="zlib")

    blob = serializer.dumps([1, 2])

    assert pickle.loads(base64.decodebytes(zlib.decompress(base64.decodebytes(blob)))) == [1, 2]
    assert serializer.loads(blob) == [1, 2]


def test_compressed_serializers_take_another_inner_one() -> None:
    as_json = CompressedJSONSerializer(serializer=JSONSerializer(dumps_kwargs={"indent": 1}))
    as_pickle = CompressedPickleSerializer(serializer=PickleSerializer(picklelib="pickle"))

    assert as_json.serializer.dumps({"a": 1}).count(b"\n") == 2
    assert as_pickle.serializer.picklelib == pickle.__name__
    assert as_json.loads(as_json.dumps({"a": 1})) == as_pickle.loads(as_pickle.dumps({"a": 1})) == {"a": 1}


def test_pickle_library_version_is_kept_with_the_record() -> None:
    serializer = PickleSerializer(picklelib_version="0.0.1")

    assert serializer.model_dump()["picklelib_version"] == "0.0.1"
    assert serializer.loads(serializer.dumps(1)) == 1
