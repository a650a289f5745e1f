"""The client: what programs use to read runs and to change them, async and sync alike.

Every operation is one `async def` in one of the parts; `SyncPrefectClient` has the same methods, driven. Operations go
through a transport: with the URL of a server over HTTP, without one to the local store in this process, which applies
the journal first, so that a program sees what it has just recorded.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, NoReturn, Self, overload

from prefect._io import drive, running_loop
from prefect._lazy import exports, lazy, lazy_from, lazy_modules
from prefect.client.orchestration.admin import AdminAsyncClient, AdminClient
from prefect.client.orchestration.artifacts import (
    ArtifactAsyncClient,
    ArtifactClient,
    ArtifactCollectionAsyncClient,
    ArtifactCollectionClient,
)
from prefect.client.orchestration.automations import AutomationAsyncClient, AutomationClient, SlaAsyncClient, SlaClient
from prefect.client.orchestration.base import wait_for_own_records
from prefect.client.orchestration.blocks import (
    BlocksDocumentAsyncClient,
    BlocksDocumentClient,
    BlocksSchemaAsyncClient,
    BlocksSchemaClient,
    BlocksTypeAsyncClient,
    BlocksTypeClient,
)
from prefect.client.orchestration.concurrency_limits import ConcurrencyLimitAsyncClient, ConcurrencyLimitClient
from prefect.client.orchestration.deployments import DeploymentAsyncClient, DeploymentClient
from prefect.client.orchestration.events import EventAsyncClient, EventClient
from prefect.client.orchestration.flow_runs import FlowRunAsyncClient, FlowRunClient
from prefect.client.orchestration.flows import FlowAsyncClient, FlowClient
from prefect.client.orchestration.logs import LogAsyncClient, LogClient
from prefect.client.orchestration.task_runs import TaskRunAsyncClient, TaskRunClient
from prefect.client.orchestration.variables import VariableAsyncClient, VariableClient
from prefect.client.orchestration.work_pools import WorkPoolAsyncClient, WorkPoolClient
from prefect.client.orchestration.work_queues import WorkQueueAsyncClient, WorkQueueClient
from prefect.client.transport import HttpTransport, Transport, create_transport

if TYPE_CHECKING:
    import asyncio

    import httpx

    import prefect
    from prefect import settings
    from prefect.client import _http_factory, base
    from prefect.client.base import ASGIApp as ASGIApp
    from prefect.client.base import PrefectHttpxAsyncClient as PrefectHttpxAsyncClient
    from prefect.client.base import PrefectHttpxSyncClient as PrefectHttpxSyncClient
    from prefect.client.base import ServerType
    from prefect.client.base import app_lifespan_context as app_lifespan_context
    from prefect.schemas.account import ServerDefaultResultStorage as ServerDefaultResultStorage
    from prefect.schemas.account import ServerDefaultResultStorageUpdate as ServerDefaultResultStorageUpdate
    from prefect.schemas.actions import TaskRunCreate as TaskRunCreate
    from prefect.schemas.actions import TaskRunUpdate as TaskRunUpdate
    from prefect.schemas.actions import WorkQueueCreate as WorkQueueCreate
    from prefect.schemas.actions import WorkQueueUpdate as WorkQueueUpdate
    from prefect.schemas.filters import DeploymentFilter as DeploymentFilter
    from prefect.schemas.filters import FlowFilter as FlowFilter
    from prefect.schemas.filters import FlowRunFilter as FlowRunFilter
    from prefect.schemas.filters import TaskRunFilter as TaskRunFilter
    from prefect.schemas.filters import WorkQueueFilter as WorkQueueFilter
    from prefect.schemas.filters import WorkQueueFilterName as WorkQueueFilterName
    from prefect.schemas.responses import OrchestrationResult as OrchestrationResult
    from prefect.schemas.runs import Constant as Constant
    from prefect.schemas.runs import FlowRun as FlowRun
    from prefect.schemas.runs import FlowRunResult as FlowRunResult
    from prefect.schemas.runs import Parameter as Parameter
    from prefect.schemas.runs import TaskRun as TaskRun
    from prefect.schemas.runs import TaskRunPolicy as TaskRunPolicy
    from prefect.schemas.runs import TaskRunResult as TaskRunResult
    from prefect.schemas.sorting import TaskRunSort as TaskRunSort
    from prefect.schemas.work import WorkQueue as WorkQueue
    from prefect.schemas.work import WorkQueueStatusDetail as WorkQueueStatusDetail
else:
    _http_factory, base = lazy_from("prefect.client", "_http_factory", "base")
    settings = lazy("prefect.settings")
    httpx, prefect = lazy_modules("httpx", "prefect")

__all__ = ["PrefectClient", "SyncPrefectClient", "get_client"]

# Programs import these from here.
_EXPORTS = {
    "prefect.client.base": "ASGIApp PrefectHttpxAsyncClient PrefectHttpxSyncClient ServerType app_lifespan_context",
    "prefect.schemas.account": "ServerDefaultResultStorage ServerDefaultResultStorageUpdate",
    "prefect.schemas.actions": "TaskRunCreate TaskRunUpdate WorkQueueCreate WorkQueueUpdate",
    "prefect.schemas.filters": (
        "DeploymentFilter FlowFilter FlowRunFilter TaskRunFilter WorkQueueFilter WorkQueueFilterName"
    ),
    "prefect.schemas.responses": "OrchestrationResult",
    "prefect.schemas.run_inputs": "Constant FlowRunResult Parameter TaskRunResult",
    "prefect.schemas.runs": "FlowRun TaskRun TaskRunPolicy",
    "prefect.schemas.sorting": "TaskRunSort",
    "prefect.schemas.work": "WorkQueue WorkQueueStatusDetail",
}

__getattr__, __dir__ = exports(__name__, _EXPORTS)


class ClientBase:
    """Base class of both clients, without the operations."""

    def __init__(
        self,
        api: str | Callable[..., Any] | Transport,
        *,
        auth_string: str | None = None,
        api_key: str | None = None,
        api_version: str | None = None,
        httpx_settings: dict[str, Any] | None = None,
        server_type: ServerType | None = None,
    ) -> None:
        """Make a client; `get_client` makes one of the current settings.

        Args:
            api: The URL of a server's API, ending in `/api`; or an ASGI application, to be called in this process.
            auth_string: The credentials for a server: `"user:password"`.
            api_key: The API key for Prefect Cloud.
            api_version: The version of the REST API to request.
            httpx_settings: Settings for the HTTP client.
            server_type: What answers; found out if None.
        """
        if isinstance(api, str) or callable(api):
            factory = _http_factory.HttpClientFactory(api, auth_string, api_key, api_version, httpx_settings or {})
            api = HttpTransport(factory)
        self._transport: Transport = api
        self.logger = logging.getLogger("prefect.client")
        self.manage_lifespan = True
        self._server_type: ServerType = server_type or base.find_server_type(self._transport.url)

    @property
    def api_url(self) -> httpx.URL:
        """The URL of the API. Without a server it names the local store and cannot be connected to."""
        return httpx.URL(self._transport.url)

    def client_version(self) -> str:
        """Return the version of this package."""
        return prefect.__version__


class PrefectClient(
    ClientBase,
    AdminAsyncClient,
    ArtifactAsyncClient,
    ArtifactCollectionAsyncClient,
    AutomationAsyncClient,
    SlaAsyncClient,
    BlocksDocumentAsyncClient,
    BlocksSchemaAsyncClient,
    BlocksTypeAsyncClient,
    ConcurrencyLimitAsyncClient,
    DeploymentAsyncClient,
    EventAsyncClient,
    FlowRunAsyncClient,
    FlowAsyncClient,
    LogAsyncClient,
    TaskRunAsyncClient,
    VariableAsyncClient,
    WorkPoolAsyncClient,
    WorkQueueAsyncClient,
):
    """The client for async code. Made by `get_client()`, and used in an `async with` block or without one.

    In a block it keeps its connections for further requests. An application passed as `api` is started when the block
    is entered and stopped after it, unless `manage_lifespan` is set to False.
    """

    _loop: asyncio.AbstractEventLoop | None = None
    _lifespan: Any = None

    @property
    def _client(self) -> PrefectHttpxAsyncClient:
        """The httpx client of the API for the running event loop, which many programs use for requests of their own."""
        client = self._transport.clients.get_async()
        client.before_request = wait_for_own_records
        return client

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        """Return the event loop the client was entered in."""
        return self._loop

    async def __aenter__(self) -> Self:
        self._loop = running_loop()
        app = getattr(self._transport, "app", None)
        if app is not None and self.manage_lifespan:
            self._lifespan = base.app_lifespan_context(app)
            await self._lifespan.__aenter__()
        await self._transport.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._transport.close()
        lifespan, self._lifespan = self._lifespan, None
        if lifespan is not None:
            await lifespan.__aexit__(kind, error, trace)

    def __enter__(self) -> NoReturn:
        raise RuntimeError(
            "This client is for async code: write `async with get_client() as client`, or in sync code "
            "`with get_client(sync_client=True) as client`."
        )

    def __exit__(self, *_: object) -> NoReturn:
        raise RuntimeError("This client is for async code.")


class SyncPrefectClient(
    ClientBase,
    AdminClient,
    ArtifactClient,
    ArtifactCollectionClient,
    AutomationClient,
    SlaClient,
    BlocksDocumentClient,
    BlocksSchemaClient,
    BlocksTypeClient,
    ConcurrencyLimitClient,
    DeploymentClient,
    EventClient,
    FlowRunClient,
    FlowClient,
    LogClient,
    TaskRunClient,
    VariableClient,
    WorkPoolClient,
    WorkQueueClient,
):
    """The client for sync code. Made by `get_client(sync_client=True)`, and used in a `with` block or without one.

    Threads may share it. Its connections are closed at the end of the block, else with the client.
    """

    @cached_property
    def _operations(self) -> PrefectClient:  # pyright: ignore[reportIncompatibleVariableOverride]  # made when needed
        return PrefectClient(self._transport, server_type=self._server_type)

    @property
    def _client(self) -> PrefectHttpxSyncClient:
        """Return the httpx client of the API for sync code, which many programs use for requests of their own."""
        client = self._transport.clients.get_sync()
        client.before_request = wait_for_own_records
        return client

    def __enter__(self) -> Self:
        drive(self._transport.open())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        drive(self._transport.close())


@overload
def get_client(httpx_settings: dict[str, Any] | None = None, sync_client: Literal[False] = False) -> PrefectClient: ...
@overload
def get_client(httpx_settings: dict[str, Any] | None = None, *, sync_client: Literal[True]) -> SyncPrefectClient: ...
def get_client(
    httpx_settings: dict[str, Any] | None = None, sync_client: bool = False
) -> SyncPrefectClient | PrefectClient:
    """Return a client for the API of the current settings: the local store of `PREFECT_HOME` when no API URL is set.

    Args:
        httpx_settings: Settings for the HTTP client; they mean nothing without a server.
        sync_client: Return the client for sync code.
    """
    current = settings.get_current_settings()
    kind = SyncPrefectClient if sync_client else PrefectClient
    return kind(create_transport(current, httpx_settings))
