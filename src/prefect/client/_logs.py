"""Following logs as a server gets them. The public path is `prefect.logging.clients`."""

from __future__ import annotations

from typing import Any

from prefect.client._websockets import RecentIds, Stream, get_token, http_to_ws, resolve_api_url
from prefect.client.base import ServerType, determine_server_type
from prefect.schemas.filters import LogFilter
from prefect.schemas.records import Log

SEEN_LOGS_SIZE = 500_000
SEEN_LOGS_TTL = 120


def logs_out_socket_from_api_url(url: str) -> str:
    """Return the address of the websocket that streams logs."""
    return f"{http_to_ws(url)}/logs/out"


class PrefectLogsSubscriber(Stream[Log]):
    """The logs that a server gets from now on and that satisfy a filter: iterate over it in an `async with` block.

    Args:
        api_url: The API's address; of the current settings if None.
        filter: What the logs must satisfy; all if None.
        reconnection_attempts: How often a lost connection is tried to be opened again.
        reconnect_on_clean_close: Whether to connect again also when the server ends the stream, rather than stop.
    """

    _key_first = False

    def __init__(
        self,
        api_url: str | None = None,
        filter: LogFilter | None = None,
        reconnection_attempts: int = 10,
        reconnect_on_clean_close: bool = False,
    ) -> None:
        url = logs_out_socket_from_api_url(resolve_api_url(api_url))
        super().__init__(url, get_token(self._key_first), reconnection_attempts, reconnect_on_clean_close)
        self._filter = filter or LogFilter()
        self._seen = RecentIds(SEEN_LOGS_SIZE, SEEN_LOGS_TTL)

    def _request(self) -> Any:
        return {"type": "filter", "filter": self._filter}

    def _read(self, message: Any) -> Log | None:
        if message.get("type") != "log":
            return None
        log = Log.model_validate(message["log"])
        return log if self._seen.add(log.id) else None


class PrefectCloudLogsSubscriber(PrefectLogsSubscriber):
    """The logs that Prefect Cloud gets; other arguments as for `PrefectLogsSubscriber`.

    Args:
        api_key: The API key; of the current settings if None.
    """

    _key_first = True

    def __init__(
        self,
        api_url: str | None = None,
        api_key: str | None = None,
        filter: LogFilter | None = None,
        reconnection_attempts: int = 10,
        reconnect_on_clean_close: bool = False,
    ) -> None:
        super().__init__(api_url, filter, reconnection_attempts, reconnect_on_clean_close)
        self._token = api_key or self._token


def get_logs_subscriber(
    filter: LogFilter | None = None, reconnection_attempts: int = 10, reconnect_on_clean_close: bool = False
) -> PrefectLogsSubscriber:
    """Return a subscriber to the logs of the API of the current settings.

    Args: as for `PrefectLogsSubscriber`.

    Raises:
        ValueError: The settings name no server.
    """
    kind = PrefectCloudLogsSubscriber if determine_server_type() is ServerType.CLOUD else PrefectLogsSubscriber
    return kind(
        filter=filter,
        reconnection_attempts=reconnection_attempts,
        reconnect_on_clean_close=reconnect_on_clean_close,
    )
