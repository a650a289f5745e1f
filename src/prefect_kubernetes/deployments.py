"""Tasks on the deployments of a cluster.

A task calls the method of `kubernetes_asyncio` that has its name; `kube_kwargs` are more arguments of that method.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect_kubernetes.api_calls import api_task
from prefect_kubernetes.credentials import KubernetesCredentials

if TYPE_CHECKING:
    from kubernetes_asyncio.client import V1DeleteOptions, V1Deployment, V1DeploymentList, V1Status


@api_task("apps", body="new_deployment")
async def create_namespaced_deployment(
    kubernetes_credentials: KubernetesCredentials,
    new_deployment: V1Deployment | dict[str, Any],
    namespace: str | None = "default",
    **kube_kwargs: Any,
) -> V1Deployment:
    """Create a deployment, and return it."""
    ...


@api_task("apps", name="deployment_name", body="delete_options")
async def delete_namespaced_deployment(
    kubernetes_credentials: KubernetesCredentials,
    deployment_name: str,
    delete_options: V1DeleteOptions | None = None,
    namespace: str | None = "default",
    **kube_kwargs: Any,
) -> V1Status:
    """Delete a deployment."""
    ...


@api_task("apps")
async def list_namespaced_deployment(
    kubernetes_credentials: KubernetesCredentials, namespace: str | None = "default", **kube_kwargs: Any
) -> V1DeploymentList:
    """Return the deployments of a namespace."""
    ...


@api_task("apps", name="deployment_name", body="deployment_updates")
async def patch_namespaced_deployment(
    kubernetes_credentials: KubernetesCredentials,
    deployment_name: str,
    deployment_updates: V1Deployment | dict[str, Any],
    namespace: str | None = "default",
    **kube_kwargs: Any,
) -> V1Deployment:
    """Change a deployment, and return it."""
    ...


@api_task("apps", name="deployment_name")
async def read_namespaced_deployment(
    kubernetes_credentials: KubernetesCredentials,
    deployment_name: str,
    namespace: str | None = "default",
    **kube_kwargs: Any,
) -> V1Deployment:
    """Return a deployment."""
    ...


@api_task("apps", name="deployment_name", body="new_deployment")
async def replace_namespaced_deployment(
    kubernetes_credentials: KubernetesCredentials,
    deployment_name: str,
    new_deployment: V1Deployment | dict[str, Any],
    namespace: str | None = "default",
    **kube_kwargs: Any,
) -> V1Deployment:
    """Replace a deployment, and return it."""
    ...
