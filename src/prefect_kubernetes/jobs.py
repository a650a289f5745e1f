"""Tasks on the jobs of a cluster, and the block of a job that flows run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect import task
from prefect_kubernetes.api_calls import call_api, patch
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


@task
async def create_namespaced_job(
    kubernetes_credentials: KubernetesCredentials,
    new_job: V1Job | dict[str, Any],
    namespace: str | None = "default",
    **kube_kwargs: Any,
) -> V1Job:
    """Create a job, and return it.

    Args:
        kubernetes_credentials: Who calls which cluster.
        new_job: The job, or its manifest.
        namespace: Its namespace.
        **kube_kwargs: More arguments of the method of `kubernetes_asyncio`, such as `dry_run`.
    """
    return await call_api(
        kubernetes_credentials, "batch", "create_namespaced_job", body=new_job, namespace=namespace, **kube_kwargs
    )


@task
async def delete_namespaced_job(
    kubernetes_credentials: KubernetesCredentials,
    job_name: str,
    delete_options: V1DeleteOptions | None = None,
    namespace: str | None = "default",
    **kube_kwargs: Any,
) -> V1Status:
    """Delete a job.

    Args:
        kubernetes_credentials: Who calls which cluster.
        job_name: The name of the job.
        delete_options: How it is deleted, and when.
        namespace: Its namespace.
        **kube_kwargs: More arguments of the method of `kubernetes_asyncio`, such as `dry_run`.
    """
    return await call_api(
        kubernetes_credentials,
        "batch",
        "delete_namespaced_job",
        name=job_name,
        body=delete_options,
        namespace=namespace,
        **kube_kwargs,
    )


@task
async def list_namespaced_job(
    kubernetes_credentials: KubernetesCredentials, namespace: str | None = "default", **kube_kwargs: Any
) -> V1JobList:
    """Return the jobs of a namespace.

    Args:
        kubernetes_credentials: Who calls which cluster.
        namespace: The namespace.
        **kube_kwargs: More arguments of the method of `kubernetes_asyncio`, such as `dry_run`.
    """
    return await call_api(kubernetes_credentials, "batch", "list_namespaced_job", namespace=namespace, **kube_kwargs)


@task
async def patch_namespaced_job(
    kubernetes_credentials: KubernetesCredentials,
    job_name: str,
    job_updates: V1Job | dict[str, Any],
    namespace: str | None = "default",
    **kube_kwargs: Any,
) -> V1Job:
    """Change a job, and return it.

    Args:
        kubernetes_credentials: Who calls which cluster.
        job_name: The name of the job.
        job_updates: What it shall have; the rest stays as it is.
        namespace: Its namespace.
        **kube_kwargs: More arguments of the method of `kubernetes_asyncio`, such as `dry_run`.
    """
    return await patch(
        kubernetes_credentials,
        "batch",
        "patch_namespaced_job",
        name=job_name,
        body=job_updates,
        namespace=namespace,
        **kube_kwargs,
    )


@task
async def read_namespaced_job(
    kubernetes_credentials: KubernetesCredentials, job_name: str, namespace: str | None = "default", **kube_kwargs: Any
) -> V1Job:
    """Return a job.

    Args:
        kubernetes_credentials: Who calls which cluster.
        job_name: The name of the job.
        namespace: Its namespace.
        **kube_kwargs: More arguments of the method of `kubernetes_asyncio`, such as `dry_run`.
    """
    return await call_api(
        kubernetes_credentials, "batch", "read_namespaced_job", name=job_name, namespace=namespace, **kube_kwargs
    )


@task
async def replace_namespaced_job(
    kubernetes_credentials: KubernetesCredentials,
    job_name: str,
    new_job: V1Job | dict[str, Any],
    namespace: str | None = "default",
    **kube_kwargs: Any,
) -> V1Job:
    """Replace a job, and return it.

    Args:
        kubernetes_credentials: Who calls which cluster.
        job_name: The name of the job.
        new_job: What it shall be: a job, or its manifest.
        namespace: Its namespace.
        **kube_kwargs: More arguments of the method of `kubernetes_asyncio`, such as `dry_run`.
    """
    return await call_api(
        kubernetes_credentials,
        "batch",
        "replace_namespaced_job",
        name=job_name,
        body=new_job,
        namespace=namespace,
        **kube_kwargs,
    )


@task
async def read_namespaced_job_status(
    kubernetes_credentials: KubernetesCredentials, job_name: str, namespace: str | None = "default", **kube_kwargs: Any
) -> V1Job:
    """Return a job with its status.

    Args:
        kubernetes_credentials: Who calls which cluster.
        job_name: The name of the job.
        namespace: Its namespace.
        **kube_kwargs: More arguments of the method of `kubernetes_asyncio`, such as `dry_run`.
    """
    return await call_api(
        kubernetes_credentials, "batch", "read_namespaced_job_status", name=job_name, namespace=namespace, **kube_kwargs
    )
