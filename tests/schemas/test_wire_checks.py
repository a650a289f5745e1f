"""Validation of templates in requests to the server."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from pydantic import ValidationError

from prefect.schemas import wire
from prefect.schemas.wire.checks import check_base_job_template, check_parameters, check_template

ID = UUID(int=1)


def loops(depth: int, times: int = 1) -> str:
    return ("{% for a in b %}" * depth + "{% endfor %}" * depth) * times


@pytest.mark.parametrize("template", ["", "plain", "{{ event.id }}", loops(2), loops(1, 10), "{% if a %}b{% endif %}"])
def test_check_template_returns_valid_template_unchanged(template: str) -> None:
    assert check_template(template) == template


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{{ x", "not a template"),
        ("{% for %}", "not a template"),
        (loops(3), "at most 2 deep, and these are 3"),
        (loops(1, 11), "at most 10 loops, and this has 11"),
        ("{{ " + "(" * 20_000 + "1" + ")" * 20_000 + " }}", "too deep"),
    ],
)
def test_check_template_rejects_invalid_or_deep_template(template: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_template(template)


@pytest.mark.parametrize(
    "value",
    [
        1,
        "{{ a }}",
        {"__prefect_kind": "jinja", "template": "{{ a }}"},
        {"__prefect_kind": "json", "value": "[1]"},
        {"__prefect_kind": "json"},
        {"__prefect_kind": "workspace_variable", "variable_name": "v"},
        {"plain": "{{"},
    ],
)
def test_check_parameters_returns_valid_values_unchanged(value: Any) -> None:
    assert check_parameters({"p": value}) == {"p": value}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("{{ x", "not a template"),
        ({"__prefect_kind": "jinja", "template": "{{ x"}, "not a template"),
        ({"__prefect_kind": "jinja"}, "must have a `template`"),
        ({"__prefect_kind": "json", "value": "{"}, "unexpected end"),
    ],
)
def test_check_parameters_names_invalid_parameter(value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"The parameter 'p' is not valid: .*{message}"):
        check_parameters({"p": value})


def template(**configuration: Any) -> dict[str, Any]:
    return {"job_configuration": configuration, "variables": {"properties": {"a": {}}}}


def test_check_base_job_template_accepts_declared_variables() -> None:
    for job_template in (None, {}, template(command="{{ a }}", env={"A": ["{{a}}"]})):
        assert check_base_job_template(job_template) == job_template


@pytest.mark.parametrize(
    ("job_template", "message"),
    [
        ({"a": 1}, "must have a `job_configuration`"),
        ({"job_configuration": {"c": "x"}, "variables": {}}, "must have a `job_configuration`"),
        ({"job_configuration": 1, "variables": 2}, "must have a `job_configuration`"),
        ({"job_configuration": {"c": "{{ a }}"}, "variables": {"properties": 1}}, "uses a"),
        (template(c="{{ b }} {{ a }} {{ $ENV }}"), r"uses \$ENV, b"),
    ],
)
@pytest.mark.parametrize("kind", ["WorkPoolCreate", "WorkPoolUpdate"])
def test_work_pool_rejects_invalid_base_job_template(kind: str, job_template: dict[str, Any], message: str) -> None:
    values = {"base_job_template": job_template} | ({"name": "p"} if kind == "WorkPoolCreate" else {})
    with pytest.raises(ValidationError, match=message):
        getattr(wire, kind).model_validate(values)


def test_automation_actions_reject_invalid_values() -> None:
    with pytest.raises(ValidationError, match="subject"):
        wire.SendNotification(block_document_id=ID, subject="{{ x", body="")
    with pytest.raises(ValidationError, match="payload"):
        wire.CallWebhook(block_document_id=ID, payload="{{ x")
    with pytest.raises(ValidationError, match="parameters"):
        wire.RunDeployment(deployment_id=ID, parameters={"p": "{{ x"})
    for kind in (wire.PauseWorkPool, wire.ResumeWorkPool):
        with pytest.raises(ValidationError, match="work_pool_id is required"):
            kind()


def test_webhook_payload_is_serialized_when_data() -> None:
    assert wire.CallWebhook.model_validate({"block_document_id": ID, "payload": {"a": 1}}).payload == '{\n  "a": 1\n}'
