"""Events take few bytes, and come back as they were."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect.server.services.events import packing
from tests.server.journal_records import at

ROW = {"id": uuid4(), "resource_id": uuid4(), "flow_run_id": uuid4(), "follows": uuid4(), "occurred": at(0.25)}

TEXTS = st.one_of(
    st.text(),
    st.sampled_from([str(value) for value in ROW.values()]),
    st.uuids().map(str),
    st.just(at(0.25).isoformat(timespec="microseconds")),
    st.just(f"{uuid4()}-{uuid4()}"),
    st.sampled_from(["\x00", "\x01\x05\x06", "<5>", "prefect.flow-run.", str(uuid4()).upper(), "é\u2028😀"]),
)
LABELS = st.dictionaries(TEXTS, TEXTS, max_size=5)
PAYLOADS = st.dictionaries(
    TEXTS, st.recursive(st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXTS, st.lists, max_leaves=5)
)


def packed(resource: Any, related: Any, payload: Any, **row: Any) -> tuple[Any, bytes]:
    values = {**ROW, **row}
    body = packing.pack(values, resource, related, payload)
    return packing.unpack({**values, "body": body}), body


@given(LABELS, st.lists(LABELS, max_size=3), PAYLOADS)
def test_unpack_reverses_pack(resource: Any, related: Any, payload: Any) -> None:
    came_back, _ = packed(resource, related, payload)
    assert came_back == (resource, related, payload)


@pytest.mark.parametrize("lacking", ["resource_id", "flow_run_id", "follows"])
def test_missing_id_of_a_row_is_not_taken_for_text(lacking: str) -> None:
    assert packed({"None": "None"}, [], {}, **{lacking: None})[0] == ({"None": "None"}, [], {})


def test_large_payload_round_trips() -> None:
    payload = {"ids": [str(uuid4()) for _ in range(2000)], "text": "x" * 1_000_000}
    came_back, body = packed({}, [], payload)
    assert came_back == ({}, [], payload)
    assert len(body) < 50_000


def test_state_event_packs_into_a_hundred_bytes() -> None:
    state = {"type": "RUNNING", "name": "Running", "message": "", "state_details": {}}
    resource = {
        "prefect.resource.id": f"prefect.task-run.{ROW['resource_id']}",
        "prefect.resource.name": "load-3f1",
        "prefect.run-count": "1",
        "prefect.state-message": "",
        "prefect.state-name": "Running",
        "prefect.state-timestamp": at(0.25).isoformat(timespec="microseconds"),
        "prefect.state-type": "RUNNING",
        "prefect.orchestration": "client",
    }
    related = [
        packing._resource("flow-run", str(ROW["flow_run_id"]), "brave-fox"),
        packing._resource("flow", str(uuid4()), "nightly"),
    ]
    payload = {
        "intended": {"from": "PENDING", "to": "RUNNING"},
        "initial_state": {**state, "type": "PENDING", "name": "Pending"},
        "validated_state": {**state, "data": None},
    }
    came_back, body = packed(resource, related, payload)
    assert came_back == (resource, related, payload)
    assert len(body) < 100 < len(orjson.dumps([resource, related, payload])) / 7


def test_packing_dictionary_is_unchanged() -> None:
    """Another dictionary needs another version: without this one, what is stored cannot be read."""
    assert packing._VERSION == b"\x01"
    digest = "f8265e494f540340177ea57b48cad83ab978c95b4cd61a38ee175cd3110f3c73"
    assert hashlib.sha256(packing._DICTIONARY).hexdigest() == digest


def test_unpack_reads_an_event_packed_earlier() -> None:
    row = {
        "id": UUID("01a21039-96d8-7c3a-884b-9680bf536ee0"),
        "resource_id": UUID("01a21039-9680-7598-aed3-87db34a526ba"),
        "flow_run_id": None,
        "follows": None,
        "occurred": at(0) + timedelta(microseconds=1),
    }
    body = bytes.fromhex("010001c847819f62c04a35bfddaf4dfade28bf232d0b249680d31e1dba49a925d0515ef2fb1f00")
    resource, related, payload = packing.unpack({**row, "body": body})
    assert resource == {
        "prefect.resource.id": f"prefect.task-run.{row['resource_id']}",
        "at": "2026-03-01T12:00:00.000001+00:00",
    }
    assert related == [packing._resource("flow", "c847819f-62c0-4a35-bfdd-af4dfade28bf", "etl")]
    assert payload == {"validated_state": {"type": "COMPLETED", "name": "Completed"}}
