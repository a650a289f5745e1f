"""Our OpenAPI document equals the interface's (`openapi.json`), apart from the differences explained here."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import pytest

from tests.server.app import openapi_facts as openapi

FACTS: dict[str, Any] = json.loads((Path(__file__).parent / "openapi.json").read_text())

NOTHING = "Both answer 204, without a body; the interface documents 200."
EDGE = "The version of the API that a client requests is checked in every request, here as well."
SECONDS = "A number of seconds is taken by both; ours documents the other form that is taken, a duration of ISO 8601."
EASIER = "Other spellings of the setting are taken by its parser, which the document does not speak of."

EXPLAINED: dict[tuple[str, str], str] = {
    ("GET /admin/settings", "responses"): "The same schema, written in its place.",
    ("GET /health", "header_params"): EDGE,
    ("GET /health", "responses"): EDGE,
    ("GET /version", "header_params"): EDGE,
    ("GET /version", "responses"): EDGE,
    ("POST /automations/templates/validate", "responses"): NOTHING,
    ("POST /templates/validate", "responses"): NOTHING,
    ("Body_flow_run_history_flow_runs_history_post", "fields.history_interval_seconds"): SECONDS,
    ("Body_task_run_history_task_runs_history_post", "fields.history_interval_seconds"): SECONDS,
    ("Body_schedule_deployment_deployments__id__schedule_post", "fields.min_time"): SECONDS,
    ("LogCreate", "fields.worker_id"): "A worker may say which one it is; the interface's client has the field.",
    ("RRuleSchedule", "fields.timezone"): "The interface lists the names of all zones; ours asks the machine's.",
    ("ClientSettings", "fields.retry_extra_codes"): EASIER,
    ("LoggingSettings", "fields.extra_loggers"): EASIER,
    ("PluginsSettings", "fields.allow"): EASIER,
    ("PluginsSettings", "fields.deny"): EASIER,
    ("TasksSettings", "fields.default_retry_delay_seconds"): EASIER,
    ("ResultsSettings", "fields.ship_inline"): "A setting of ours: results stay with the client unless it is on.",
    ("TestingSettings", "fields.test_setting"): "Anything at all, which null is as well.",
    ("ServerServicesDBVacuumSettings", "fields.enabled"): "The default is made when it is asked for.",
    ("ServerServicesDBVacuumSettings", "fields.event_retention_overrides"): "The default is made when it is asked for.",
}
"""Where ours differs, and why."""


@pytest.fixture(scope="module")
def document(shared_server: Any) -> dict[str, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # an id that two operations have
        warnings.filterwarnings("ignore", "The 'alias' attribute")
        return shared_server.api.openapi()


def compared(expected: dict[str, Any], actual: dict[str, Any]) -> dict[tuple[str, str], tuple[Any, Any]]:
    return {
        (name, path): pair
        for name, facts in expected.items()
        for path, pair in openapi.differences(facts, actual[name]).items()
    }


def test_document_has_exactly_the_operations_of_the_interface(document: dict[str, Any]) -> None:
    assert set(openapi.operations(document)) == set(FACTS["operations"])
    assert document["info"]["title"] == "Prefect REST API"
    assert document["info"]["version"] == FACTS["version"]


def test_operations_equal_those_of_the_interface(document: dict[str, Any]) -> None:
    found = compared(FACTS["operations"], openapi.operations(document))
    assert {where: pair for where, pair in found.items() if where not in EXPLAINED} == {}


def test_schemas_equal_those_of_the_interface(document: dict[str, Any]) -> None:
    actual = openapi.schemas(document)
    assert set(actual) == set(FACTS["schemas"])
    found = compared(FACTS["schemas"], actual)
    assert {where: pair for where, pair in found.items() if where not in EXPLAINED} == {}


def test_every_explained_difference_still_exists(document: dict[str, Any]) -> None:
    found = {
        **compared(FACTS["operations"], openapi.operations(document)),
        **compared(FACTS["schemas"], openapi.schemas(document)),
    }
    assert set(EXPLAINED) - set(found) == set()
