"""Tasks on the jobs of a cluster, and the block of a job that flows run.

A task calls the method of `kubernetes_asyncio` that has its name; `kube_kwargs` are more arguments of that method.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect_kubernetes.api_calls import api_task
from prefect_kubernetes.credentials import KubernetesCredentials
from prefect_kubernetes.job_block import KubernetesJob, KubernetesJobRun

if TYPE_CHECKING:
    from kubernetes_asyncio.client import V1DeleteOptions, V1Job, V1JobList, V1Status


__all__ = [
    "KubernetesJob",
    "KubernetesJobRun",
    "create_namespaced_job",
    "delete_namespaced_job",
    "list_namespaced_job",
    "patch_namespaced_job",
    "read_namespaced_job",
    "read_namespaced_job_status",
    "replace_namespaced_job",
]


@api_task("batch", body="new_job")
async def create_namespaced_job(
    kubernetes_credentials: KubernetesCredentials,
    new_job: V1Job | dict[str, Any],
    namespace: str | None = "default",
    **kube_kwargs: Any,
) -> V1Job:
    """Create a job, and return it."""
    ...


@api_task("batch", name="job_name", body="delete_options")
async def delete_namespaced_job(
    kubernetes_credentials: KubernetesCredentials,
    job_name: str,
    delete_options: V1DeleteOptions | None = None,
    namespace: str | None = "default",
    **kube_kwargs: Any,
) -> V1Status:
    """Delete a job."""
    ...


@api_task("batch")
async def list_namespaced_job(
    kubernetes_credentials: KubernetesCredentials, namespace: str | None = "default", **kube_kwargs: Any
) -> V1JobList:
    """Return the jobs of a namespace."""
    ...


@api_task("batch", name="job_name", body="job_updates")
async def patch_namespaced_job(
    kubernetes_credentials: KubernetesCredentials,
    job_name: str,
    job_updates: V1Job | dict[str, Any],
    namespace: str | None = "default",
    **kube_kwargs: Any,
) -> V1Job:
    """Change a job, and return it."""
    ...


@api_task("batch", name="job_name")
async def read_namespaced_job(
    kubernetes_credentials: KubernetesCredentials, job_name: str, namespace: str | None = "default", **kube_kwargs: Any
) -> V1Job:
    """Return a job."""
    ...


@api_task("batch", name="job_name", body="new_job")
async def replace_namespaced_job(
    kubernetes_credentials: KubernetesCredentials,
    job_name: str,
    new_job: V1Job | dict[str, Any],
    namespace: str | None = "default",
    **kube_kwargs: Any,
) -> V1Job:
    """Replace a job, and return it."""
    ...


@api_task("batch", name="job_name")
async def read_namespaced_job_status(
    kubernetes_credentials: KubernetesCredentials, job_name: str, namespace: str | None = "default", **kube_kwargs: Any
) -> V1Job:
    """Return a job with its status."""
    ...
