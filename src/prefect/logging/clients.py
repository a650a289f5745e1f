"""Public import path of the log subscribers, which live in `prefect.client`, a package above this one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect._lazy import exports

if TYPE_CHECKING:
    from prefect.client._logs import SEEN_LOGS_SIZE as SEEN_LOGS_SIZE
    from prefect.client._logs import SEEN_LOGS_TTL as SEEN_LOGS_TTL
    from prefect.client._logs import PrefectCloudLogsSubscriber as PrefectCloudLogsSubscriber
    from prefect.client._logs import PrefectLogsSubscriber as PrefectLogsSubscriber
    from prefect.client._logs import get_logs_subscriber as get_logs_subscriber
    from prefect.client._logs import logs_out_socket_from_api_url as logs_out_socket_from_api_url
    from prefect.client._websockets import http_to_ws as http_to_ws


_EXPORTS = {
    "prefect.client._logs": (
        "PrefectCloudLogsSubscriber PrefectLogsSubscriber SEEN_LOGS_SIZE SEEN_LOGS_TTL get_logs_subscriber "
        "logs_out_socket_from_api_url"
    ),
    "prefect.client._websockets": "http_to_ws",
}

__getattr__, __dir__ = exports(__name__, _EXPORTS)
