"""The worker that runs flow runs as jobs of a Kubernetes cluster.

A job continues when the worker is stopped. A worker of the same name watches it again, and so does any other worker of
the pool once the first one is offline. A claim of a run has one job: its name is made of the claim, so that creating
it again does nothing.
"""

from __future__ import annotations

import functools
import time
from typing import TYPE_CHECKING, Any

import anyio
import anyio.abc

from prefect.client.schemas.objects import FlowRun, StateType
from prefect.exceptions import InfrastructureError, InfrastructureNotFound, ObjectNotFound
from prefect.workers.adoption import AdoptingWorker, ExplainedResult
from prefect.workers.lost_runs import read_pending_runs, report_lost_runs
from prefect_kubernetes.credentials import import_library
from prefect_kubernetes.job_configuration import KubernetesWorkerJobConfiguration, KubernetesWorkerVariables
from prefect_kubernetes.labels import to_selector
from prefect_kubernetes.running import secret_env
from prefect_kubernetes.running.adoption import POOL_LABEL, WORKER_LABEL, FoundJob, find_left_jobs, find_namespace
from prefect_kubernetes.running.cluster import Cluster, ClusterUnavailable
from prefect_kubernetes.running.clusters import Clusters
from prefect_kubernetes.running.creation import CreationAttempts, create_job
from prefect_kubernetes.running.job_runs import JobRun
from prefect_kubernetes.running.pod_events import PodEvents
from prefect_kubernetes.settings import KubernetesSettings

if TYPE_CHECKING:
    from prefect.logging.loggers import PrefectLogAdapter
    from prefect_kubernetes.running.watching import NamespaceWatch

__all__ = [
    "KubernetesWorker",
    "KubernetesWorkerJobConfiguration",
    "KubernetesWorkerResult",
    "KubernetesWorkerVariables",
]

DELETION_GRACE_SECONDS = 30
"""How long a job may take to be gone, after the time that its pods have to end by themselves."""


class KubernetesWorkerResult(ExplainedResult):
    """The end of the job of a flow run."""


class KubernetesWorker(
    AdoptingWorker[KubernetesWorkerJobConfiguration, KubernetesWorkerVariables, KubernetesWorkerResult, FoundJob]
):
    """Runs flow runs as jobs of a Kubernetes cluster."""

    type = "kubernetes"
    job_configuration = KubernetesWorkerJobConfiguration
    job_configuration_variables = KubernetesWorkerVariables

    _description = "Runs flow runs as jobs of a Kubernetes cluster."
    _display_name = "Kubernetes"
    _infrastructure = "pods"

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._kubernetes_settings = KubernetesSettings()
        self._clusters: Clusters | None = None

    async def setup(self) -> None:
        """Check too that the package `kubernetes_asyncio` is installed."""
        import_library("client")
        await super().setup()

    async def teardown(self, *exc_info: Any) -> None:
        """Close the connections to the clusters too."""
        await super().teardown(*exc_info)
        if self._clusters is not None:
            await self._clusters.close()
            self._clusters = None

    def _get_clusters(self) -> Clusters:
        if self._clusters is None:
            observer = self._kubernetes_settings.observer
            emits = observer.enabled and observer.replicate_pod_events
            observe = PodEvents().observe if emits else lambda pod: None
            self._clusters = Clusters(self._own_labels(), self._logger, observe)
        return self._clusters

    def _own_labels(self) -> dict[str, str]:
        """Return the labels of what this worker creates."""
        return {POOL_LABEL: str(self.work_pool.id), WORKER_LABEL: self.name}

    # --- running ------------------------------------------------------------------------------------------------------

    async def run(
        self,
        flow_run: FlowRun,
        configuration: KubernetesWorkerJobConfiguration,
        task_status: anyio.abc.TaskStatus[Any] | None = None,
    ) -> KubernetesWorkerResult:
        """Run a flow run as a job, and wait for its end."""
        adopted = self._adopted.pop(flow_run.id, None)
        if adopted is None:
            watch, job = await self._create(configuration, self.get_flow_run_logger(flow_run))
        else:
            watch, job = await self._take_up(configuration, adopted)
        name, identifier = job["metadata"]["name"], identify(job)
        if task_status is not None:
            task_status.started(identifier)
        since = None if adopted is None else time.time()
        try:
            logger = self.get_flow_run_logger(flow_run)
            end = await JobRun(watch, name, configuration, logger, since).follow()
        finally:
            await self._get_clusters().forget(watch, name)
        cancelled = (StateType.CANCELLING, StateType.CANCELLED)
        if identifier not in self._stopped and await self._is_in_state(flow_run, *cancelled):
            await self._delete(watch.cluster, flow_run, job)
        return KubernetesWorkerResult(status_code=end.exit_code, identifier=identifier, reason=end.reason)

    async def _create(
        self, configuration: KubernetesWorkerJobConfiguration, logger: PrefectLogAdapter
    ) -> tuple[NamespaceWatch, dict[str, Any]]:
        """Create the job of a run, and return it with the watch of its namespace."""
        try:
            manifest = configuration.build_manifest()
        except ValueError as error:
            raise InfrastructureError(str(error)) from error
        metadata, settings = manifest["metadata"], self._kubernetes_settings.worker
        watch = await self._get_clusters().watch(configuration.cluster_config, metadata["namespace"])
        watch.expect(metadata["name"])
        attempts = CreationAttempts(watch.cluster, manifest, settings.create_job_retry, logger)
        try:
            await attempts.repeat(lambda: secret_env.hide(manifest, watch.cluster, settings, self.name))
            job = await attempts.repeat(lambda: create_job(watch.cluster, manifest))
            await attempts.repeat(lambda: secret_env.hand_over(manifest, watch.cluster, job))
        except BaseException:
            watch.forget(metadata["name"])
            raise
        watch.expect(metadata["name"], job)
        return watch, job

    async def _take_up(
        self, configuration: KubernetesWorkerJobConfiguration, found: FoundJob
    ) -> tuple[NamespaceWatch, dict[str, Any]]:
        """Watch a job that is there already."""
        metadata = found.job["metadata"]
        watch = await self._get_clusters().watch(configuration.cluster_config, metadata["namespace"], found.labels)
        known = watch.expect(metadata["name"])
        # What has happened before it was expected is in no watch: it is read.
        current = await found.read()
        known.is_deleted = known.is_deleted or current is None
        watch.expect(metadata["name"], current or found.job)
        for pod in await found.list_pods():
            known.pods.setdefault(pod["metadata"]["name"], pod)
        return watch, found.job

    async def kill_infrastructure(
        self, infrastructure_pid: str, configuration: KubernetesWorkerJobConfiguration, grace_seconds: int = 30
    ) -> None:
        """Delete the job of a flow run, and wait until its pods are gone."""
        namespace, name, uid = parse_identifier(infrastructure_pid)
        cluster = self._get_clusters().get(configuration.cluster_config)
        self._stopped.add(infrastructure_pid)
        try:
            is_there = await cluster.delete_job(namespace, name, uid, grace_seconds)
            with anyio.move_on_after(grace_seconds + DELETION_GRACE_SECONDS):
                while (
                    is_there and (await cluster.read_job(namespace, name) or {}).get("metadata", {}).get("uid") == uid
                ):
                    await anyio.sleep(0.5)
        except Exception as error:  # it is tried again
            self._stopped.discard(infrastructure_pid)
            if isinstance(error, ClusterUnavailable):
                raise InfrastructureError(str(error)) from error
            raise
        if not is_there:
            raise InfrastructureNotFound(f"There is no job {name!r} in the namespace {namespace!r}.")

    # --- how runs end -------------------------------------------------------------------------------------------------

    async def _propose_crashed_state(self, flow_run: FlowRun, message: str) -> None:
        """Leave a run that has scheduled itself again to that."""
        if flow_run.id in self._infrastructure_pids and await self._is_in_state(flow_run, StateType.SCHEDULED):
            return
        await super()._propose_crashed_state(flow_run, message)

    async def _is_in_state(self, flow_run: FlowRun, *types: StateType) -> bool:
        """Return whether a run is in a state of one of these types."""
        try:
            current = (await self.client.read_flow_run(flow_run.id)).state
        except Exception:  # the server is unavailable, or the run is deleted
            return False
        return current is not None and current.type in types

    async def _delete(self, cluster: Cluster, flow_run: FlowRun, job: dict[str, Any]) -> None:
        """Delete the job of a run that has cancelled itself."""
        metadata = job["metadata"]
        try:
            await cluster.delete_job(metadata["namespace"], metadata["name"], metadata["uid"])
        except (ClusterUnavailable, InfrastructureError) as error:
            self.get_flow_run_logger(flow_run).warning("The job could not be deleted: %s", error)

    # --- after a restart ----------------------------------------------------------------------------------------------

    async def _adopt_from(self, workers: set[str]) -> bool:
        clusters, configure = self._get_clusters(), self._get_configuration
        try:
            found = await find_left_jobs(self.client, self.work_pool, workers, clusters, configure)
        except (ClusterUnavailable, InfrastructureError) as error:
            self._logger.warning("Jobs that are left cannot be listed yet: %s", error)
            return False
        for job in found:
            if job.flow_run.id in self._submitting_flow_run_ids:
                continue
            self._adopted[job.flow_run.id] = job
            self._logger.info("Watching the job of flow run %r again.", job.flow_run.name)
            self._submit_adopted_run(job.flow_run, identify(job.job), job.env)
        return True

    async def _report_lost_runs(self) -> None:
        for flow_run in await read_pending_runs(self, self.work_pool.name):
            try:
                configuration = await self._get_configuration(flow_run)
                cluster = self._get_clusters().get(configuration.cluster_config)
                namespace = find_namespace(flow_run, configuration)
                has_job = functools.partial(_has_job, cluster, namespace)
                engine = await cluster.identify()
                await report_lost_runs(self, [flow_run], engine, self._start_time, has_job)
            except (ClusterUnavailable, InfrastructureError, ObjectNotFound) as error:
                self._logger.debug("The job of flow run %r cannot be looked for: %s", flow_run.name, error)

    async def _identify_engine(self, configuration: KubernetesWorkerJobConfiguration) -> str | None:
        return await self._get_clusters().get(configuration.cluster_config).identify()


async def _has_job(cluster: Cluster, namespace: str, flow_run: FlowRun) -> bool:
    selector = to_selector({"prefect.io/flow-run-id": str(flow_run.id)})
    return bool((await cluster.list_objects("jobs", namespace, selector)).get("items"))


def identify(job: dict[str, Any]) -> str:
    """Return the identifier of a job: its namespace, name and id."""
    metadata = job["metadata"]
    return f"{metadata['namespace']}:{metadata['name']}:{metadata['uid']}"


def parse_identifier(identifier: str) -> tuple[str, str, str]:
    """Return namespace, name and id of a job.

    Raises:
        InfrastructureNotFound: It is not the identifier of a job.
    """
    parts = identifier.split(":")
    if len(parts) != 3:
        raise InfrastructureNotFound(f"{identifier!r} names no job of Kubernetes.")
    return parts[0], parts[1], parts[2]
