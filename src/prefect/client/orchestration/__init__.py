"""The client: what programs use to look at runs and to change them, async and sync alike.

Every operation is one `async def` in one of the parts; `SyncPrefectClient` has the same methods, driven. Operations go
through a transport: without an API URL to the local store in this process, which applies the journal first, so that a
program sees what it has just recorded.
"""

from __future__ import annotations

import logging
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, NoReturn, Self, overload

from prefect._io import running_loop
from prefect._lazy import exports, lazy
from prefect.client.constants import SERVER_API_VERSION
from prefect.client.orchestration.artifacts import ArtifactAsyncClient
from prefect.client.orchestration.base import LATER, Endpoints, driven, not_yet
from prefect.client.orchestration.flow_runs import FlowRunAsyncClient
from prefect.client.orchestration.flows import FlowAsyncClient
from prefect.client.orchestration.logs import LogAsyncClient
from prefect.client.orchestration.task_runs import TaskRunAsyncClient
from prefect.client.transport import LocalTransport, Transport

if TYPE_CHECKING:
    import asyncio

    import httpx

    import prefect
    from prefect import settings
    from prefect.client import base
    from prefect.client.base import ServerType
else:
    base = lazy("prefect.client.base")
    httpx = lazy("httpx")
    prefect = lazy("prefect")
    settings = lazy("prefect.settings")

__all__ = ["PrefectClient", "SyncPrefectClient", "get_client"]

_IMPORTABLE = {
    "prefect.client.base": ("ServerType",),
    "prefect.schemas.filters": (
        *("DeploymentFilter", "FlowFilter", "FlowRunFilter", "TaskRunFilter", "WorkQueueFilter"),
        "WorkQueueFilterName",
    ),
    "prefect.schemas.runs": ("Constant", "FlowRun", "FlowRunResult", "Parameter", "TaskRun", "TaskRunResult"),
    "prefect.schemas.responses": ("OrchestrationResult",),
    "prefect.schemas.sorting": ("TaskRunSort",),
}
"""Names of other rooms that programs import from here."""

__getattr__, __dir__ = exports(
    __name__, {name: f"{module}:{name}" for module, names in _IMPORTABLE.items() for name in names}
)


class _Session(Endpoints):
    """What both clients have besides operations."""

    def __init__(
        self,
        api: str | Transport,
        *,
        auth_string: str | None = None,
        api_key: str | None = None,
        api_version: str | None = None,
        httpx_settings: dict[str, Any] | None = None,
        server_type: ServerType | None = None,
    ) -> None:
        """Make a client; `get_client` makes one of the current settings.

        Args:
            api: What carries operations to the API. The URL of a server cannot be given yet.
            auth_string: What a server asks for: `"user:password"`.
            api_key: What Prefect Cloud asks for.
            api_version: The version of the REST API to ask for.
            httpx_settings: Settings for the HTTP client.
            server_type: What answers; only the local store does yet.

        Raises:
            NotImplementedError: A URL was given.
        """
        if isinstance(api, str):
            raise NotImplementedError(f"A client of the server at {api!r} is not built yet (issue 3).")
        self._transport = api
        self.logger = logging.getLogger("prefect.client")
        self.manage_lifespan = True
        self._server_type = server_type

    @property
    def server_type(self) -> ServerType:
        """What answers: `EPHEMERAL` for the local store."""
        return self._server_type or base.ServerType.EPHEMERAL

    @property
    def api_url(self) -> httpx.URL:
        """Where the API is. Without a server this stands for the local store and cannot be connected to."""
        return httpx.URL(self._transport.url)

    def client_version(self) -> str:
        """The version of this package."""
        return prefect.__version__

    def __getattr__(self, name: str) -> Any:
        if name in LATER:
            return not_yet(name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *LATER})


class _AdminAsyncClient(Endpoints):
    """Operations on the API itself."""

    async def api_healthcheck(self) -> Exception | None:
        """Why the API cannot be used, or None when it can."""
        try:
            await self._call("POST", "/flows/count")
        except Exception as error:  # whatever it is, it is the answer
            return error
        return None

    async def api_version(self) -> str:
        """The version of the REST API."""
        return SERVER_API_VERSION

    async def hello(self) -> httpx.Response:
        """A greeting, which shows that the API answers."""
        await self._call("POST", "/flows/count")
        return httpx.Response(200, json="👋")

    async def raise_for_api_version_mismatch(self) -> None:
        """Raise if the API cannot be used by this client; the local one always can."""

    async def raise_for_api_version_mismatch_once(self) -> None:
        """As `raise_for_api_version_mismatch`, asking only the first time."""


class PrefectClient(
    _Session,
    _AdminAsyncClient,
    ArtifactAsyncClient,
    FlowAsyncClient,
    FlowRunAsyncClient,
    LogAsyncClient,
    TaskRunAsyncClient,
):
    """The client for async code. Made by `get_client()`, and used in an `async with` block or without one."""

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        """The event loop the client was entered in."""
        return self._loop

    _loop: asyncio.AbstractEventLoop | None = None

    async def __aenter__(self) -> Self:
        self._loop = running_loop()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def __enter__(self) -> NoReturn:
        raise RuntimeError(
            "This client is for async code: write `async with get_client() as client`, or in sync code "
            "`with get_client(sync_client=True) as client`."
        )

    def __exit__(self, *_: object) -> NoReturn:
        raise RuntimeError("This client is for async code.")


class SyncPrefectClient(_Session):
    """The client for sync code. Made by `get_client(sync_client=True)`, and used in a `with` block or without one."""

    def __init__(self, api: str | Transport, **options: Any) -> None:
        super().__init__(api, **options)
        self._operations = PrefectClient(api, **options)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    api_healthcheck = driven(_AdminAsyncClient.api_healthcheck)
    api_version = driven(_AdminAsyncClient.api_version)
    hello = driven(_AdminAsyncClient.hello)
    raise_for_api_version_mismatch = driven(_AdminAsyncClient.raise_for_api_version_mismatch)
    raise_for_api_version_mismatch_once = driven(_AdminAsyncClient.raise_for_api_version_mismatch_once)

    create_artifact = driven(ArtifactAsyncClient.create_artifact)
    delete_artifact = driven(ArtifactAsyncClient.delete_artifact)
    read_artifacts = driven(ArtifactAsyncClient.read_artifacts)
    read_latest_artifacts = driven(ArtifactAsyncClient.read_latest_artifacts)
    update_artifact = driven(ArtifactAsyncClient.update_artifact)

    create_flow = driven(FlowAsyncClient.create_flow)
    create_flow_from_name = driven(FlowAsyncClient.create_flow_from_name)
    delete_flow = driven(FlowAsyncClient.delete_flow)
    read_flow = driven(FlowAsyncClient.read_flow)
    read_flow_by_name = driven(FlowAsyncClient.read_flow_by_name)
    read_flows = driven(FlowAsyncClient.read_flows)

    count_flow_runs = driven(FlowRunAsyncClient.count_flow_runs)
    create_flow_run = driven(FlowRunAsyncClient.create_flow_run)
    delete_flow_run = driven(FlowRunAsyncClient.delete_flow_run)
    read_flow_run = driven(FlowRunAsyncClient.read_flow_run)
    read_flow_run_state = driven(FlowRunAsyncClient.read_flow_run_state)
    read_flow_run_states = driven(FlowRunAsyncClient.read_flow_run_states)
    read_flow_runs = driven(FlowRunAsyncClient.read_flow_runs)
    set_flow_run_name = driven(FlowRunAsyncClient.set_flow_run_name)
    set_flow_run_state = driven(FlowRunAsyncClient.set_flow_run_state)
    update_flow_run = driven(FlowRunAsyncClient.update_flow_run)
    update_flow_run_labels = driven(FlowRunAsyncClient.update_flow_run_labels)

    create_logs = driven(LogAsyncClient.create_logs)
    read_logs = driven(LogAsyncClient.read_logs)

    create_task_run = driven(TaskRunAsyncClient.create_task_run)
    delete_task_run = driven(TaskRunAsyncClient.delete_task_run)
    read_task_run = driven(TaskRunAsyncClient.read_task_run)
    read_task_run_states = driven(TaskRunAsyncClient.read_task_run_states)
    read_task_runs = driven(TaskRunAsyncClient.read_task_runs)
    set_task_run_name = driven(TaskRunAsyncClient.set_task_run_name)
    set_task_run_state = driven(TaskRunAsyncClient.set_task_run_state)


@overload
def get_client(httpx_settings: dict[str, Any] | None = None, sync_client: Literal[False] = False) -> PrefectClient: ...
@overload
def get_client(httpx_settings: dict[str, Any] | None = None, *, sync_client: Literal[True]) -> SyncPrefectClient: ...
def get_client(
    httpx_settings: dict[str, Any] | None = None, sync_client: bool = False
) -> SyncPrefectClient | PrefectClient:
    """A client for the API of the current settings: the local store of `PREFECT_HOME` when no API URL is set.

    Args:
        httpx_settings: Settings for the HTTP client; they mean nothing without a server.
        sync_client: Return the client for sync code.

    Raises:
        NotImplementedError: `PREFECT_API_URL` is set; clients of a server are not built yet.
    """
    current = settings.get_current_settings()
    if current.api.url:
        raise NotImplementedError(
            f"PREFECT_API_URL is set to {str(current.api.url)!r}, and a client of a server is not built yet (issue 3): "
            "unset it to use the local store."
        )
    transport = LocalTransport(current.home)
    return SyncPrefectClient(transport) if sync_client else PrefectClient(transport)
