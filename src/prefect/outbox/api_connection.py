"""The connection of a process to one server's API, as the outbox and the engine use it.

It adds to the client's transport only what shipping needs: calls that are tried once within a timeout, and whether the
server accepts journal records as they are. What a failed call means is decided by `prefect.client.failures`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect import _forks
from prefect._io import blocking, drive
from prefect._lazy import lazy
from prefect.client import failures
from prefect.exceptions import PrefectException

if TYPE_CHECKING:
    import httpx

    from prefect.client import transport
    from prefect.client.transport import Transport
    from prefect.settings import Settings
else:
    transport = lazy("prefect.client.transport")

SHIP_TIMEOUT_SECONDS = 10.0
"""How long the server may take to accept a batch: a process that ends must not wait longer for it."""
NDJSON_HEADERS = {"content-type": "application/x-ndjson"}
JOURNAL_HEADER = "prefect-journal"
"""The response header of a server that accepts journal records."""


class ApiMissingError(PrefectException):
    """Another program answers at the server's address: its "not found" refuses nothing that is sent."""


class ApiConnection:
    """The connection to one server, shared by the threads of a process.

    Args:
        settings: The settings with the API's URL, credentials and retries.

    Attributes:
        ship_timeout: How many seconds the server may take to answer a call that is tried once.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.ship_timeout = SHIP_TIMEOUT_SECONDS
        self._transport: Transport | None = None
        self._connecting = _forks.create_lock()
        self._accepts_journals: bool | None = None

    @property
    def url(self) -> str:
        """The address of the API."""
        return str(self.settings.api.url)

    async def call(
        self, method: str, route: str, body: Any = None, /, *, max_retries: int | None = None, **params: Any
    ) -> Any:
        """Call an operation and return its answer.

        Args:
            method: The HTTP method.
            route: The path as the API declares it.
            body: The values of the body.
            max_retries: How often the request is repeated; the setting `client.max_retries` if None.
            params: The parameters of the path and the query.
        """
        return _parse(await self._request(method, route, params, body, max_retries=max_retries))

    async def call_once(self, method: str, route: str, body: Any = None, /, **params: Any) -> Any:
        """Call like `call`, without retries and within `ship_timeout`: the caller decides when to try again.

        Raises:
            ApiMissingError: The server does not have this operation of every API.
        """
        return await self._request_once(method, route, params, body)

    async def send_records(self, lines: bytes) -> Any:
        """Send journal records, one JSON object a line, to a server that accepts them."""
        return await self._request_once("POST", "/journal", {}, None, content=lines, headers=NDJSON_HEADERS)

    async def accepts_journals(self) -> bool:
        """Return whether the server accepts journal records as they are, which a header of its responses shows."""
        if self._accepts_journals is None:
            await self.call_once("GET", "/version")
        return bool(self._accepts_journals)

    def forget_capabilities(self) -> None:
        """Forget whether the server accepts journal records: another one may answer now."""
        self._accepts_journals = None

    async def _request_once(self, method: str, route: str, params: dict[str, Any], body: Any, **options: Any) -> Any:
        try:
            return _parse(
                await self._request(method, route, params, body, max_retries=0, timeout=self.ship_timeout, **options)
            )
        except Exception as error:
            if failures.get_status(error) in failures.MISSING_ROUTE_STATUSES and "{" not in route:
                raise ApiMissingError(f"{self.url} has no {route!r}: is another program running there?") from error
            raise

    async def _request(self, *operation: Any, **options: Any) -> httpx.Response:
        # HTTP clients of event loops end with their loops. The sync one lives as long as the process, in any thread.
        response = await blocking(self._send, *operation, **options)
        self._accepts_journals = JOURNAL_HEADER in response.headers
        return response

    def _send(self, *operation: Any, **options: Any) -> httpx.Response:
        with self._connecting:
            if self._transport is None:
                self._transport = transport.create_transport(self.settings)
        return drive(self._transport.request(*operation, **options))


def _parse(response: httpx.Response) -> Any:
    return response.json() if response.content else None


def is_unavailable(error: BaseException) -> bool:
    """Return whether the server cannot be reached or cannot answer now."""
    return isinstance(error, ApiMissingError) or failures.is_unavailable(error)
