"""Calls of the API of Kubernetes for tasks, each with a client of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from prefect_kubernetes.credentials import KubernetesClientType, KubernetesCredentials, import_library
from prefect_kubernetes.running.cluster import explain_errors


async def call_api(
    credentials: KubernetesCredentials, client_type: KubernetesClientType, method: str, /, **arguments: Any
) -> Any:
    """Call a method of a client of `kubernetes_asyncio`, and return its answer.

    Args:
        credentials: Who calls which cluster.
        client_type: The part of the API.
        method: The method of its client.
        **arguments: The arguments of the method.

    Raises:
        KubernetesResourceNotFoundError: There is no such object.
        KubernetesApiError: The API refuses the call.
        ClusterAway: The API does not answer.
    """
    refusal = import_library("client").ApiException
    async with credentials.get_client(client_type) as client:
        try:
            with explain_errors():
                return await getattr(client, method)(**arguments)
        except refusal as error:
            from prefect_kubernetes.exceptions import explain

            raise explain(error, method) from None


async def patch(
    credentials: KubernetesCredentials,
    client_type: KubernetesClientType,
    method: str,
    /,
    *,
    body: Any,
    **arguments: Any,
) -> Any:
    """Call a method that changes an object: by a merge patch, unless the body is a list of operations.

    Raises:
        KubernetesResourceNotFoundError: There is no such object.
        KubernetesApiError: The API refuses the call.
        ClusterAway: The API does not answer.
    """
    if not isinstance(body, list):
        arguments.setdefault("_content_type", "application/merge-patch+json")
    return await call_api(credentials, client_type, method, body=body, **arguments)


async def read_log(
    credentials: KubernetesCredentials, print_func: Callable[[str], Any] | None, /, **arguments: Any
) -> str | None:
    """Return the output of a container, or print its lines until it ends.

    Args:
        credentials: Who calls which cluster.
        print_func: Is called with each line; the output is returned if None.
        **arguments: The arguments of `read_namespaced_pod_log`.

    Raises:
        KubernetesResourceNotFoundError: There is no such pod.
        KubernetesApiError: The API refuses the call.
        ClusterAway: The API does not answer.
    """
    method = "read_namespaced_pod_log"
    if print_func is None:
        return await call_api(credentials, "core", method, **arguments)
    refusal = import_library("client").ApiException
    with explain_errors():
        async with credentials.get_client("core") as client:
            response = await getattr(client, method)(**{"follow": True, **arguments, "_preload_content": False})
            if response.status >= 400:
                from prefect_kubernetes.exceptions import explain

                error = refusal(status=response.status, reason=response.reason)
                error.body = await response.text()
                raise explain(error, method)
            async for line in response.content:
                print_func(line.decode(errors="replace").rstrip("\n"))
    return None
