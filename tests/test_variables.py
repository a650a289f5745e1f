"""Variables are set, read and deleted, by sync and async code."""

from __future__ import annotations

from typing import Any

import pytest

from prefect import flow
from prefect.client.orchestration import get_client
from prefect.types.names import MAX_VARIABLE_NAME_LENGTH
from prefect.variables import Variable


@pytest.mark.parametrize("value", ["text", 5, 1.5, True, None, [1, [2]], {"a": {"b": None}}])
def test_set_value_is_read_back(value: Any) -> None:
    assert Variable.set("kept", value, tags=["one"]) == Variable(name="kept", value=value, tags=["one"])
    assert Variable.get("kept", "default") == value


def test_missing_variable_gives_the_default() -> None:
    assert Variable.get("nothing") is None
    assert Variable.get("nothing", 5) == 5


def test_set_replaces_a_variable_only_with_overwrite() -> None:
    Variable.set("kept", 1, tags=["old"])
    with pytest.raises(ValueError, match=r"'kept' already.*overwrite=True"):
        Variable.set("kept", 2)
    Variable.set("kept", 2, tags=["new"], overwrite=True)
    with get_client(sync_client=True) as client:
        found = client.read_variable_by_name("kept")
    assert found is not None
    assert (found.value, found.tags) == (2, ["new"])


def test_set_with_overwrite_creates_a_variable() -> None:
    Variable.set("fresh", 1, overwrite=True)
    assert Variable.get("fresh") == 1


def test_unset_returns_whether_there_was_one() -> None:
    Variable.set("kept", 1)
    assert Variable.unset("kept") is True
    assert Variable.unset("kept") is False
    assert Variable.get("kept") is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Bad Name", 1),
        ("x" * (MAX_VARIABLE_NAME_LENGTH + 1), 1),
        ("kept", object()),
        ("kept", "x" * 6000),
        ("kept", [float("nan")]),
    ],
)
def test_set_refuses_what_cannot_be_kept(name: str, value: Any) -> None:
    with pytest.raises(ValueError):
        Variable.set(name, value)


async def test_async_code_awaits_the_same_methods() -> None:
    await Variable.set("kept", 1)  # type: ignore[misc]
    assert await Variable.get("kept") == 1  # type: ignore[misc]
    assert await Variable.aget("kept") == 1
    assert await Variable.aunset("kept") is True


def test_flow_reads_a_variable() -> None:
    @flow
    def read() -> Any:
        return Variable.get("kept")

    Variable.set("kept", "from outside")
    assert read() == "from outside"
