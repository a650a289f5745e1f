"""Parsing the events that clients send: what is decided without the schema, and what by it."""

from __future__ import annotations

from typing import Any

import pytest

from prefect.schemas.wire import events as wire
from prefect.server.services.core.errors import InvalidRequest
from prefect.server.services.events import incoming
from prefect.settings import (
    PREFECT_SERVER_EVENTS_MAXIMUM_LABELS_PER_RESOURCE,
    PREFECT_SERVER_EVENTS_MAXIMUM_RELATED_RESOURCES,
    temporary_settings,
)
from prefect.types import new_id, now

RESOURCE = {"prefect.resource.id": "prefect.task-run.1", "number": "1"}
RELATED = {"prefect.resource.id": "prefect.flow-run.1", "prefect.resource.role": "flow-run"}


def values(**changes: Any) -> dict[str, Any]:
    usual = {
        "occurred": "2026-11-30T11:04:47.484265Z",
        "event": "prefect.task-run.Running",
        "resource": RESOURCE,
        "related": [RELATED],
        "payload": {"a": [1, None]},
        "id": str(new_id()),
        "follows": None,
    }
    return {**usual, **changes}


def test_usual_event_has_the_fields_of_the_schema() -> None:
    assert set(incoming._EventValues.__annotations__) == set(wire.Event.model_fields)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"follows": str(new_id()), "unknown": 1},
        {"occurred": "2026-11-30T11:04:47+02:00"},
        {"occurred": "2026-11-30T11:04:47"},
        {"occurred": 1_800_000_000},
        {"related": []},
    ],
)
def test_usual_event_is_built_as_the_schema_builds_it(changes: dict[str, Any]) -> None:
    sent = values(**changes)
    assert incoming._build_usual_event(sent) == wire.Event.model_validate(sent).model_dump()


@pytest.mark.parametrize("left_out", ["related", "payload", "follows"])
def test_usual_event_without_a_field_has_its_default(left_out: str) -> None:
    sent = values()
    del sent[left_out]
    assert incoming._build_usual_event(sent) == wire.Event.model_validate(sent).model_dump()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"resource": {"a": "b"}}, "must have the label prefect.resource.id"),
        ({"resource": {"prefect.resource.id": ""}}, "must not be empty"),
        ({"related": [RESOURCE]}, "must have the label prefect.resource.role"),
        ({"related": [{**RELATED, "prefect.resource.role": ""}]}, "must not be empty"),
        ({"related": [{"prefect.resource.role": "flow"}]}, "must have the label prefect.resource.id"),
        ({"related": [RELATED] * 3}, "at most 2 related resources, and this has 3"),
        ({"resource": {**RESOURCE, "b": "2", "c": "3"}}, "at most 3 labels, and this has 4"),
        ({"related": [{**RELATED, "b": "2", "c": "3"}]}, "at most 3 labels, and this has 4"),
        ({"event": 1}, "event"),
        ({"id": "x"}, "id"),
    ],
)
def test_invalid_event_is_refused_with_the_schema_s_reason(changes: dict[str, Any], reason: str) -> None:
    limits = {
        PREFECT_SERVER_EVENTS_MAXIMUM_RELATED_RESOURCES: 2,
        PREFECT_SERVER_EVENTS_MAXIMUM_LABELS_PER_RESOURCE: 3,
    }
    with temporary_settings(limits), pytest.raises(InvalidRequest, match=reason):
        incoming.build_event(values(**changes), now())
