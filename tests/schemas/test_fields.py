"""Every field of the public data models takes a value other than its default, keeps it, and survives JSON."""

from __future__ import annotations

import typing
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError
from pydantic_core import PydanticUndefined

from tests.house.options_use import find_data_models

RELATED = {"prefect.resource.id": "prefect.flow-run.1", "prefect.resource.role": "flow-run"}
EVENT_TRIGGER = {"type": "event", "posture": "Reactive", "threshold": 1, "within": 0}
METRIC = {"name": "duration", "threshold": 3.0, "operator": ">"}
SAMPLES: dict[str, Any] = {
    "actions": [{"type": "do-nothing"}],
    "actions_on_trigger": [{"type": "do-nothing"}],
    "actions_on_resolve": [{"type": "do-nothing"}],
    "any_": ["a"],
    "data": {"rows": [1]},
    "id": uuid.UUID(int=7),
    "image_url": "https://example.com/a.png",
    "key": "a-key",
    "link": "https://example.com",
    "metric": METRIC,
    "operator": "or_",
    "parameter_openapi_schema": {"type": "object"},
    "pause_key": "a-pause",
    "posture": "Proactive",
    "progress": 40.0,
    "related": [RELATED],
    "require": 1,
    "resource": {"prefect.resource.id": "shop.1"},
    "table": [{"a": 1}],
    "tags": ["a-tag"],
    "trigger": EVENT_TRIGGER,
    "triggers": [EVENT_TRIGGER],
    "type": "a-type",
    "within": timedelta(minutes=7),
}
"""Values of fields whose annotation does not say what they take, by the field's name."""
SAMPLES_OF_MODELS: dict[str, dict[str, Any]] = {
    "ArtifactFilter": {"id": {"any_": [uuid.UUID(int=1)]}, "task_run_id": {"any_": [uuid.UUID(int=1)]}}
    | {"flow_run_id": {"any_": [uuid.UUID(int=1)]}, "key": {"like_": "a"}, "type": {"any_": ["table"]}},
    "ChangeFlowRunState": {"state": "FAILED"},
    "MetricTriggerQuery": {**METRIC, "operator": "<", "threshold": 4.0},
    "CompositeTrigger": {"type": "compound"},
    "ResourceTrigger": {"type": "event"},
    "ResultRecord": {"metadata": {"storage_key": "a"}},
    "ResultRecordMetadata": {"serializer": {"type": "json"}, "prefect_version": "3.0.0"},
    "RunInputMetadata": {"receiver": uuid.UUID(int=3)},
    "State": {"type": "FAILED", "state_details": {"pause_key": "p"}},
    "Trigger": {"type": "event"},
}
BY_TYPE: list[tuple[Any, Any]] = [
    (bool, None),  # the other one
    (int, 3),
    (float, 0.5),
    (str, "a text"),
    (uuid.UUID, uuid.UUID(int=9)),
    (datetime, datetime(2031, 5, 4, tzinfo=UTC)),
    (timedelta, timedelta(minutes=11)),
    (dict, {"a": "b"}),
    (set, {"an.event"}),
]


def _flatten(annotation: Any) -> list[Any]:
    """Return the plain types that an annotation allows, without `Annotated`, unions and parameters."""
    origin = typing.get_origin(annotation)
    if origin is typing.Literal:
        return [annotation]
    if origin is typing.Annotated:
        return _flatten(typing.get_args(annotation)[0])
    if origin is typing.Union or type(annotation).__name__ == "UnionType":
        return [each for part in typing.get_args(annotation) for each in _flatten(part)]
    return [origin or annotation]


def _required(model: type[BaseModel], name: str) -> dict[str, Any]:
    """Return what a model needs beside its field `name`."""
    required = {each: _sample(model, each) for each, field in model.model_fields.items() if field.is_required()}
    if "source" in model.model_fields and not (name == "source" or name.endswith("_id")):
        required["source"] = "inferred"  # what is 'selected' would have to be named
    return required


def _sample(model: type[BaseModel], name: str) -> Any:
    own = SAMPLES_OF_MODELS.get(model.__name__, {})
    if name in own:
        return own[name]
    field = model.model_fields[name]
    types = _flatten(field.annotation)
    for each in types:
        if typing.get_origin(each) is typing.Literal:
            others = [value for value in typing.get_args(each) if value != field.default]
            return others[0] if others else field.default
    if name in SAMPLES:
        return SAMPLES[name]
    for kind, value in BY_TYPE:
        if kind in types:
            return not field.default if kind is bool else value
    raise AssertionError(f"{model.__name__}.{name}: name a value of {field.annotation} in SAMPLES")


CASES = [
    pytest.param(model, name, id=f"{model.__name__}.{name}")
    for model in find_data_models()
    for name, field in model.model_fields.items()
    if not field.is_required()
]


@pytest.mark.parametrize(("model", "name"), CASES)
def test_field_keeps_its_value_through_json(model: type[BaseModel], name: str) -> None:
    field = model.model_fields[name]
    required = _required(model, name)
    value = _sample(model, name)
    keyword = field.alias or name
    choices = [each for each in _flatten(field.annotation) if typing.get_origin(each) is typing.Literal]
    if choices and len(typing.get_args(choices[0])) == 1:
        with pytest.raises(ValidationError):
            model(**required, **{keyword: "another"})
        return

    made = model(**required, **{keyword: value})
    document = made.model_dump(mode="json", by_alias=True)

    default = field.get_default(call_default_factory=True)
    assert default is PydanticUndefined or getattr(made, name) != default
    assert getattr(type(made).model_validate(document), name) == getattr(made, name)
