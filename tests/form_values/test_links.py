"""Links to the web page in templates: which objects have one, and what has none."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from prefect.form_values import bounded_templates
from prefect.form_values.links import BASE_URL, TemplateObject

ID = "01900000-0000-7000-8000-000000000001"
EVENT = {"id": ID, "event": "a", "occurred": datetime(2026, 1, 2, tzinfo=UTC)}


def resource(id_: str, **labels: str) -> dict[str, str]:
    return {"prefect.resource.id": id_, **labels}


def render(template: str, value: Any, base: str | None = "http://pages/") -> str:
    return bounded_templates.render(template, {"it": value, BASE_URL: base})


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (TemplateObject("flow-run", {"id": ID}), f"runs/flow-run/{ID}"),
        (TemplateObject("deployment", {"id": ID}), f"deployments/deployment/{ID}"),
        (TemplateObject("work-pool", {"id": ID, "name": "my pool"}), "work-pools/work-pool/my%20pool"),
        (resource(f"prefect.task-run.{ID}"), f"runs/task-run/{ID}"),
        (resource(f"prefect.work-pool.{ID}", **{"prefect.resource.name": "pool"}), "work-pools/work-pool/pool"),
        (EVENT, f"events/event/2026-01-02/{ID}"),
    ],
)
def test_ui_url_is_the_page_of_an_object(value: Any, path: str) -> None:
    assert render("{{ it|ui_url }}", value) == f"http://pages/{path}"


@pytest.mark.parametrize("value", [resource("shop.1"), resource(f"prefect.work-pool.{ID}"), "text", 1, None, {}])
def test_ui_url_of_anything_else_is_none(value: Any) -> None:
    assert render("{{ it|ui_url }}", value) == "None"


def test_ui_url_is_none_without_a_page() -> None:
    assert render("{{ it|ui_url }}", TemplateObject("flow-run", {"id": ID}), base=None) == "None"


def test_ui_resource_events_url_is_the_page_of_the_events_of_a_resource() -> None:
    template = "{{ it|ui_resource_events_url }}"
    assert render(template, resource("shop/1 2")) == "http://pages/events?resource=shop/1%202"
    assert render(template, TemplateObject("flow", {"id": ID})) == f"http://pages/events?resource=prefect.flow.{ID}"
    assert render(template, 3) == "None"


def test_flow_run_id_is_found_in_a_text() -> None:
    other = ID.replace("1", "2")
    assert render("{{ it|flow_run_id }}", f"of {other}: see http://pages/runs/flow-run/{ID}.") == ID
    assert render("{{ it|flow_run_id }}", f"run {ID}") == ID
    assert render("{{ it|flow_run_id }}", "nothing") == "None"
