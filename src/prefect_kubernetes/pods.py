"""Tasks on the pods of a cluster.

A task calls the method of `kubernetes_asyncio` that has its name; `kube_kwargs` are more arguments of that method.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from prefect import task
from prefect_kubernetes.api_calls import api_task, read_log
from prefect_kubernetes.credentials import KubernetesCredentials

if TYPE_CHECKING:
    from kubernetes_asyncio.client import V1DeleteOptions, V1Pod, V1PodList


@api_task("core", body="new_pod")
async def create_namespaced_pod(
    kubernetes_credentials: KubernetesCredentials,
    new_pod: V1Pod | dict[str, Any],
    namespace: str | None = "default",
    **kube_kwargs: Any,
) -> V1Pod:
    """Create a pod, and return it."""
    ...


@api_task("core", name="pod_name", body="delete_options")
async def delete_namespaced_pod(
    kubernetes_credentials: KubernetesCredentials,
    pod_name: str,
    delete_options: V1DeleteOptions | None = None,
    namespace: str | None = "default",
    **kube_kwargs: Any,
) -> V1Pod:
    """Delete a pod."""
    ...


@api_task("core")
async def list_namespaced_pod(
    kubernetes_credentials: KubernetesCredentials, namespace: str | None = "default", **kube_kwargs: Any
) -> V1PodList:
    """Return the pods of a namespace."""
    ...


@api_task("core", name="pod_name", body="pod_updates")
async def patch_namespaced_pod(
    kubernetes_credentials: KubernetesCredentials,
    pod_name: str,
    pod_updates: V1Pod | dict[str, Any],
    namespace: str | None = "default",
    **kube_kwargs: Any,
) -> V1Pod:
    """Change a pod, and return it."""
    ...


@api_task("core", name="pod_name")
async def read_namespaced_pod(
    kubernetes_credentials: KubernetesCredentials, pod_name: str, namespace: str | None = "default", **kube_kwargs: Any
) -> V1Pod:
    """Return a pod."""
    ...


@api_task("core", name="pod_name", body="new_pod")
async def replace_namespaced_pod(
    kubernetes_credentials: KubernetesCredentials,
    pod_name: str,
    new_pod: V1Pod | dict[str, Any],
    namespace: str | None = "default",
    **kube_kwargs: Any,
) -> V1Pod:
    """Replace a pod, and return it."""
    ...


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
