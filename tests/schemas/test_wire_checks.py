"""Templates that the server is sent are read when they come, not first when they are used."""

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
def test_a_template_is_kept_as_it_is(template: str) -> None:
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
def test_a_template_is_refused(template: str, message: str) -> None:
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
def test_parameters_are_kept_as_they_are(value: Any) -> None:
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
def test_a_parameter_is_refused_by_its_name(value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"The parameter 'p' is not valid: .*{message}"):
        check_parameters({"p": value})


def template(**configuration: Any) -> dict[str, Any]:
    return {"job_configuration": configuration, "variables": {"properties": {"a": {}}}}


def test_a_base_job_template_uses_what_it_declares() -> None:
    for given in (None, {}, template(command="{{ a }}", env={"A": ["{{a}}"]})):
        assert check_base_job_template(given) == given


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"a": 1}, "must have a `job_configuration`"),
        ({"job_configuration": {"c": "x"}, "variables": {}}, "must have a `job_configuration`"),
        ({"job_configuration": 1, "variables": 2}, "must have a `job_configuration`"),
        ({"job_configuration": {"c": "{{ a }}"}, "variables": {"properties": 1}}, "uses a"),
        (template(c="{{ b }} {{ a }} {{ $ENV }}"), r"uses \$ENV, b"),
    ],
)
@pytest.mark.parametrize("kind", ["WorkPoolCreate", "WorkPoolUpdate"])
def test_a_pool_refuses_a_base_job_template(kind: str, given: dict[str, Any], message: str) -> None:
    values = {"base_job_template": given} | ({"name": "p"} if kind == "WorkPoolCreate" else {})
    with pytest.raises(ValidationError, match=message):
        getattr(wire, kind).model_validate(values)


def test_the_actions_of_an_automation_are_checked() -> None:
    with pytest.raises(ValidationError, match="subject"):
        wire.SendNotification(block_document_id=ID, subject="{{ x", body="")
    with pytest.raises(ValidationError, match="payload"):
        wire.CallWebhook(block_document_id=ID, payload="{{ x")
    with pytest.raises(ValidationError, match="parameters"):
        wire.RunDeployment(deployment_id=ID, parameters={"p": "{{ x"})
    for kind in (wire.PauseWorkPool, wire.ResumeWorkPool):
        with pytest.raises(ValidationError, match="work_pool_id is required"):
            kind()


def test_the_payload_of_a_webhook_may_be_data() -> None:
    assert wire.CallWebhook.model_validate({"block_document_id": ID, "payload": {"a": 1}}).payload == '{\n  "a": 1\n}'
