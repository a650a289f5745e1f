"""Events, the resources in them, and the filters that select them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from pydantic import ValidationError

from prefect.schemas.event_filters import EventFilter
from prefect.schemas.events import Event, ReceivedEvent, RelatedResource, Resource, ResourceSpecification, matches
from prefect.settings import PREFECT_UI_URL, temporary_settings

RUN = f"prefect.flow-run.{UUID(int=1)}"


@pytest.mark.parametrize("kind", [Resource, RelatedResource])
def test_resource_contains_its_labels(kind: type[Resource]) -> None:
    resource = kind({"prefect.resource.id": "a", "prefect.resource.role": "tag", "x": "y"})
    assert "x" in resource and "prefect.resource.id" in resource
    assert "y" not in resource


@pytest.fixture
def event() -> Event:
    return Event(
        event="made",
        resource=Resource({"prefect.resource.id": RUN, "prefect.resource.name": "n", "x": "y"}),
        related=[
            RelatedResource({"prefect.resource.id": "a", "prefect.resource.role": "flow"}),
            RelatedResource({"prefect.resource.id": "b", "prefect.resource.role": "tag", "z": "1"}),
            RelatedResource({"prefect.resource.id": "c", "prefect.resource.role": "tag"}),
        ],
    )


def test_received_event_url_is_page_of_event(event: Event) -> None:
    at = "2026-01-02T03:04:05Z"
    received = ReceivedEvent.model_validate({**event.model_dump(), "occurred": at, "received": at})

    with temporary_settings({PREFECT_UI_URL: "http://ui.example"}):
        assert received.url == f"http://ui.example/events/event/2026-01-02/{event.id}"


def test_resource_has_id_name_and_labels(event: Event) -> None:
    resource = event.resource

    assert (resource.id, resource.name, resource["x"], resource.get("q", "d")) == (RUN, "n", "y", "d")
    assert resource.prefect_object_id("prefect.flow-run") == UUID(int=1)
    assert str(resource.labels.prefect.resource.id) == RUN
    assert len(resource.labels) == 3
    assert resource.has_all_labels({"x": "y"})
    assert not resource.has_all_labels({"x": "z"})
    assert resource.as_label_value_array()[-1] == {"label": "x", "value": "y"}
    with pytest.raises(ValueError, match=r"not a prefect\.flow"):
        resource.prefect_object_id("prefect.flow")
    with pytest.raises(AttributeError):
        _ = resource.labels.nope


@pytest.mark.parametrize("labels", [{}, {"prefect.resource.id": ""}, {str(i): "" for i in range(501)}])
def test_resource_rejects_invalid_labels(labels: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        Resource(labels)


@pytest.mark.parametrize("role", [{}, {"prefect.resource.role": ""}])
def test_related_resource_requires_role(role: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="role"):
        RelatedResource({"prefect.resource.id": "x", **role})


def test_event_finds_resources_and_labels(event: Event) -> None:
    assert [one.id for one in event.involved_resources] == [RUN, "a", "b", "c"]
    assert event.resource_in_role["tag"].id == "b"
    assert [one.id for one in event.resources_in_role["tag"]] == ["b", "c"]
    assert event.resources_in_role["nobody"] == []
    assert event.find_resource_label("x") == "y"
    assert event.find_resource_label("related:tag:z") == "1"
    assert event.find_resource_label("z") is None
    assert event.size_bytes == len(event.model_dump_json())
    assert Event.model_validate_json(event.model_dump_json()) == event


def test_event_rejects_too_many_related_resources(event: Event) -> None:
    with pytest.raises(ValidationError, match="at most 100"):
        Event(event="e", resource=event.resource, related=[event.related[0]] * 101)


@pytest.mark.parametrize(
    ("expected", "value", "found"),
    [
        ("a", "a", True),
        ("a", "b", False),
        ("a*", "abc", True),
        ("*", "x", True),
        ("*", None, False),
        ("!a", "b", True),
        ("!a*", "abc", False),
        ("!a", None, False),
        ("*c", "abc", False),
    ],
)
def test_matches_supports_prefix_and_negation(expected: str, value: str | None, found: bool) -> None:
    assert matches(expected, value) is found


def test_resource_specification_selects_resources() -> None:
    resource = Resource({"prefect.resource.id": "r", "a": "1"})

    def found(**labels: Any) -> bool:
        return ResourceSpecification(labels).matches(resource)

    assert found()
    assert found(a=["2", "1"])
    assert not found(a="2")
    assert not found(b="!1")
    assert ResourceSpecification({"a": "1"}).includes([Resource({"prefect.resource.id": "q"}), resource])
    assert ResourceSpecification({}).includes([])
    assert not ResourceSpecification({"a": "1"}).includes([])
    kinds = ResourceSpecification({"prefect.resource.id": "prefect.flow-run.*"})
    assert kinds.matches_every_resource_of_kind("prefect.flow-run")
    assert not kinds.matches_every_resource()
    assert ResourceSpecification({"prefect.resource.id": "*"}).matches_every_resource()
    copy = kinds.deepcopy()
    assert copy.pop("prefect.resource.id") == ["prefect.flow-run.*"]
    assert (len(kinds), len(copy), copy.get("a", "b")) == (1, 0, ["b"])


@pytest.mark.parametrize(
    ("conditions", "found"),
    [
        ({}, True),
        ({"event": {"name": ["made"]}}, True),
        ({"event": {"name": ["x"], "prefix": ["ma"]}}, False),
        ({"event": {"exclude_prefix": ["ma"]}}, False),
        ({"event": {"exclude_name": ["made"]}}, False),
        ({"resource": {"id": [RUN]}}, True),
        ({"resource": {"id_prefix": ["prefect.flow."]}}, False),
        ({"resource": {"labels": {"x": "y"}}}, True),
        ({"resource": {"id": [RUN], "labels": {"x": "z"}}}, False),
        ({"related": {"id": ["a"], "role": ["flow"]}}, True),
        ({"related": {"id": ["a"], "role": ["tag"]}}, False),
        ({"related": [{"id": ["a"]}, {"id": ["q"]}]}, False),
        ({"related": {"resources_in_roles": [("b", "tag")]}}, True),
        ({"any_resource": {"id": ["b"]}}, True),
        ({"any_resource": {"id": ["a"], "labels": {"z": "1"}}}, False),
        ({"id": {"id": [UUID(int=3)]}}, False),
        ({"occurred": {"until": "2021-01-01T00:00:00Z"}}, False),
        ({"text": {"query": "anything"}}, True),
    ],
)
def test_event_filter_includes_matching_events(event: Event, conditions: dict[str, Any], found: bool) -> None:
    assert EventFilter.model_validate(conditions).includes(event) is found
    assert EventFilter.model_validate(conditions).excludes(event) is not found
