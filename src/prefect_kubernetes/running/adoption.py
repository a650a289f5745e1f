"""Jobs of runs that have not ended, which workers of the same pool have left when they were stopped or killed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateName,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.exceptions import InfrastructureError
from prefect_kubernetes.job_configuration import KubernetesWorkerJobConfiguration
from prefect_kubernetes.labels import to_label_value, to_selector
from prefect_kubernetes.running import pod_status
from prefect_kubernetes.running.cluster import Cluster

if TYPE_CHECKING:
    from prefect.client.orchestration import PrefectClient
    from prefect.client.schemas.objects import WorkPool
    from prefect_kubernetes.running.clusters import Clusters

PAGE_SIZE = 200
JOBS_PER_LIST = 50
RUN_LABEL = "prefect.io/flow-run-id"
POOL_LABEL = "prefect.io/work-pool-id"
WORKER_LABEL = "prefect.io/worker-name"
WORKER_NAME = "PREFECT__WORKER_NAME"


@dataclass(frozen=True)
class FoundJob:
    """A job of a run that has not ended.

    Attributes:
        flow_run: The run.
        job: The job.
        env: The environment variables of its pods, as far as they are in its manifest.
        cluster: Its cluster.
        labels: The labels of its pool and of the worker that has created it.
    """

    flow_run: FlowRun
    job: dict[str, Any]
    env: dict[str, str]
    cluster: Cluster
    labels: dict[str, str]

    async def read(self) -> dict[str, Any] | None:
        """Return the current job, or None if it was deleted."""
        metadata = self.job["metadata"]
        current = await self.cluster.read_job(metadata["namespace"], metadata["name"])
        return current if current and current["metadata"]["uid"] == metadata["uid"] else None

    async def list_pods(self) -> list[dict[str, Any]]:
        """Return the pods of the job."""
        metadata = self.job["metadata"]
        return (await self.cluster.list_objects("pods", metadata["namespace"], f"job-name={metadata['name']}"))["items"]


async def find_left_jobs(
    client: PrefectClient,
    work_pool: WorkPool,
    worker_names: Collection[str],
    clusters: Clusters,
    get_configuration: Callable[[FlowRun], Awaitable[KubernetesWorkerJobConfiguration]],
) -> list[FoundJob]:
    """Return the jobs of the runs of some workers that have not ended.

    Args:
        client: The client of Prefect's API.
        work_pool: The workers' pool.
        worker_names: The workers' names.
        clusters: The clusters.
        get_configuration: Returns the job configuration of a run, which names its cluster and namespace.
    """
    labels = {POOL_LABEL: str(work_pool.id)}
    places: dict[tuple[int, str], tuple[Cluster, str, list[FlowRun]]] = {}
    for flow_run in await read_unfinished_runs(client, work_pool):
        try:
            configuration = await get_configuration(flow_run)
        except InfrastructureError:  # its job variables are not valid: it had no job
            continue
        cluster, namespace = clusters.get(configuration.cluster_config), find_namespace(flow_run, configuration)
        places.setdefault((id(cluster), namespace), (cluster, namespace, []))[2].append(flow_run)
    found: list[FoundJob] = []
    for cluster, namespace, flow_runs in places.values():
        for start in range(0, len(flow_runs), JOBS_PER_LIST):
            chunk = flow_runs[start : start + JOBS_PER_LIST]
            for job in await _find_jobs(cluster, namespace, chunk, labels):
                found += _match(job, chunk, cluster, worker_names)
    return found


async def read_unfinished_runs(client: PrefectClient, work_pool: WorkPool) -> list[FlowRun]:
    """Return the runs of a pool that have been started and have not ended."""
    types = [StateType.PENDING, StateType.RUNNING, StateType.CANCELLING]
    wanted = (
        FlowRunFilterState(type=FlowRunFilterStateType(any_=types)),
        FlowRunFilterState(name=FlowRunFilterStateName(any_=["AwaitingRetry"])),
    )
    found: dict[Any, FlowRun] = {}
    for state in wanted:
        offset = 0
        while True:
            page = await client.read_flow_runs(
                flow_run_filter=FlowRunFilter(state=state), limit=PAGE_SIZE, offset=offset
            )
            found |= {run.id: run for run in page if run.work_pool_name == work_pool.name}
            offset += len(page)
            if len(page) < PAGE_SIZE:
                break
    return list(found.values())


async def _find_jobs(
    cluster: Cluster, namespace: str, flow_runs: Sequence[FlowRun], labels: Mapping[str, str]
) -> list[dict[str, Any]]:
    ids = ",".join(str(flow_run.id) for flow_run in flow_runs)
    return (await cluster.list_objects("jobs", namespace, f"{to_selector(labels)},{RUN_LABEL} in ({ids})"))["items"]


def _match(
    job: dict[str, Any], flow_runs: Sequence[FlowRun], cluster: Cluster, worker_names: Collection[str]
) -> list[FoundJob]:
    """Return the job with its run; nothing if another worker has it or the run has a newer job."""
    metadata, env = job["metadata"], _read_env(job)
    owner = metadata["labels"].get(WORKER_LABEL)
    # Labels shorten names. The whole name may be in a secret, which is not read.
    names = [name for name in worker_names if to_label_value(name) == owner]
    if not names or env.get(WORKER_NAME, names[0]) not in names:
        return []
    labels = {name: metadata["labels"][name] for name in (POOL_LABEL, WORKER_LABEL)}
    for flow_run in flow_runs:
        if metadata["labels"].get(RUN_LABEL) != str(flow_run.id):
            continue
        is_current = (flow_run.infrastructure_pid or metadata["uid"]).rpartition(":")[2] == metadata["uid"]
        state = flow_run.state
        has_ended = pod_status.find_finished_condition(job) is not None
        if is_current and state is not None and not (state.is_scheduled() and has_ended):
            return [FoundJob(flow_run, job, env, cluster, labels)]
    return []


def find_namespace(flow_run: FlowRun, configuration: KubernetesWorkerJobConfiguration) -> str:
    """Return the namespace of the job of a run."""
    if flow_run.infrastructure_pid and flow_run.infrastructure_pid.count(":") == 2:
        return flow_run.infrastructure_pid.split(":")[0]
    return (configuration.job_manifest.get("metadata") or {}).get("namespace") or configuration.namespace


def _read_env(job: Mapping[str, Any]) -> dict[str, str]:
    container = job["spec"]["template"]["spec"]["containers"][0]
    return {entry["name"]: entry["value"] for entry in container.get("env") or () if "value" in entry}
