"""Tasks on objects of custom resources of a cluster.

A task calls the method of `kubernetes_asyncio` that has its name; `kube_kwargs` are more arguments of that method.
`group`, such as `example.com`, `version` and `plural` are those of the resource's definition.
"""

from __future__ import annotations

from typing import Any

from prefect_kubernetes.api_calls import api_task
from prefect_kubernetes.credentials import KubernetesCredentials


@api_task("custom_objects")
async def create_namespaced_custom_object(
    kubernetes_credentials: KubernetesCredentials,
    group: str,
    version: str,
    plural: str,
    body: dict[str, Any],
    namespace: str | None = "default",
    **kube_kwargs: Any,
) -> Any:
    """Create an object of a custom resource, and return it."""
    ...


@api_task("custom_objects")
async def delete_namespaced_custom_object(
    kubernetes_credentials: KubernetesCredentials,
    group: str,
    version: str,
    plural: str,
    name: str,
    namespace: str | None = "default",
    **kube_kwargs: Any,
) -> Any:
    """Delete an object of a custom resource."""
    ...


@api_task("custom_objects")
async def get_namespaced_custom_object(
    kubernetes_credentials: KubernetesCredentials,
    group: str,
    version: str,
    plural: str,
    name: str,
    namespace: str | None = "default",
    **kube_kwargs: Any,
) -> Any:
    """Return an object of a custom resource."""
    ...


@api_task("custom_objects")
async def get_namespaced_custom_object_status(
    kubernetes_credentials: KubernetesCredentials,
    group: str,
    version: str,
    plural: str,
    name: str,
    namespace: str = "default",
    **kube_kwargs: Any,
) -> Any:
    """Return an object of a custom resource with its status."""
    ...


@api_task("custom_objects")
async def list_namespaced_custom_object(
    kubernetes_credentials: KubernetesCredentials,
    group: str,
    version: str,
    plural: str,
    namespace: str = "default",
    **kube_kwargs: Any,
) -> Any:
    """Return the objects of a custom resource in a namespace."""
    ...


@api_task("custom_objects")
async def patch_namespaced_custom_object(
    kubernetes_credentials: KubernetesCredentials,
    group: str,
    version: str,
    plural: str,
    name: str,
    body: dict[str, Any],
    namespace: str = "default",
    **kube_kwargs: Any,
) -> Any:
    """Change an object of a custom resource, and return it."""
    ...


@api_task("custom_objects")
async def replace_namespaced_custom_object(
    kubernetes_credentials: KubernetesCredentials,
    group: str,
    version: str,
    plural: str,
    name: str,
    body: dict[str, Any],
    namespace: str = "default",
    **kube_kwargs: Any,
) -> Any:
    """Replace an object of a custom resource, and return it."""
    ...
