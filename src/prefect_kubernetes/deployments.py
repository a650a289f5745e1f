"""Tasks on the deployments of a cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect import task
from prefect_kubernetes.api_calls import call_api, patch
from prefect_kubernetes.credentials import KubernetesCredentials

if TYPE_CHECKING:
    from kubernetes_asyncio.client import V1DeleteOptions, V1Deployment, V1DeploymentList, V1Status


@task
async def create_namespaced_deployment(
    kubernetes_credentials: KubernetesCredentials,
    new_deployment: V1Deployment | dict[str, Any],
    namespace: str | None = "default",
    **kube_kwargs: Any,
) -> V1Deployment:
    """Create a deployment, and return it.

    Args:
        kubernetes_credentials: Who calls which cluster.
        new_deployment: The deployment, or its manifest.
        namespace: Its namespace.
        **kube_kwargs: More arguments of the method of `kubernetes_asyncio`, such as `dry_run`.
    """
    return await call_api(
        kubernetes_credentials,
        "apps",
        "create_namespaced_deployment",
        body=new_deployment,
        namespace=namespace,
        **kube_kwargs,
    )


@task
async def delete_namespaced_deployment(
    kubernetes_credentials: KubernetesCredentials,
    deployment_name: str,
    delete_options: V1DeleteOptions | None = None,
    namespace: str | None = "default",
    **kube_kwargs: Any,
) -> V1Status:
    """Delete a deployment.

    Args:
        kubernetes_credentials: Who calls which cluster.
        deployment_name: The name of the deployment.
        delete_options: How it is deleted, and when.
        namespace: Its namespace.
        **kube_kwargs: More arguments of the method of `kubernetes_asyncio`, such as `dry_run`.
    """
    return await call_api(
        kubernetes_credentials,
        "apps",
        "delete_namespaced_deployment",
        name=deployment_name,
        body=delete_options,
        namespace=namespace,
        **kube_kwargs,
    )


@task
async def list_namespaced_deployment(
    kubernetes_credentials: KubernetesCredentials, namespace: str | None = "default", **kube_kwargs: Any
) -> V1DeploymentList:
    """Return the deployments of a namespace.

    Args:
        kubernetes_credentials: Who calls which cluster.
        namespace: The namespace.
        **kube_kwargs: More arguments of the method of `kubernetes_asyncio`, such as `dry_run`.
    """
    return await call_api(
        kubernetes_credentials, "apps", "list_namespaced_deployment", namespace=namespace, **kube_kwargs
    )


@task
async def patch_namespaced_deployment(
    kubernetes_credentials: KubernetesCredentials,
    deployment_name: str,
    deployment_updates: V1Deployment | dict[str, Any],
    namespace: str | None = "default",
    **kube_kwargs: Any,
) -> V1Deployment:
    """Change a deployment, and return it.

    Args:
        kubernetes_credentials: Who calls which cluster.
        deployment_name: The name of the deployment.
        deployment_updates: What it shall have; the rest stays as it is.
        namespace: Its namespace.
        **kube_kwargs: More arguments of the method of `kubernetes_asyncio`, such as `dry_run`.
    """
    return await patch(
        kubernetes_credentials,
        "apps",
        "patch_namespaced_deployment",
        name=deployment_name,
        body=deployment_updates,
        namespace=namespace,
        **kube_kwargs,
    )


@task
async def read_namespaced_deployment(
    kubernetes_credentials: KubernetesCredentials,
    deployment_name: str,
    namespace: str | None = "default",
    **kube_kwargs: Any,
) -> V1Deployment:
    """Return a deployment.

    Args:
        kubernetes_credentials: Who calls which cluster.
        deployment_name: The name of the deployment.
        namespace: Its namespace.
        **kube_kwargs: More arguments of the method of `kubernetes_asyncio`, such as `dry_run`.
    """
    return await call_api(
        kubernetes_credentials,
        "apps",
        "read_namespaced_deployment",
        name=deployment_name,
        namespace=namespace,
        **kube_kwargs,
    )


@task
async def replace_namespaced_deployment(
    kubernetes_credentials: KubernetesCredentials,
    deployment_name: str,
    new_deployment: V1Deployment | dict[str, Any],
    namespace: str | None = "default",
    **kube_kwargs: Any,
) -> V1Deployment:
    """Replace a deployment, and return it.

    Args:
        kubernetes_credentials: Who calls which cluster.
        deployment_name: The name of the deployment.
        new_deployment: What it shall be: a deployment, or its manifest.
        namespace: Its namespace.
        **kube_kwargs: More arguments of the method of `kubernetes_asyncio`, such as `dry_run`.
    """
    return await call_api(
        kubernetes_credentials,
        "apps",
        "replace_namespaced_deployment",
        name=deployment_name,
        body=new_deployment,
        namespace=namespace,
        **kube_kwargs,
    )
