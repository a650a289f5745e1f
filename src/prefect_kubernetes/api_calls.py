"""Calls of the API of Kubernetes for tasks, each with a new client."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import wraps
from inspect import signature
from typing import Any, ParamSpec, TypeVar

from prefect import Task, task
from prefect_kubernetes.credentials import KubernetesClientType, KubernetesCredentials, import_library
from prefect_kubernetes.running.cluster import explain_errors

P = ParamSpec("P")
R = TypeVar("R")


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
        ClusterUnavailable: The API does not answer.
    """
    refusal = import_library("client").ApiException
    async with credentials.get_client(client_type) as client:
        try:
            with explain_errors():
                return await getattr(client, method)(**arguments)
        except refusal as error:
            refused = error
    from prefect_kubernetes.exceptions import explain

    raise explain(refused, method)  # outside of `except`: as its context, the client's error would be pickled with it


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
        ClusterUnavailable: The API does not answer.
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
        ClusterUnavailable: The API does not answer.
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


def api_task(
    client_type: KubernetesClientType, *, name: str = "name", body: str = "body"
) -> Callable[[Callable[P, Coroutine[Any, Any, R]]], Task[P, Coroutine[Any, Any, R]]]:
    """Make a task that calls the API out of the declaration of a function, which has no body.

    It passes its arguments to the client's method of the same name.

    Args:
        client_type: The part of the API.
        name: The parameter that is the method's `name`.
        body: The parameter that is the method's `body`.
    """
    method_names = {name: "name", body: "body"}

    def make_task(declared: Callable[P, Coroutine[Any, Any, R]]) -> Task[P, Coroutine[Any, Any, R]]:
        method = declared.__name__
        call_method = patch if method.startswith("patch_") else call_api
        parameters = signature(declared)

        @wraps(declared)
        async def call(*args: P.args, **kwargs: P.kwargs) -> R:
            bound = parameters.bind(*args, **kwargs)
            bound.apply_defaults()
            credentials, more = bound.arguments.pop("kubernetes_credentials"), bound.arguments.pop("kube_kwargs")
            arguments = {method_names.get(key, key): value for key, value in bound.arguments.items()}
            return await call_method(credentials, client_type, method, **arguments, **more)

        return task(call)

    return make_task
