"""Tasks on the services of a cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect import task
from prefect_kubernetes.api_calls import call_api, patch
from prefect_kubernetes.credentials import KubernetesCredentials

if TYPE_CHECKING:
    from kubernetes_asyncio.client import V1DeleteOptions, V1Service, V1ServiceList


@task
async def create_namespaced_service(
    kubernetes_credentials: KubernetesCredentials,
    new_service: V1Service | dict[str, Any],
    namespace: str | None = "default",
    **kube_kwargs: Any,
) -> V1Service:
    """Create a service, and return it.

    Args:
        kubernetes_credentials: Who calls which cluster.
        new_service: The service, or its manifest.
        namespace: Its namespace.
        **kube_kwargs: More arguments of the method of `kubernetes_asyncio`, such as `dry_run`.
    """
    return await call_api(
        kubernetes_credentials,
        "core",
        "create_namespaced_service",
        body=new_service,
        namespace=namespace,
        **kube_kwargs,
    )


@task
async def delete_namespaced_service(
    kubernetes_credentials: KubernetesCredentials,
    service_name: str,
    delete_options: V1DeleteOptions | None = None,
    namespace: str | None = "default",
    **kube_kwargs: Any,
) -> V1Service:
    """Delete a service.

    Args:
        kubernetes_credentials: Who calls which cluster.
        service_name: The name of the service.
        delete_options: How it is deleted, and when.
        namespace: Its namespace.
        **kube_kwargs: More arguments of the method of `kubernetes_asyncio`, such as `dry_run`.
    """
    return await call_api(
        kubernetes_credentials,
        "core",
        "delete_namespaced_service",
        name=service_name,
        body=delete_options,
        namespace=namespace,
        **kube_kwargs,
    )


@task
async def list_namespaced_service(
    kubernetes_credentials: KubernetesCredentials, namespace: str | None = "default", **kube_kwargs: Any
) -> V1ServiceList:
    """Return the services of a namespace.

    Args:
        kubernetes_credentials: Who calls which cluster.
        namespace: The namespace.
        **kube_kwargs: More arguments of the method of `kubernetes_asyncio`, such as `dry_run`.
    """
    return await call_api(kubernetes_credentials, "core", "list_namespaced_service", namespace=namespace, **kube_kwargs)


@task
async def patch_namespaced_service(
    kubernetes_credentials: KubernetesCredentials,
    service_name: str,
    service_updates: V1Service | dict[str, Any],
    namespace: str | None = "default",
    **kube_kwargs: Any,
) -> V1Service:
    """Change a service, and return it.

    Args:
        kubernetes_credentials: Who calls which cluster.
        service_name: The name of the service.
        service_updates: What it shall have; the rest stays as it is.
        namespace: Its namespace.
        **kube_kwargs: More arguments of the method of `kubernetes_asyncio`, such as `dry_run`.
    """
    return await patch(
        kubernetes_credentials,
        "core",
        "patch_namespaced_service",
        name=service_name,
        body=service_updates,
        namespace=namespace,
        **kube_kwargs,
    )


@task
async def read_namespaced_service(
    kubernetes_credentials: KubernetesCredentials,
    service_name: str,
    namespace: str | None = "default",
    **kube_kwargs: Any,
) -> V1Service:
    """Return a service.

    Args:
        kubernetes_credentials: Who calls which cluster.
        service_name: The name of the service.
        namespace: Its namespace.
        **kube_kwargs: More arguments of the method of `kubernetes_asyncio`, such as `dry_run`.
    """
    return await call_api(
        kubernetes_credentials, "core", "read_namespaced_service", name=service_name, namespace=namespace, **kube_kwargs
    )


@task
async def replace_namespaced_service(
    kubernetes_credentials: KubernetesCredentials,
    service_name: str,
    new_service: V1Service | dict[str, Any],
    namespace: str | None = "default",
    **kube_kwargs: Any,
) -> V1Service:
    """Replace a service, and return it.

    Args:
        kubernetes_credentials: Who calls which cluster.
        service_name: The name of the service.
        new_service: What it shall be: a service, or its manifest.
        namespace: Its namespace.
        **kube_kwargs: More arguments of the method of `kubernetes_asyncio`, such as `dry_run`.
    """
    return await call_api(
        kubernetes_credentials,
        "core",
        "replace_namespaced_service",
        name=service_name,
        body=new_service,
        namespace=namespace,
        **kube_kwargs,
    )
