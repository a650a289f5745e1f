"""The API of a cluster: the few calls that a worker makes, and errors in plain words. Objects are dictionaries."""

from __future__ import annotations

import asyncio
import hashlib
import json
import math
import time
from collections.abc import AsyncGenerator, AsyncIterator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefect.exceptions import InfrastructureError
from prefect_kubernetes.credentials import KubernetesClusterConfig, open_client

if TYPE_CHECKING:
    from kubernetes_asyncio.client import ApiClient

WATCH_SECONDS = 60
"""After how long the API ends a watch, which is begun again then: a lost connection is noticed soon after."""
REQUEST_SECONDS = 30
UNAUTHORIZED, FORBIDDEN, NOT_FOUND, CONFLICT, GONE, TOO_MANY, SERVER_ERRORS = 401, 403, 404, 409, 410, 429, 500
API_START_SECONDS = 10.0
"""How long an API that has answered again may refuse everybody: it answers before it has read who may do what."""


@dataclass(frozen=True)
class _Request:
    """A request to the API.

    Attributes:
        method: The method.
        path: The path, without the address of the API.
        purpose: What it does, for the message of a refusal.
        body: Its JSON body.
        query: Its query; what is None is left out.
        read_timeout: How many seconds waiting for each part of the response may take; any time if None.
    """

    method: str
    path: str
    purpose: str
    body: Any = None
    query: dict[str, Any] | None = None
    read_timeout: float | None = REQUEST_SECONDS


class ClusterUnavailable(Exception):
    """The API of the cluster does not answer now; it may again."""


class ClusterRefusal(InfrastructureError):
    """The API of the cluster refuses a request.

    Attributes:
        status: The status of its answer.
    """

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


@contextmanager
def explain_errors() -> Generator[None, None, None]:
    """Translate connection errors into `ClusterUnavailable`."""
    import aiohttp

    try:
        yield
    except (aiohttp.ClientError, OSError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ClusterUnavailable(f"The Kubernetes API does not answer: {reason}") from error


async def check_status(response: Any, what: str) -> None:
    """Raise an error if a response is one.

    Args:
        response: The response, whose body is not read yet.
        what: What the request does, to go on a sentence that begins with "Kubernetes refuses to".
    """
    status = response.status
    if status < 400:
        return
    body = await response.read()
    try:
        message = json.loads(body)["message"]
    except (KeyError, TypeError, ValueError):
        message = body.decode(errors="replace") or response.reason
    message = " ".join(str(message).split())
    if status >= SERVER_ERRORS or status == TOO_MANY:
        raise ClusterUnavailable(f"The Kubernetes API does not answer ({status}): {message}")
    raise ClusterRefusal(f"Kubernetes refuses to {what}: {message}", status)


class Cluster:
    """A client of one cluster, open until it is closed.

    Args:
        config: The cluster; if None, that of the pod this runs in, or of the local kubeconfig.
    """

    def __init__(self, config: KubernetesClusterConfig | None) -> None:
        self._config = config
        self._client: ApiClient | None = None
        self._opening = asyncio.Lock()
        self._last_unavailable = -math.inf

    async def _open(self) -> ApiClient:
        async with self._opening:
            if self._client is None:
                try:
                    self._client = await open_client(self._config)
                except (ValueError, ImportError) as error:
                    raise InfrastructureError(str(error)) from error
            return self._client

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            client, self._client = self._client, None
            await client.close()
            await asyncio.sleep(0)  # what it has aborted is closed by the event loop

    async def identify(self) -> str:
        """Return what names the cluster for those who reach it the same way: its address and authority, hashed."""
        configuration: Any = (await self._open()).configuration
        authority = configuration.ssl_ca_cert
        content = Path(authority).read_bytes() if authority else b""
        return hashlib.sha256(str(configuration.host).encode() + b" " + content).hexdigest()

    async def _call(
        self, method: str, path: str, what: str, *, body: Any = None, query: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        async with self._request(_Request(method, path, what, body, query)) as response:
            return json.loads(await response.read())

    @asynccontextmanager
    async def _request(self, request: _Request) -> AsyncGenerator[Any, None]:
        """Send a request, and yield the response before its body is read."""
        try:
            with explain_errors():
                client = await self._open()
                response = await self._send(client, request)
                if response.status == UNAUTHORIZED:  # credentials of a kubeconfig may have expired: read it again
                    _drop(response)
                    await self._reopen(client)
                    response = await self._send(await self._open(), request)
                try:
                    await check_status(response, request.purpose)
                    yield response
                finally:
                    _drop(response)
        except ClusterUnavailable:
            self._last_unavailable = time.monotonic()
            raise
        except ClusterRefusal as error:
            is_starting = time.monotonic() - self._last_unavailable < API_START_SECONDS
            if is_starting and error.status in (UNAUTHORIZED, FORBIDDEN):
                raise ClusterUnavailable(f"The Kubernetes API may not have started completely. {error}") from error
            raise

    async def _send(self, client: ApiClient, request: _Request) -> Any:
        import aiohttp

        content_type = "application/merge-patch+json" if request.method == "PATCH" else "application/json"
        return await client.call_api(
            request.path,
            request.method,
            query_params=[(name, str(value)) for name, value in (request.query or {}).items() if value is not None],
            header_params={"Accept": "application/json, */*", "Content-Type": content_type},
            body=request.body,
            auth_settings=["BearerToken"],
            _return_http_data_only=True,
            _preload_content=False,
            _request_timeout=aiohttp.ClientTimeout(sock_connect=REQUEST_SECONDS, sock_read=request.read_timeout),
        )

    async def _reopen(self, client: ApiClient) -> None:
        if self._client is client:
            await self.close()

    # --- jobs and pods ------------------------------------------------------------------------------------------------

    async def create_job(self, namespace: str, manifest: dict[str, Any]) -> dict[str, Any]:
        """Create a job."""
        return await self._call("POST", _jobs(namespace), "create the job", body=manifest)

    async def read_job(self, namespace: str, name: str) -> dict[str, Any] | None:
        """Return a job, or None if there is none of this name."""
        try:
            return await self._call("GET", f"{_jobs(namespace)}/{name}", f"show the job {name!r}")
        except ClusterRefusal as error:
            if error.status == NOT_FOUND:
                return None
            raise

    async def delete_job(self, namespace: str, name: str, uid: str | None, grace_seconds: int | None = None) -> bool:
        """Delete a job, and then its pods; return whether there was one.

        Args:
            namespace: Its namespace.
            name: Its name.
            uid: Which one of this name; any if None.
            grace_seconds: How many seconds it has to end by itself.
        """
        options: dict[str, Any] = {"propagationPolicy": "Foreground", "gracePeriodSeconds": grace_seconds}
        if uid is not None:
            options["preconditions"] = {"uid": uid}
        body = {name: value for name, value in options.items() if value is not None}
        try:
            await self._call("DELETE", f"{_jobs(namespace)}/{name}", f"delete the job {name!r}", body=body)
        except ClusterRefusal as error:
            if error.status in (NOT_FOUND, CONFLICT):  # a conflict: another one has the name now
                return False
            raise
        return True

    async def list_objects(self, kind: str, namespace: str, selector: str) -> dict[str, Any]:
        """Return the list of the jobs or pods with some labels."""
        return await self._call(
            "GET", _path(kind, namespace), f"list {kind} in {namespace!r}", query={"labelSelector": selector}
        )

    async def watch_objects(
        self, kind: str, namespace: str, selector: str, version: str
    ) -> AsyncGenerator[tuple[str, dict[str, Any]], None]:
        """Yield what happens to jobs or pods from a version of their list on: how each has changed, and what it is now.

        `ERROR` says that the API does not know the version any more, `BOOKMARK` that nothing has changed up to another.
        It ends after a while.
        """
        query = {
            "labelSelector": selector,
            "watch": 1,
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
            "timeoutSeconds": WATCH_SECONDS,
        }
        path, purpose = _path(kind, namespace), f"watch {kind} in {namespace!r}"
        request = _Request("GET", path, purpose, query=query, read_timeout=WATCH_SECONDS + REQUEST_SECONDS)
        async with self._request(request) as response:
            async for line in _iterate_lines(response):
                event = json.loads(line)
                yield event["type"], event["object"]

    async def follow_log(
        self, namespace: str, pod: str, container: str, since: int | None
    ) -> AsyncGenerator[bytes, None]:
        """Yield the lines of a container's output until it ends.

        Args:
            namespace: The pod's namespace.
            pod: The pod.
            container: Its container.
            since: How many seconds back to begin; from its start if None.
        """
        query = {"container": container, "follow": "true", "sinceSeconds": since}
        path, purpose = f"{_path('pods', namespace)}/{pod}/log", f"show the output of the pod {pod!r}"
        async with self._request(_Request("GET", path, purpose, query=query, read_timeout=None)) as response:
            async for line in _iterate_lines(response):
                yield line

    # --- secrets ------------------------------------------------------------------------------------------------------

    async def put_secret(self, namespace: str, name: str, values: dict[str, str]) -> None:
        """Create a secret, or change its values."""
        body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": values}
        try:
            await self._call("POST", _path("secrets", namespace), f"create the secret {name!r}", body=body)
        except ClusterRefusal as error:
            if error.status != CONFLICT:
                raise
            await self._change_secret(namespace, name, {"stringData": values})

    async def own_secret(self, namespace: str, name: str, owner: dict[str, str]) -> None:
        """Make an object the owner of a secret."""
        await self._change_secret(namespace, name, {"metadata": {"ownerReferences": [owner]}})

    async def _change_secret(self, namespace: str, name: str, body: dict[str, Any]) -> None:
        path = f"{_path('secrets', namespace)}/{name}"
        await self._call("PATCH", path, f"change the secret {name!r}", body=body)


def _drop(response: Any) -> None:
    """End a response, also one that has more to come: its connection is not closed politely, which takes a while."""
    connection = response.connection
    if connection is not None and connection.transport is not None:
        connection.transport.abort()
    response.close()


async def _iterate_lines(response: Any) -> AsyncIterator[bytes]:
    """Yield the lines of a body, however long they are."""
    rest = b""
    async for part in response.content.iter_any():
        *lines, rest = (rest + part).split(b"\n")
        for line in lines:
            yield line + b"\n"
    if rest:
        yield rest


def _path(kind: str, namespace: str) -> str:
    return _jobs(namespace) if kind == "jobs" else f"/api/v1/namespaces/{namespace}/{kind}"


def _jobs(namespace: str) -> str:
    return f"/apis/batch/v1/namespaces/{namespace}/jobs"
