"""The published workers take a run of their pool, and get the configuration that they need to start it.

What they would start is recorded instead: no infrastructure is there.
"""

import asyncio
import json

import prefect
from prefect import flow, get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.workers.base import BaseWorkerResult
from prefect_aws.workers import ecs_worker
from prefect_docker.worker import DockerWorker
from prefect_kubernetes.worker import KubernetesWorker


async def observe_nothing(): ...


ecs_worker.start_observer = ecs_worker.stop_observer = observe_nothing  # they read a queue of AWS


@flow
def work(): ...


async def take_run(published):
    """Have a worker of a class take a run, and return the run and the configuration that it got."""
    started = []

    class Recorder(published):
        async def run(self, flow_run, configuration, task_status=None):
            started.append(configuration)
            task_status.started("thing-1")
            return BaseWorkerResult(identifier="thing-1", status_code=0)

    template = published.get_default_base_job_template()
    json.dumps(template)
    async with get_client() as client:
        await client.create_work_pool(
            WorkPoolCreate(name=published.type, type=published.type, base_job_template=template)
        )
        deployment_id = await client.create_deployment(
            await client.create_flow(work),
            published.type,
            work_pool_name=published.type,
            job_variables={"env": {"COLOR": "red"}, "image": "registry.example.com/work:1"},
        )
        run = await client.create_flow_run_from_deployment(deployment_id)
        await Recorder(published.type).start(run_once=True, printer=lambda _: None)
        (configuration,) = started
        return await client.read_flow_run(run.id), configuration


for worker in (DockerWorker, KubernetesWorker, ecs_worker.ECSWorker):
    assert prefect.__path__[0] not in worker.run.__code__.co_filename
    run, configuration = asyncio.run(take_run(worker))
    assert (run.state_name, run.infrastructure_pid) == ("Pending", "thing-1"), run.state
    assert configuration.env["COLOR"] == "red" and configuration.env["PREFECT__FLOW_RUN_ID"] == str(run.id)
    assert "prefect flow-run execute" in str(configuration.command)
    print(worker.type)
