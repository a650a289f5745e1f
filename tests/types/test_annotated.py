"""Validation and lazy import of the constrained types."""

from __future__ import annotations

import datetime
import subprocess
import sys
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from prefect import types
from prefect._lazy import exported_names
from prefect.types import UTC, names

DAY = datetime.timedelta(days=1)


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("DateTime", "2024-01-01T00:00:00", types.DateTime(2024, 1, 1, tzinfo=UTC)),
        ("Date", "2024-01-01", types.Date(2024, 1, 1)),
        ("DurationOrSecondsTimeDelta", 86400, DAY),
        ("DurationOrSecondsTimeDelta", 86400.0, DAY),
        ("DurationOrSecondsTimeDelta", "P1D", DAY),
        ("JsonStringOrDict", '{"a": "b"}', {"a": "b"}),
        ("LogLevel", "debug", "DEBUG"),
        ("ListOfNonEmptyStrings", "a,,b", ["a", "b"]),
        ("ListOfNonEmptyStrings", ["", "a"], ["a"]),
        ("ClientRetryExtraCodes", "404, 429", {404, 429}),
        ("ClientRetryExtraCodes", None, set[int]()),
        ("TaskRetryDelaySeconds", "1,2.5", [1.0, 2.5]),
        ("TaskRetryDelaySeconds", "", None),
        ("TaskRetryDelaySeconds", 5, 5),
        ("SecondsTimeDelta", "86400", DAY),
        ("SecondsTimeDelta", "P1D", DAY),
        ("NonNegativeTimeDelta", 86400, DAY),
        ("KeyValueLabelsField", None, {}),
        ("StrictVariableValue", True, True),
        ("TimeZone", "Europe/Berlin", "Europe/Berlin"),
        ("LaxUrl", "http://{host}/", "http://{host}/"),
    ],
)
def test_type_accepts_valid_value(kind: str, value: Any, expected: Any) -> None:
    found = TypeAdapter(getattr(types, kind)).validate_python(value)

    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("JsonStringOrDict", "bad"),
        ("LogLevel", "loud"),
        ("LogLevel", 5),
        ("ClientRetryExtraCodes", "99"),
        ("TaskRetryDelaySeconds", "soon"),
        ("NonNegativeTimeDelta", -1),
        ("DurationOrSecondsTimeDelta", "86400"),
        ("DurationOrSecondsTimeDelta", float("nan")),
        ("NonNegativeInteger", -1),
        ("PositiveInteger", 0),
        ("StatusCode", 600),
        ("StrictVariableValue", "x" * 5001),
        ("TimeZone", "Mars/Phobos"),
        ("Name", "a/b"),
        ("NonEmptyishName", ' "'),
        ("ValidAssetKey", "s3://a b"),
        ("ValidAssetKey", "a"),
        ("URILike", "S3://x"),
    ],
)
def test_type_rejects_invalid_value(kind: str, value: Any) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(getattr(types, kind)).validate_python(value)


@pytest.mark.parametrize(("kind", "good", "bad"), [("ArtifactKey", "a-b", "a_b"), ("VariableName", "a_b-c", "A")])
def test_name_types_reject_invalid_names(kind: str, good: str, bad: str) -> None:
    adapter: TypeAdapter[str] = TypeAdapter(getattr(names, kind))

    assert adapter.validate_python(good) == good
    with pytest.raises(ValidationError):
        adapter.validate_python(bad)


def test_secret_dict_hides_values() -> None:
    secret = types.SecretDict({"a": "visible"})

    assert "visible" not in repr(secret)
    assert secret.get_secret_value() == {"a": "visible"}


def test_types_import_pydantic_on_first_use() -> None:
    code = "import sys, prefect.types as t; a = 'pydantic' in sys.modules; t.Name; print(a, 'pydantic' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "False True"


def test_exported_names_resolve() -> None:
    exported = exported_names(types._EXPORTS)

    assert len(exported) > 25
    for name in exported:
        getattr(types, name)
