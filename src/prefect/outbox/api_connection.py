"""The line to a server: operations of its API, and what became of one that did not get through."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from prefect._io import blocking, drive
from prefect._lazy import lazy
from prefect.exceptions import PrefectException
from prefect.settings.context import SettingsContext

if TYPE_CHECKING:
    import httpx

    from prefect.client import transport
    from prefect.client.transport import Transport
    from prefect.settings import Settings
    from prefect.settings.models.root import SettingKey
else:
    httpx = lazy("httpx")
    transport = lazy("prefect.client.transport")

BUSY_STATUSES = frozenset({408, 425, 429})
"""Statuses with which a server says that it is not the time."""
UNAUTHORIZED_STATUSES = frozenset({401, 403, 407})
"""Statuses with which it says that the caller is not known to it: what is sent may be good."""
MISSING_ROUTE_STATUSES = frozenset({404, 405})
SHIP_TIMEOUT_SECONDS = 10.0
"""Seconds that the server has to take what is shipped: a process that ends must not wait longer for it."""
NDJSON_HEADERS = {"content-type": "application/x-ndjson"}
_JOURNAL_OPERATION: tuple[Any, ...] = ("POST", "/journal", {}, None)


class ApiMissingError(PrefectException):
    """What answers at the server's address does not have the operations that it had: nothing sent there is refused."""


class ApiConnection:
    """The line to one server, which the threads of a process share.

    Args:
        settings: Who calls, and how patiently.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._transports: dict[int | None, Transport] = {}
        self._making = threading.Lock()
        self._reads_journals: bool | None = None

    @property
    def settings(self) -> Settings:
        """The settings of who calls."""
        return self._settings

    @property
    def url(self) -> str:
        """Where the API is, for people."""
        return str(self._settings.api.url)

    async def call(
        self, method: str, route: str, body: Any = None, /, *, retries: int | None = None, **params: Any
    ) -> Any:
        """Carry out an operation and return its answer.

        Args:
            method: The HTTP method.
            route: The path as the API declares it.
            body: The body's values.
            retries: How often it is sent again when the server is away; as the settings say if None.
            params: The parameters of its path and its query.
        """
        return _parse_body(await self._request(retries, method, route, params, body))

    async def call_once(self, method: str, route: str, body: Any = None, /, **params: Any) -> Any:
        """As `call`, once and within `SHIPPING_TIMEOUT`: whoever ships knows when to try again."""
        return await self._request_once((method, route, params, body))

    async def send_records(self, lines: bytes) -> Any:
        """Send records as they are to a server that reads journals."""
        return await self._request_once(_JOURNAL_OPERATION, content=lines, headers=NDJSON_HEADERS)

    async def _request_once(self, operation: tuple[Any, ...], **options: Any) -> Any:
        try:
            return _parse_body(await self._request(0, *operation, timeout=SHIP_TIMEOUT_SECONDS, **options))
        except Exception as error:
            if get_status(error) in MISSING_ROUTE_STATUSES and "{" not in operation[1]:
                raise ApiMissingError(
                    f"{self.url} has no {operation[1]!r}: something else answers there now."
                ) from error
            raise

    def forget_capabilities(self) -> None:
        """Who answers may have changed."""
        self._reads_journals = None

    async def accepts_journals(self) -> bool:
        """Whether the server takes records as they are. Any of its answers says so."""
        if self._reads_journals is None:
            await self.call_once("GET", "/version")
        return bool(self._reads_journals)

    async def _request(self, retries: int | None, *operation: Any, **options: Any) -> httpx.Response:
        # The clients of event loops end with their loops, and the one for sync code is kept for the whole process: one
        # connection serves all.
        response = await blocking(self._send, retries, *operation, **options)
        self._reads_journals = "prefect-journal" in response.headers
        return response

    def _send(self, retries: int | None, *operation: Any, **options: Any) -> httpx.Response:
        return drive(self._transport(retries).request(*operation, **options))

    def _transport(self, retries: int | None) -> Transport:
        """What carries operations there; how often it asks again is settled when it is made."""
        with self._making:
            if retries not in self._transports:
                patience: dict[SettingKey, Any] = {} if retries is None else {"client.max_retries": retries}
                self._transports[retries] = _transport(self._settings.copy_with_update(patience))
            return self._transports[retries]


def _transport(settings: Settings) -> Transport:
    api = settings.api
    with SettingsContext(settings=settings):
        return transport.HttpTransport(
            str(api.url),
            auth_string=api.auth_string.get_secret_value() if api.auth_string else None,
            api_key=api.key.get_secret_value() if api.key else None,
        )


def _parse_body(response: httpx.Response) -> Any:
    return response.json() if response.content else None


def get_status(error: BaseException) -> int | None:
    """The HTTP status that an error tells of; None when there was no answer."""
    told = getattr(error, "http_exc", error)
    return getattr(getattr(told, "response", None), "status_code", None)


def is_unavailable(error: BaseException) -> bool:
    """Whether the error means that the server cannot be reached, or cannot answer now."""
    if isinstance(error, ApiMissingError):
        return True
    status = get_status(error)
    if status is None:
        return isinstance(error, (httpx.TransportError, OSError))
    return status >= 500 or status in BUSY_STATUSES


def is_refusal(error: BaseException) -> bool:
    """Whether the error means that the server has looked at what was sent, and will never take it."""
    status = get_status(error)
    return status is not None and 400 <= status < 500 and status not in BUSY_STATUSES | UNAUTHORIZED_STATUSES


def describe_error(error: BaseException) -> str:
    """What is wrong, in a line."""
    status = get_status(error)
    response = getattr(getattr(error, "http_exc", error), "response", None)
    if status is not None and response is not None:
        return f"{status}: {response.text[:500]}"
    return str(error) or type(error).__name__
