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
SECONDS = "Both accept a number of seconds; ours documents the other accepted form, an ISO 8601 duration."
EASIER = "The parser of the setting accepts other spellings, which the document does not contain."

EXPLAINED: dict[tuple[str, str], str] = {
    ("GET /admin/settings", "responses"): "The same schema, inline.",
    ("GET /health", "header_params"): EDGE,
    ("GET /health", "responses"): EDGE,
    ("GET /version", "header_params"): EDGE,
    ("GET /version", "responses"): EDGE,
    ("POST /automations/templates/validate", "responses"): NOTHING,
    ("POST /templates/validate", "responses"): NOTHING,
    ("Body_flow_run_history_flow_runs_history_post", "fields.history_interval_seconds"): SECONDS,
    ("Body_task_run_history_task_runs_history_post", "fields.history_interval_seconds"): SECONDS,
    ("Body_schedule_deployment_deployments__id__schedule_post", "fields.min_time"): SECONDS,
    (
        "Body_worker_heartbeat_work_pools__work_pool_name__workers_heartbeat_post",
        "fields.metadata",
    ): "What a worker reports of itself; only the client of the interface documents it.",
    (
        "Body_worker_heartbeat_work_pools__work_pool_name__workers_heartbeat_post",
        "fields.return_id",
    ): "Whether the worker's id is returned; only the client of the interface documents it.",
    (
        "LogCreate",
        "fields.worker_id",
    ): "The id of the worker; only the client of the interface documents it.",
    ("RRuleSchedule", "fields.timezone"): "The interface lists the names of all zones; ours are those of the machine.",
    ("ClientSettings", "fields.retry_extra_codes"): EASIER,
    ("LoggingSettings", "fields.extra_loggers"): EASIER,
    ("PluginsSettings", "fields.allow"): EASIER,
    ("PluginsSettings", "fields.deny"): EASIER,
    ("TasksSettings", "fields.default_retry_delay_seconds"): EASIER,
    ("ClientSettings", "fields.exit_timeout_seconds"): "A setting of ours: how long the end of a process may wait.",
    ("LoggingSettings", "fields.full_tracebacks"): "A setting of ours: tracebacks are folded unless it is on.",
    ("RunnerSettings", "fields.fork_server"): "A setting of ours: whether processes of runs are forked.",
    ("ResultsSettings", "fields.ship_inline"): "A setting of ours: results stay with the client unless it is on.",
    ("TestingSettings", "fields.test_setting"): "Any value, which includes null.",
    ("ServerServicesDBVacuumSettings", "fields.enabled"): "The default is computed at its first use.",
    ("ServerServicesDBVacuumSettings", "fields.event_retention_overrides"): "The default is computed at its first use.",
}
"""Places in which our document differs, with the reason."""


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
