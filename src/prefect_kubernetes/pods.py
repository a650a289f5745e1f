"""Tasks on the pods of a cluster."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from prefect import task
from prefect_kubernetes.api_calls import call_api, patch, read_log
from prefect_kubernetes.credentials import KubernetesCredentials

if TYPE_CHECKING:
    from kubernetes_asyncio.client import V1DeleteOptions, V1Pod, V1PodList


@task
async def create_namespaced_pod(
    kubernetes_credentials: KubernetesCredentials,
    new_pod: V1Pod | dict[str, Any],
    namespace: str | None = "default",
    **kube_kwargs: Any,
) -> V1Pod:
    """Create a pod, and return it.

    Args:
        kubernetes_credentials: Who calls which cluster.
        new_pod: The pod, or its manifest.
        namespace: Its namespace.
        **kube_kwargs: More arguments of the method of `kubernetes_asyncio`, such as `dry_run`.
    """
    return await call_api(
        kubernetes_credentials, "core", "create_namespaced_pod", body=new_pod, namespace=namespace, **kube_kwargs
    )


@task
async def delete_namespaced_pod(
    kubernetes_credentials: KubernetesCredentials,
    pod_name: str,
    delete_options: V1DeleteOptions | None = None,
    namespace: str | None = "default",
    **kube_kwargs: Any,
) -> V1Pod:
    """Delete a pod.

    Args:
        kubernetes_credentials: Who calls which cluster.
        pod_name: The name of the pod.
        delete_options: How it is deleted, and when.
        namespace: Its namespace.
        **kube_kwargs: More arguments of the method of `kubernetes_asyncio`, such as `dry_run`.
    """
    return await call_api(
        kubernetes_credentials,
        "core",
        "delete_namespaced_pod",
        name=pod_name,
        body=delete_options,
        namespace=namespace,
        **kube_kwargs,
    )


@task
async def list_namespaced_pod(
    kubernetes_credentials: KubernetesCredentials, namespace: str | None = "default", **kube_kwargs: Any
) -> V1PodList:
    """Return the pods of a namespace.

    Args:
        kubernetes_credentials: Who calls which cluster.
        namespace: The namespace.
        **kube_kwargs: More arguments of the method of `kubernetes_asyncio`, such as `dry_run`.
    """
    return await call_api(kubernetes_credentials, "core", "list_namespaced_pod", namespace=namespace, **kube_kwargs)


@task
async def patch_namespaced_pod(
    kubernetes_credentials: KubernetesCredentials,
    pod_name: str,
    pod_updates: V1Pod | dict[str, Any],
    namespace: str | None = "default",
    **kube_kwargs: Any,
) -> V1Pod:
    """Change a pod, and return it.

    Args:
        kubernetes_credentials: Who calls which cluster.
        pod_name: The name of the pod.
        pod_updates: What it shall have; the rest stays as it is.
        namespace: Its namespace.
        **kube_kwargs: More arguments of the method of `kubernetes_asyncio`, such as `dry_run`.
    """
    return await patch(
        kubernetes_credentials,
        "core",
        "patch_namespaced_pod",
        name=pod_name,
        body=pod_updates,
        namespace=namespace,
        **kube_kwargs,
    )


@task
async def read_namespaced_pod(
    kubernetes_credentials: KubernetesCredentials, pod_name: str, namespace: str | None = "default", **kube_kwargs: Any
) -> V1Pod:
    """Return a pod.

    Args:
        kubernetes_credentials: Who calls which cluster.
        pod_name: The name of the pod.
        namespace: Its namespace.
        **kube_kwargs: More arguments of the method of `kubernetes_asyncio`, such as `dry_run`.
    """
    return await call_api(
        kubernetes_credentials, "core", "read_namespaced_pod", name=pod_name, namespace=namespace, **kube_kwargs
    )


@task
async def replace_namespaced_pod(
    kubernetes_credentials: KubernetesCredentials,
    pod_name: str,
    new_pod: V1Pod | dict[str, Any],
    namespace: str | None = "default",
    **kube_kwargs: Any,
) -> V1Pod:
    """Replace a pod, and return it.

    Args:
        kubernetes_credentials: Who calls which cluster.
        pod_name: The name of the pod.
        new_pod: What it shall be: a pod, or its manifest.
        namespace: Its namespace.
        **kube_kwargs: More arguments of the method of `kubernetes_asyncio`, such as `dry_run`.
    """
    return await call_api(
        kubernetes_credentials,
        "core",
        "replace_namespaced_pod",
        name=pod_name,
        body=new_pod,
        namespace=namespace,
        **kube_kwargs,
    )


@task
async def read_namespaced_pod_log(
    kubernetes_credentials: KubernetesCredentials,
    pod_name: str,
    container: str,
    namespace: str | None = "default",
    print_func: Callable[[str], Any] | None = None,
    **kube_kwargs: Any,
) -> str | None:
    """Return the output of a container, or print its lines until it ends.

    Args:
        kubernetes_credentials: Who calls which cluster.
        pod_name: The name of the pod.
        container: The name of its container.
        namespace: Its namespace.
        print_func: Is called with each line; the output is returned if None.
        **kube_kwargs: More arguments of the method of `kubernetes_asyncio`, such as `tail_lines`.
    """
    return await read_log(
        kubernetes_credentials, print_func, name=pod_name, container=container, namespace=namespace, **kube_kwargs
    )
