"""Tasks on objects of custom resources of a cluster."""

from __future__ import annotations

from typing import Any

from prefect import task
from prefect_kubernetes.api_calls import call_api, patch
from prefect_kubernetes.credentials import KubernetesCredentials


@task
async def create_namespaced_custom_object(
    kubernetes_credentials: KubernetesCredentials,
    group: str,
    version: str,
    plural: str,
    body: dict[str, Any],
    namespace: str | None = "default",
    **kube_kwargs: Any,
) -> Any:
    """Create an object of a custom resource, and return it.

    Args:
        kubernetes_credentials: Who calls which cluster.
        group: The group of its kind, such as `example.com`.
        version: The version of its kind.
        plural: The name of its kind in the plural.
        body: Its manifest.
        namespace: Its namespace.
        **kube_kwargs: More arguments of the method of `kubernetes_asyncio`, such as `dry_run`.
    """
    return await call_api(
        kubernetes_credentials,
        "custom_objects",
        "create_namespaced_custom_object",
        group=group,
        version=version,
        plural=plural,
        body=body,
        namespace=namespace,
        **kube_kwargs,
    )


@task
async def delete_namespaced_custom_object(
    kubernetes_credentials: KubernetesCredentials,
    group: str,
    version: str,
    plural: str,
    name: str,
    namespace: str | None = "default",
    **kube_kwargs: Any,
) -> Any:
    """Delete an object of a custom resource.

    Args:
        kubernetes_credentials: Who calls which cluster.
        group: The group of its kind, such as `example.com`.
        version: The version of its kind.
        plural: The name of its kind in the plural.
        name: Its name.
        namespace: Its namespace.
        **kube_kwargs: More arguments of the method of `kubernetes_asyncio`, such as `dry_run`.
    """
    return await call_api(
        kubernetes_credentials,
        "custom_objects",
        "delete_namespaced_custom_object",
        group=group,
        version=version,
        plural=plural,
        name=name,
        namespace=namespace,
        **kube_kwargs,
    )


@task
async def get_namespaced_custom_object(
    kubernetes_credentials: KubernetesCredentials,
    group: str,
    version: str,
    plural: str,
    name: str,
    namespace: str | None = "default",
    **kube_kwargs: Any,
) -> Any:
    """Return an object of a custom resource.

    Args:
        kubernetes_credentials: Who calls which cluster.
        group: The group of its kind, such as `example.com`.
        version: The version of its kind.
        plural: The name of its kind in the plural.
        name: Its name.
        namespace: Its namespace.
        **kube_kwargs: More arguments of the method of `kubernetes_asyncio`, such as `dry_run`.
    """
    return await call_api(
        kubernetes_credentials,
        "custom_objects",
        "get_namespaced_custom_object",
        group=group,
        version=version,
        plural=plural,
        name=name,
        namespace=namespace,
        **kube_kwargs,
    )


@task
async def get_namespaced_custom_object_status(
    kubernetes_credentials: KubernetesCredentials,
    group: str,
    version: str,
    plural: str,
    name: str,
    namespace: str = "default",
    **kube_kwargs: Any,
) -> Any:
    """Return an object of a custom resource with its status.

    Args:
        kubernetes_credentials: Who calls which cluster.
        group: The group of its kind, such as `example.com`.
        version: The version of its kind.
        plural: The name of its kind in the plural.
        name: Its name.
        namespace: Its namespace.
        **kube_kwargs: More arguments of the method of `kubernetes_asyncio`, such as `dry_run`.
    """
    return await call_api(
        kubernetes_credentials,
        "custom_objects",
        "get_namespaced_custom_object_status",
        group=group,
        version=version,
        plural=plural,
        name=name,
        namespace=namespace,
        **kube_kwargs,
    )


@task
async def list_namespaced_custom_object(
    kubernetes_credentials: KubernetesCredentials,
    group: str,
    version: str,
    plural: str,
    namespace: str = "default",
    **kube_kwargs: Any,
) -> Any:
    """Return the objects of a custom resource in a namespace.

    Args:
        kubernetes_credentials: Who calls which cluster.
        group: The group of its kind, such as `example.com`.
        version: The version of its kind.
        plural: The name of its kind in the plural.
        namespace: The namespace.
        **kube_kwargs: More arguments of the method of `kubernetes_asyncio`, such as `dry_run`.
    """
    return await call_api(
        kubernetes_credentials,
        "custom_objects",
        "list_namespaced_custom_object",
        group=group,
        version=version,
        plural=plural,
        namespace=namespace,
        **kube_kwargs,
    )


@task
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
    """Change an object of a custom resource, and return it.

    Args:
        kubernetes_credentials: Who calls which cluster.
        group: The group of its kind, such as `example.com`.
        version: The version of its kind.
        plural: The name of its kind in the plural.
        name: Its name.
        body: What it shall have; the rest stays as it is.
        namespace: Its namespace.
        **kube_kwargs: More arguments of the method of `kubernetes_asyncio`, such as `dry_run`.
    """
    return await patch(
        kubernetes_credentials,
        "custom_objects",
        "patch_namespaced_custom_object",
        group=group,
        version=version,
        plural=plural,
        name=name,
        body=body,
        namespace=namespace,
        **kube_kwargs,
    )


@task
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
    """Replace an object of a custom resource, and return it.

    Args:
        kubernetes_credentials: Who calls which cluster.
        group: The group of its kind, such as `example.com`.
        version: The version of its kind.
        plural: The name of its kind in the plural.
        name: Its name.
        body: What it shall be.
        namespace: Its namespace.
        **kube_kwargs: More arguments of the method of `kubernetes_asyncio`, such as `dry_run`.
    """
    return await call_api(
        kubernetes_credentials,
        "custom_objects",
        "replace_namespaced_custom_object",
        group=group,
        version=version,
        plural=plural,
        name=name,
        body=body,
        namespace=namespace,
        **kube_kwargs,
    )
