"""Encoding of values as JSON, decoding of responses, and building of request paths."""

from datetime import datetime, timedelta, timezone
from enum import Enum
from pathlib import Path
from uuid import UUID

import httpx
import orjson
import pytest

from prefect.client._encoding import decode_response, encode
from prefect.client.transport import build_path
from prefect.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.schemas.schedules import IntervalSchedule
from prefect.schemas.states import StateType

ID = UUID(int=7)


class Plain(Enum):
    """An enumeration defined by a user."""

    ONE = 1


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (ID, str(ID)),
        (datetime(2031, 1, 2, 3, tzinfo=timezone.utc), "2031-01-02T03:00:00+00:00"),
        (timedelta(minutes=1.5), 90.0),
        ({"b"}, ["b"]),
        (frozenset({ID}), [str(ID)]),
        ((1, None), [1, None]),
        (StateType.RUNNING, "RUNNING"),
        (Plain.ONE, 1),
        (Path("/a"), "/a"),
        ({1: "a"}, {"1": "a"}),
        (IntervalSchedule(interval=timedelta(hours=1)), {"interval": 3600.0}),
        (FlowRunFilter(id=FlowRunFilterId(any_=[ID])), {"id": {"any_": [str(ID)]}}),
    ],
)
def test_encode_converts_values_to_json(value: object, written: object) -> None:
    assert orjson.loads(encode({"deep": [value]})) == {"deep": [written]}


def test_decode_response_parses_json_bodies() -> None:
    assert decode_response(httpx.Response(204)) is None
    assert decode_response(httpx.Response(200, json={"a": 1})) == {"a": 1}
    assert decode_response(httpx.Response(200, text='{"a": 1}')) == '{"a": 1}'


def test_build_path_separates_path_and_query_parameters() -> None:
    path, query = build_path("/a/{id}/b/{name}", {"id": ID, "name": "x/y z:1", "limit": 3, "all": True, "none": None})
    assert path == f"/a/{ID}/b/x%2Fy%20z:1"
    assert query == {"limit": 3, "all": True}
