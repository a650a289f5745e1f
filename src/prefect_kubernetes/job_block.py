"""The block of a job that flows run; its public path is `prefect_kubernetes.jobs`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

import anyio
import yaml
from anyio.abc import TaskGroup
from pydantic import Field

from prefect._internal.compatibility.async_dispatch import async_dispatch
from prefect.blocks.abstract import JobBlock, JobRun
from prefect.exceptions import InfrastructureError
from prefect.utilities.asyncutils import run_coro_as_sync
from prefect_kubernetes.api_calls import call_api
from prefect_kubernetes.credentials import KubernetesCredentials
from prefect_kubernetes.running import pod_status
from prefect_kubernetes.running.cluster import Cluster, ClusterUnavailable

if TYPE_CHECKING:
    from kubernetes_asyncio.client import V1Job

F = TypeVar("F", bound=Callable[..., Any])
Object = dict[str, Any]
Print = Callable[[str], Any]
OUTPUT_GRACE_SECONDS = 5.0
"""How long the printed output of a job that has ended is waited for."""


def _dual(method: Callable[..., Coroutine[Any, Any, Any]]) -> Callable[[F], F]:
    """Decorate the sync form of an async method, which callers that await it get. A type cannot say that."""
    return cast("Callable[[F], F]", async_dispatch(method))


class KubernetesJobRun(JobRun[dict[str, str]]):
    """A job that was created.

    Args:
        kubernetes_job: The block it was created by.
        v1_job_model: The job, as the API has it.
    """

    def __init__(self, kubernetes_job: KubernetesJob, v1_job_model: V1Job) -> None:
        self._block = kubernetes_job
        self._model = v1_job_model
        self._name = str(v1_job_model.metadata.name)
        self._output: dict[str, str] | None = None

    @property
    def v1_job_model(self) -> V1Job:
        """The job, as the API had it at its creation or its end."""
        return self._model

    async def await_for_completion(self, print_func: Print | None = None) -> None:
        """Wait until the job has ended, and then delete it if it has completed and its block says so.

        Args:
            print_func: Is called with each line of the output while the job runs.

        Raises:
            KubernetesJobTimeoutError: It has not ended in time. It continues.
            KubernetesJobFailedError: It has failed. It is not deleted.
            KubernetesResourceNotFoundError: Somebody has deleted it.
        """
        from prefect_kubernetes.exceptions import KubernetesJobFailedError

        block = self._block
        async with self._open_cluster() as cluster:
            end, pods = await self._wait_for_end(cluster, print_func)
            self._output = {pod_status.get_name(pod): await self._read_output(cluster, pod) for pod in pods}
            if end.exit_code != 0:
                raise KubernetesJobFailedError(
                    end.reason or f"The job {self._name!r} failed: exit status {end.exit_code}."
                )
            self._model = await call_api(
                block.credentials, "batch", "read_namespaced_job_status", name=self._name, namespace=block.namespace
            )
            self.logger.info("Job %r has completed with %d pods.", self._name, len(pods))
            if block.delete_after_completion:
                await cluster.delete_job(block.namespace, self._name, self._model.metadata.uid)

    @_dual(await_for_completion)
    def wait_for_completion(self, print_func: Print | None = None) -> Any:
        """Wait until the job has ended, as `await_for_completion` does; async code awaits it."""
        return run_coro_as_sync(self.await_for_completion(print_func))

    async def afetch_result(self) -> dict[str, str]:
        """Return the output of the job's pods by their names.

        Raises:
            ValueError: The job was not waited for, or has not ended.
        """
        if self._output is None:
            raise ValueError(f"The job {self._name!r} has no result yet: call wait_for_completion() first.")
        return self._output

    @_dual(afetch_result)
    def fetch_result(self) -> Any:
        """Return the output of the job's pods by their names, as `afetch_result` does; async code awaits it."""
        return run_coro_as_sync(self.afetch_result())

    # --- waiting ------------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def _open_cluster(self) -> AsyncGenerator[Cluster]:
        cluster = Cluster(self._block.credentials.cluster_config)
        try:
            yield cluster
        finally:
            await cluster.close()

    async def _wait_for_end(self, cluster: Cluster, print_func: Print | None) -> tuple[pod_status.JobEnd, list[Object]]:
        """Return how the job ended, and its pods."""
        from prefect_kubernetes.exceptions import KubernetesJobTimeoutError

        pods: list[Object] = []
        end: pod_status.JobEnd | None = None
        try:
            async with anyio.create_task_group() as outputs:
                with anyio.move_on_after(self._block.timeout_seconds):
                    end = await self._poll_until_end(cluster, pods, print_func, outputs)
                outputs.cancel_scope.deadline = anyio.current_time() + (OUTPUT_GRACE_SECONDS if end else 0)
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from None
        if end is not None:
            return end, pods
        why = "" if any(map(pod_status.has_started, pods)) else f", as {pod_status.describe_waiting(pods).rstrip('.')}"
        limit = f"{self._block.timeout_seconds} seconds"
        raise KubernetesJobTimeoutError(f"The job {self._name!r} has not ended after {limit}{why}.")

    async def _poll_until_end(
        self, cluster: Cluster, pods: list[Object], print_func: Print | None, outputs: TaskGroup
    ) -> pod_status.JobEnd:
        """Return how the job ended. Its pods are read into a list; the output of those that start is printed."""
        printed: set[str] = set()
        while True:
            end = await self._read_end(cluster, pods)
            for pod in pods:
                name = pod_status.get_name(pod)
                if print_func and name not in printed and pod_status.has_started(pod):
                    printed.add(name)
                    outputs.start_soon(self._print_output, cluster, pod, print_func)
            if end is not None:
                return end
            await anyio.sleep(self._block.interval_seconds)

    async def _read_end(self, cluster: Cluster, pods: list[Object]) -> pod_status.JobEnd | None:
        """Read the pods of the job into a list, and return how it ended.

        None if it has not, or if the API does not answer now.
        """
        namespace = self._block.namespace
        try:
            job = await cluster.read_job(namespace, self._name)
            if job is None:
                from prefect_kubernetes.exceptions import NOT_FOUND, KubernetesResourceNotFoundError

                message = f"the job {self._name!r} was deleted before its end was seen"
                raise KubernetesResourceNotFoundError(NOT_FOUND, None, "read_namespaced_job_status", message)
            found = await cluster.list_objects("pods", namespace, f"job-name={self._name}")
        except ClusterUnavailable as error:
            self.logger.debug("%s", error)
            return None
        pods[:] = found.get("items") or ()
        return pod_status.describe_end(job, pods)

    # --- output -------------------------------------------------------------------------------------------------------

    async def _print_output(self, cluster: Cluster, pod: Object, print_func: Print) -> None:
        async with aclosing(self._iterate_output(cluster, pod)) as lines:
            async for line in lines:
                print_func(line.decode(errors="replace").rstrip("\n"))

    async def _read_output(self, cluster: Cluster, pod: Object) -> str:
        return b"".join([line async for line in self._iterate_output(cluster, pod)]).decode(errors="replace")

    async def _iterate_output(self, cluster: Cluster, pod: Object) -> AsyncGenerator[bytes]:
        """Yield the lines of a pod's containers, one container after the other; none of those that have not started."""
        for container in pod["spec"]["containers"] if pod_status.has_started(pod) else ():
            name = pod_status.get_name(pod)
            try:
                async with aclosing(cluster.follow_log(self._block.namespace, name, container["name"], None)) as lines:
                    async for line in lines:
                        yield line
            except (ClusterUnavailable, InfrastructureError) as error:
                self.logger.warning("The output of the pod %r is not complete: %s", name, error)


class KubernetesJob(JobBlock[dict[str, str]]):
    """A job that flows run.

    Attributes:
        v1_job: Its manifest.
        api_kwargs: More arguments of the call that creates it, such as `field_manager`.
        credentials: Who calls which cluster.
        delete_after_completion: Whether the job is deleted once it has completed.
        interval_seconds: How long to wait before it is checked again.
        namespace: The namespace of the job.
        timeout_seconds: How long it is waited for; for ever if None.
    """

    _block_type_name = "Kubernetes Job"
    _block_type_slug = "k8s-job"
    # The words of the interface: checksums of saved blocks depend on them.
    _description = "A block representing a Kubernetes job configuration."

    v1_job: dict[str, Any] = Field(
        default=...,
        title="Job Manifest",
        description="The Kubernetes job manifest to run. This dictionary can be produced using `yaml.safe_load`.",
    )
    api_kwargs: dict[str, Any] = Field(
        default_factory=dict,
        title="Additional API Arguments",
        description="Additional arguments to include in Kubernetes API calls.",
        examples=[{"pretty": "true"}],
    )
    credentials: KubernetesCredentials = Field(
        default_factory=KubernetesCredentials, description="The credentials to configure a client from."
    )
    delete_after_completion: bool = Field(default=True, description="Whether to delete the job after it has completed.")
    interval_seconds: int = Field(default=5, description="The number of seconds to wait between job status checks.")
    namespace: str = Field(default="default", description="The namespace to create and run the job in.")
    timeout_seconds: int | None = Field(
        default=None, description="The number of seconds to wait for the job run before timing out."
    )

    @classmethod
    def from_yaml_file(cls, manifest_path: Path | str, **kwargs: Any) -> Self:
        """Return the job whose manifest is in a file.

        Args:
            manifest_path: The file.
            **kwargs: The other fields of the block.

        Raises:
            ValueError: It is no YAML of one job.
        """
        try:
            manifest = yaml.safe_load(Path(manifest_path).read_text())
        except yaml.YAMLError as error:
            raise ValueError(
                f"The manifest {manifest_path} is not valid YAML: {' '.join(str(error).split())}"
            ) from None
        if not isinstance(manifest, dict):
            raise ValueError(f"The manifest {manifest_path} is not that of a job: it holds no mapping.")
        return cls(v1_job=cast("dict[str, Any]", manifest), **kwargs)

    async def atrigger(self) -> KubernetesJobRun:
        """Create the job, and return its run.

        Raises:
            KubernetesApiError: The API refuses it.
        """
        job = await call_api(
            self.credentials,
            "batch",
            "create_namespaced_job",
            namespace=self.namespace,
            body=self.v1_job,
            **self.api_kwargs,
        )
        return KubernetesJobRun(self, job)

    @_dual(atrigger)
    def trigger(self) -> Any:
        """Create the job, and return its run, as `atrigger` does; async code awaits it."""
        return run_coro_as_sync(self.atrigger())
