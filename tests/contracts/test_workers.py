"""What every worker class does with the runs of its pool. A third party's class can be added to `WORKERS`.

The classes are called as the base class calls them; no infrastructure is started.
"""

from __future__ import annotations

import json
import os
import platform
import re
import socket
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import anyio
import jsonschema
import pytest
from pydantic import Field

import prefect
from prefect import flow, get_client
from prefect.client.orchestration import PrefectClient
from prefect.schemas.actions import WorkPoolCreate
from prefect.schemas.runs import FlowRun
from prefect.schemas.states import StateType
from prefect.types import now
from prefect.workers import base
from prefect.workers.base import BaseJobConfiguration, BaseVariables, BaseWorker, BaseWorkerResult
from prefect.workers.job_configuration import WorkerIdentity
from prefect.workers.process import ProcessWorker
from prefect_docker.worker import DockerWorker


class RecordingConfiguration(BaseJobConfiguration):
    """A third party's configuration, with a variable of its own."""

    size: str = Field(default="small", json_schema_extra={"template": "size-{{ size }}"})


class RecordingVariables(BaseVariables):
    size: str = "small"


class RecordingWorker(BaseWorker[Any, Any, BaseWorkerResult]):
    """A third party's worker, which only records what it is to start."""

    type = "recording"
    job_configuration = RecordingConfiguration
    job_configuration_variables = RecordingVariables

    status_code = 0
    failure: Exception | None = None

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.started: list[tuple[FlowRun, RecordingConfiguration]] = []

    async def run(self, flow_run: FlowRun, configuration: Any, task_status: Any = None) -> BaseWorkerResult:
        if self.failure is not None:
            raise self.failure
        self.started.append((flow_run, configuration))
        if task_status is not None:
            task_status.started("thing-1")
        return BaseWorkerResult(identifier="thing-1", status_code=self.status_code)


WORKERS: list[type[BaseWorker[Any, Any, Any]]] = [ProcessWorker, DockerWorker, RecordingWorker]

every_worker = pytest.mark.parametrize("worker", WORKERS, ids=lambda worker: worker.type)


@pytest.fixture
async def client() -> AsyncIterator[PrefectClient]:
    async with get_client() as opened:
        yield opened


@every_worker
def test_job_template_is_json_and_all_its_placeholders_are_variables(worker: Any) -> None:
    template = json.loads(json.dumps(worker.get_default_base_job_template()))
    jsonschema.Draft202012Validator.check_schema(template["variables"])
    used = set(re.findall(r"{{\s*(\w+)\s*}}", json.dumps(template["job_configuration"])))
    assert used <= set(template["variables"]["properties"])
    assert {"command", "env", "labels", "name"} <= set(template["variables"]["properties"])


@every_worker
def test_type_is_shown_to_people(worker: Any) -> None:
    assert re.fullmatch(r"[a-z0-9-]+", worker.type)
    assert worker.get_description() is not None


@every_worker
async def test_configuration_follows_from_pool_deployment_and_run(worker: Any, client: PrefectClient) -> None:
    pool = await client.create_work_pool(
        WorkPoolCreate(name="pool", type=worker.type, base_job_template=worker.get_default_base_job_template())
    )
    deployment_id = await client.create_deployment(
        await client.create_flow_from_name("work"), "daily", work_pool_name="pool", job_variables={"env": {"A": "1"}}
    )
    run = await client.create_flow_run_from_deployment(deployment_id, job_variables={"labels": {"mine": "yes"}})
    found = await worker.job_configuration.resolve_for_flow_run(run, client, pool, WorkerIdentity("worker"))
    assert found.command
    env = {item["name"]: item["value"] for item in found.env} if isinstance(found.env, list) else found.env
    assert env["A"] == "1" and env["PREFECT__FLOW_RUN_ID"] == str(run.id)
    assert {"yes", str(run.id), "daily"} <= set(found.labels.values())


async def run_once(client: PrefectClient, worker: RecordingWorker, **variables: Any) -> FlowRun:
    """Have a worker run a run of a deployment in its pool; return the run afterwards."""
    await client.create_work_pool(
        WorkPoolCreate(name="pool", type="recording", base_job_template=worker.get_default_base_job_template())
    )

    @flow
    def work() -> None: ...

    deployment_id = await client.create_deployment(
        await client.create_flow(work), "daily", work_pool_name="pool", job_variables={"size": "large", **variables}
    )
    run = await client.create_flow_run_from_deployment(deployment_id)
    await worker.start(run_once=True, printer=lambda _: None)
    return await client.read_flow_run(run.id)


async def test_run_is_claimed_and_started_with_its_configuration(client: PrefectClient) -> None:
    worker = RecordingWorker("pool")
    run = await run_once(client, worker)
    ((started, configuration),) = worker.started
    assert started.id == run.id and configuration.size == "size-large"
    assert run.state_type == StateType.PENDING and run.infrastructure_pid == "thing-1"
    assert configuration.env["PREFECT__FLOW_RUN_CLAIM"].startswith(str(run.id))


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"status_code": 3}, "exited with non-zero status code 3"),
        ({"failure": OSError("no such image")}, "could not be submitted to infrastructure"),
    ],
)
async def test_run_whose_infrastructure_fails_is_crashed(
    changes: dict[str, Any], words: str, client: PrefectClient
) -> None:
    worker = RecordingWorker("pool")
    vars(worker).update(changes)
    run = await run_once(client, worker)
    assert run.state is not None and run.state.is_crashed()
    assert words in str(run.state.message)


async def test_worker_reports_where_it_runs_and_what_it_could_not_start(client: PrefectClient) -> None:
    worker = RecordingWorker("pool", name="w", limit=3)
    assert worker._get_metadata().last_failure is None
    worker.failure = OSError("no such image")
    run = await run_once(client, worker)
    async with worker:
        await worker.sync_with_backend()
    route: Any = "/ui/pages/work-pool/{name}"
    (reported,) = (await client.request("GET", route, path_params={"name": "pool"})).json()["workers"]
    facts = reported["facts"]
    assert (facts["host"], facts["pid"], facts["limit"]) == (socket.gethostname(), os.getpid(), 3)
    assert facts["version"] == prefect.__pluperfect_version__ and facts["python"] == platform.python_version()
    assert facts["last_failure"]["flow_run_id"] == str(run.id)
    assert "no such image" in facts["last_failure"]["message"]


async def test_worker_without_a_free_slot_polls_and_is_healthy(
    client: PrefectClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = RecordingWorker("pool", limit=1)
    is_running, may_end = anyio.Event(), anyio.Event()

    async def run(flow_run: FlowRun, configuration: Any, task_status: Any = None) -> BaseWorkerResult:
        is_running.set()
        await may_end.wait()
        return BaseWorkerResult(identifier="thing-1", status_code=0)

    monkeypatch.setattr(worker, "run", run)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run_once, client, worker)
        await is_running.wait()
        current = now() + timedelta(minutes=6)
        monkeypatch.setattr(base, "now", lambda: current)
        assert not worker.is_worker_still_polling(10)
        assert await worker.get_and_submit_flow_runs() == []
        assert worker.is_worker_still_polling(10)
        may_end.set()
    queue = await client.read_work_queue_by_name("default", "pool")
    assert queue.last_polled is not None


async def test_run_whose_variables_name_a_missing_block_is_reported_in_one_line(client: PrefectClient) -> None:
    worker = RecordingWorker("pool")
    run = await run_once(client, worker, env={"A": "{{ prefect.blocks.secret.gone }}"})
    assert run.state is not None and run.state.is_crashed()
    assert run.state.message == "The job variables cannot be read: There is no block secret/gone."
    assert worker.started == []
