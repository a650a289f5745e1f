"""Job configurations: filled from the template of a pool, prepared for a flow run."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import Field

from prefect.client.orchestration import get_client
from prefect.schemas.runs import Flow, FlowRun
from prefect.types import new_id
from prefect.variables import Variable
from prefect.workers.base import BaseJobConfiguration, BaseVariables, BaseWorker, BaseWorkerResult
from prefect.workers.job_configuration import WorkerIdentity
from prefect.workers.process import ProcessJobConfiguration, ProcessWorker


class Configuration(BaseJobConfiguration):
    manifest: dict[str, Any] = Field(json_schema_extra={"template": {"image": "{{ image }}", "env": "{{ env }}"}})


class Inner(BaseVariables):
    image: str = "python"


TEMPLATE: dict[str, Any] = {
    "job_configuration": {
        "command": "{{ command }}",
        "env": "{{ env }}",
        "manifest": {"image": "{{ image }}:{{ tag }}"},
    },
    "variables": {
        "properties": {
            "command": {"type": "string"},
            "env": {"type": "object", "default": {"A": "1", "B": "2"}},
            "image": {"type": "string", "default": "python"},
            "tag": {"type": "string"},
        }
    },
}


async def test_template_is_filled_with_values_and_defaults() -> None:
    values = {"env": {"B": "3"}, "tag": 3.11}
    configuration = await Configuration.from_template_and_values(TEMPLATE, values)
    assert configuration.env == {"A": "1", "B": "3"}
    assert configuration.manifest == {"image": "python:3.11"}
    assert configuration.command is None


async def test_placeholders_of_variables_and_the_environment_are_filled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGION", "north")
    await Variable.aset("bucket", "raw-data")
    values = {"env": {"BUCKET": "{{ prefect.variables.bucket }}"}, "command": "run", "tag": "{{ $REGION }}"}
    template = {**TEMPLATE, "job_configuration": {**TEMPLATE["job_configuration"], "name": "in-{{ $REGION }}"}}
    configuration = await Configuration.from_template_and_values(template, values)
    assert configuration.env["BUCKET"] == "raw-data"
    assert configuration.name == "in-north"


def test_template_of_a_configuration_has_its_own_parts() -> None:
    assert Configuration.json_template() == {
        "command": "{{ command }}",
        "env": "{{ env }}",
        "labels": "{{ labels }}",
        "name": "{{ name }}",
        "manifest": {"image": "{{ image }}", "env": "{{ env }}"},
    }


def test_prepared_configuration_identifies_its_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:4200/api")
    run = FlowRun(flow_id=new_id(), name="calm-otter")
    configuration = BaseJobConfiguration(env={"MINE": "1", "GONE": None}, labels={"team": "data"})
    configuration.prepare_for_flow_run(run, flow=Flow(name="etl"), worker_name="w")
    assert configuration.command == "prefect flow-run execute"
    assert configuration.name == "calm-otter"
    env = configuration.env
    assert (env["PREFECT__FLOW_RUN_ID"], env["PREFECT__FLOW_NAME"], env["MINE"]) == (str(run.id), "etl", "1")
    assert env["PREFECT__WORKER_NAME"] == "w" and env["GONE"] is None
    labels = configuration.labels
    assert (labels["prefect.io/flow-run-name"], labels["prefect.io/flow-name"], labels["team"]) == (
        *("calm-otter", "etl"),
        "data",
    )
    assert configuration.is_using_a_runner


async def test_job_variables_of_a_run_override_those_of_its_deployment() -> None:
    async with get_client() as client:
        flow_id = (await client.request("POST", "/flows/", json={"name": "etl"})).json()["id"]
        pool = (await client.request("POST", "/work_pools/", json={"name": "p", "type": "process"})).json()
        body = {"flow_id": flow_id, "name": "d", "work_pool_name": "p", "job_variables": {"env": {"A": "1", "B": "2"}}}
        deployment = (await client.request("POST", "/deployments/", json=body)).json()
        run = await client.create_flow_run_from_deployment(deployment["id"], job_variables={"env": {"B": "3"}})
        found = await client.read_work_pool(pool["name"])
        configuration = await ProcessJobConfiguration.resolve_for_flow_run(run, client, found, WorkerIdentity("w"))
    assert (configuration.env["A"], configuration.env["B"]) == ("1", "3")


def test_default_template_of_the_process_worker_is_that_of_the_api() -> None:
    kinds = get_client(sync_client=True).read_worker_metadata()
    expected = kinds["prefect"]["process"]["default_base_job_configuration"]
    template = ProcessWorker.get_default_base_job_template()
    assert template["job_configuration"] == expected["job_configuration"]
    assert set(template["variables"]["properties"]) == set(expected["variables"]["properties"])


def test_third_party_worker_is_found_by_its_type() -> None:
    class Mine(BaseWorker[Configuration, Inner, BaseWorkerResult]):
        type = "mine-of-test"
        job_configuration = Configuration
        job_configuration_variables = Inner
        _description = "Runs things."

        async def run(self, flow_run: Any, configuration: Any, task_status: Any = None) -> BaseWorkerResult:
            raise NotImplementedError

    assert BaseWorker.get_worker_class_from_type("mine-of-test") is Mine
    assert {"mine-of-test", "process"} <= set(BaseWorker.get_all_available_worker_types())
    assert Mine.get_description() == "Runs things."
    assert "image" in Mine.get_default_base_job_template()["variables"]["properties"]
    worker = Mine("pool", name="My worker")
    assert worker.get_name_slug() == "my-worker"
    with pytest.raises(ValueError, match="must not contain"):
        Mine("pool", name="a/b")


@pytest.mark.parametrize("directory", ["../elsewhere", "inside/../../out"])
def test_working_directory_outside_of_the_workers_is_refused(directory: str) -> None:
    with pytest.raises(ValueError, match="leads out"):
        ProcessJobConfiguration(working_dir=directory)  # pyright: ignore[reportArgumentType]  # as templates have it
