"""Tasks on the services of a cluster.

A task calls the method of `kubernetes_asyncio` that has its name; `kube_kwargs` are more arguments of that method.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect_kubernetes.api_calls import api_task
from prefect_kubernetes.credentials import KubernetesCredentials

if TYPE_CHECKING:
    from kubernetes_asyncio.client import V1DeleteOptions, V1Service, V1ServiceList


@api_task("core", body="new_service")
async def create_namespaced_service(
    kubernetes_credentials: KubernetesCredentials,
    new_service: V1Service | dict[str, Any],
    namespace: str | None = "default",
    **kube_kwargs: Any,
) -> V1Service:
    """Create a service, and return it."""
    ...


@api_task("core", name="service_name", body="delete_options")
async def delete_namespaced_service(
    kubernetes_credentials: KubernetesCredentials,
    service_name: str,
    delete_options: V1DeleteOptions | None = None,
    namespace: str | None = "default",
    **kube_kwargs: Any,
) -> V1Service:
    """Delete a service."""
    ...


@api_task("core")
async def list_namespaced_service(
    kubernetes_credentials: KubernetesCredentials, namespace: str | None = "default", **kube_kwargs: Any
) -> V1ServiceList:
    """Return the services of a namespace."""
    ...


@api_task("core", name="service_name", body="service_updates")
async def patch_namespaced_service(
    kubernetes_credentials: KubernetesCredentials,
    service_name: str,
    service_updates: V1Service | dict[str, Any],
    namespace: str | None = "default",
    **kube_kwargs: Any,
) -> V1Service:
    """Change a service, and return it."""
    ...


@api_task("core", name="service_name")
async def read_namespaced_service(
    kubernetes_credentials: KubernetesCredentials,
    service_name: str,
    namespace: str | None = "default",
    **kube_kwargs: Any,
) -> V1Service:
    """Return a service."""
    ...


@api_task("core", name="service_name", body="new_service")
async def replace_namespaced_service(
    kubernetes_credentials: KubernetesCredentials,
    service_name: str,
    new_service: V1Service | dict[str, Any],
    namespace: str | None = "default",
    **kube_kwargs: Any,
) -> V1Service:
    """Replace a service, and return it."""
    ...
