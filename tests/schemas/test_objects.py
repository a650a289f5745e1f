"""Validators and methods of stored objects and requests."""

from __future__ import annotations

import datetime
import importlib
import pickle
from typing import Any
from uuid import UUID

import pytest
from pydantic import BaseModel, SecretStr, ValidationError

from prefect._lazy import exported_names
from prefect.schemas.actions import (
    BlockDocumentCreate,
    DeploymentBranch,
    DeploymentCreate,
    DeploymentScheduleCreate,
    FlowRunCreate,
    LogCreate,
    VariableCreate,
    WorkPoolCreate,
    WorkQueueCreate,
)
from prefect.schemas.base import ObjectBaseModel
from prefect.schemas.objects import (
    BlockDocument,
    BlockDocumentReference,
    WorkPool,
    WorkPoolStatus,
    WorkQueueHealthPolicy,
    Workspace,
)
from prefect.schemas.responses import DeploymentResponse, OrchestrationResult, StateWaitDetails
from prefect.types import now

ONE, TWO = UUID(int=1), UUID(int=2)
BLOCK: dict[str, Any] = {"block_schema_id": ONE, "block_type_id": TWO}


class Stored(ObjectBaseModel):
    name: str = "n"


class TestBaseModels:
    def test_equality_ignores_id_and_times(self) -> None:
        assert Stored() == Stored(created=now())
        assert Stored() != Stored(name="other")
        assert Stored() != "n"

    def test_reset_fields_renews_id_and_times(self) -> None:
        stored = Stored(created=now(), name="x")
        reset = stored.reset_fields()

        assert (reset.id != stored.id, reset.created, reset.name) == (True, None, "x")

    def test_model_validate_list_validates_items(self) -> None:
        assert Stored.model_validate_list([{"name": "a"}, {"name": "b"}]) == [Stored(name="a"), Stored(name="b")]

    def test_model_can_be_pickled(self) -> None:
        pool = WorkPool(name="x", type="process", default_queue_id=ONE)

        assert pickle.loads(pickle.dumps(pool)) == pool


class TestBlockDocuments:
    @pytest.mark.parametrize("model", [BlockDocument, BlockDocumentCreate])
    def test_block_document_requires_name_unless_anonymous(self, model: type[BaseModel]) -> None:
        with pytest.raises(ValidationError, match="must have a name"):
            model(**BLOCK)
        with pytest.raises(ValidationError, match="lowercase"):
            model(**BLOCK, name="A b")
        assert model(**BLOCK, is_anonymous=True)

    @pytest.mark.parametrize("mode", ["json", "python"])
    def test_block_document_hides_secrets(self, mode: Any) -> None:
        data = {"x": SecretStr("s"), "y": [SecretStr("t")]}
        document = BlockDocument(**BLOCK, name="a", data=data)

        assert document.model_dump(mode=mode)["data"] == {"x": "********", "y": ["********"]}
        assert document.model_dump(mode=mode, context={"include_secrets": True})["data"] == {"x": "s", "y": ["t"]}

    def test_block_reference_rejects_itself(self) -> None:
        with pytest.raises(ValidationError, match="itself"):
            BlockDocumentReference(name="x", parent_block_document_id=ONE, reference_block_document_id=ONE)


class TestWorkPoolsAndQueues:
    def test_work_pool_kind_follows_type(self) -> None:
        pools = [WorkPool(name="x", type=kind, default_queue_id=ONE) for kind in ("ecs", "ecs:push", "prefect:managed")]

        assert [(pool.is_push_pool, pool.is_managed_pool) for pool in pools] == [
            (False, False),
            (True, False),
            (False, True),
        ]

    def test_work_pool_status_display_name(self) -> None:
        assert WorkPoolStatus.NOT_READY.display_name == "Not ready"

    @pytest.mark.parametrize(
        ("late", "seconds", "healthy"), [(0, None, False), (0, 0, True), (1, 0, False), (0, 61, False), (0, 50, True)]
    )
    def test_work_queue_health_follows_policy(self, late: int, seconds: int | None, healthy: bool) -> None:
        polled = None if seconds is None else now() - datetime.timedelta(seconds=seconds)

        assert WorkQueueHealthPolicy().evaluate_health_status(late, polled) is healthy
        off = WorkQueueHealthPolicy(maximum_late_runs=None, maximum_seconds_since_last_polled=None)
        assert off.evaluate_health_status(late, polled) is True

    def test_work_limits_reject_negative_values(self) -> None:
        with pytest.raises(ValidationError):
            WorkPoolCreate(name="x", concurrency_limit=-1)
        with pytest.raises(ValidationError, match="empty"):
            WorkPoolCreate(name=' "')
        with pytest.raises(ValidationError):
            WorkQueueCreate(name="x", priority=0)


class TestDeployments:
    def test_deployment_drops_former_fields_with_warning(self) -> None:
        with pytest.warns(UserWarning, match="worker_pool_name"):
            DeploymentCreate.model_validate({"flow_id": ONE, "name": "x", "worker_pool_name": "y"})

    def test_deployment_rejects_unknown_fields(self) -> None:
        with pytest.raises(ValidationError):
            DeploymentCreate.model_validate({"flow_id": ONE, "name": "x", "new": 1})

    def test_schedule_limits_max_scheduled_runs(self) -> None:
        def make(runs: int) -> DeploymentScheduleCreate:
            return DeploymentScheduleCreate.model_validate({"schedule": {"interval": 5}, "max_scheduled_runs": runs})

        assert make(5).max_scheduled_runs == 5
        for runs in (0, 1000):
            with pytest.raises(ValidationError):
                make(runs)

    def test_deployment_branch_rejects_blank_name(self) -> None:
        with pytest.raises(ValidationError, match="blank"):
            DeploymentBranch(branch=" ")

    def test_deployment_checks_job_variables(self) -> None:
        jsonschema = pytest.importorskip("jsonschema")
        request = DeploymentCreate(flow_id=ONE, name="x", job_variables={"a": 1})
        integers = {"a": {"type": "integer"}, "b": {"type": "integer"}}

        request.check_valid_configuration({})
        request.check_valid_configuration(
            {"variables": {"properties": {**integers, "b": {"default": 1}}, "required": ["b"]}}
        )
        with pytest.raises(jsonschema.ValidationError):
            request.check_valid_configuration({"variables": {"properties": integers, "required": ["b"]}})
        with pytest.raises(jsonschema.ValidationError):
            request.check_valid_configuration({"variables": {"properties": {"a": {"type": "string"}}}})

    def test_deployment_as_related_resource(self) -> None:
        resource = DeploymentResponse(id=ONE, name="n", flow_id=TWO).as_related_resource()

        assert (resource.id, resource.role, resource.name) == (f"prefect.deployment.{ONE}", "deployment", "n")


def test_parameters_convert_models_to_data() -> None:
    request = FlowRunCreate(flow_id=ONE, parameters={"a": [Stored(id=ONE)], "b": ONE})

    assert request.parameters["a"][0]["id"] == str(ONE)
    assert request.parameters["b"] == ONE


def test_log_create_omits_missing_worker() -> None:
    fields: dict[str, Any] = {"name": "n", "level": 20, "message": "m", "timestamp": now()}

    assert "worker_id" not in LogCreate(**fields).model_dump()
    assert LogCreate(**fields, worker_id=ONE).model_dump()["worker_id"] == ONE


@pytest.mark.parametrize(
    "fields", [{"name": "A", "value": 1}, {"name": "a", "value": "x" * 5001}, {"name": "a", "value": {"a": object()}}]
)
def test_variable_rejects_invalid_name_or_value(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        VariableCreate(**fields)
    assert VariableCreate(name="a_b", value="True").value == "True"


def test_orchestration_details_are_discriminated_by_type() -> None:
    result: OrchestrationResult[Any] = OrchestrationResult.model_validate(
        {"state": None, "status": "WAIT", "details": {"type": "wait_details", "delay_seconds": 3}}
    )

    assert result.details == StateWaitDetails(delay_seconds=3)


def test_workspace_urls_have_account_and_workspace() -> None:
    fields = ("account_name", "account_handle", "workspace_name", "workspace_description", "workspace_handle")
    workspace = Workspace(account_id=ONE, workspace_id=TWO, **dict.fromkeys(fields, "h"))

    assert workspace.handle == "h/h"
    assert workspace.api_url().endswith(f"/api/accounts/{ONE}/workspaces/{TWO}")
    assert workspace.ui_url().endswith(f"/account/{ONE}/workspace/{TWO}")


@pytest.mark.parametrize("name", ["objects", "actions", "filters", "responses", "schedules", "sorting", "events"])
def test_public_module_exports_same_classes(name: str) -> None:
    public = importlib.import_module(f"prefect.client.schemas.{name}")
    module = importlib.import_module(f"prefect.schemas.{name}")

    names = exported_names(public.EXPORTS) if hasattr(public, "EXPORTS") else dir(public)
    shared = [each for each in names if each[0].isupper() and hasattr(module, each) and each != "TYPE_CHECKING"]
    assert len(shared) > 1
    assert all(getattr(public, each) is getattr(module, each) for each in shared)


def test_star_import_includes_lazy_names() -> None:
    for module, names in (
        ("filters", ("FlowRunFilter", "TaskRunFilterState")),
        ("objects", ("FlowRun", "StateType")),
        ("actions", ("FlowRunCreate",)),
    ):
        found: dict[str, object] = {}
        exec(f"from prefect.client.schemas.{module} import *", found)
        assert set(names) <= found.keys()
