"""Public path of periodic calls of an API; see `prefect.coroutines.service_loops`."""

from __future__ import annotations

from prefect.coroutines.service_loops import (
    critical_service_loop,
    start_client_metrics_server,
    stop_client_metrics_server,
)

__all__ = [
    "critical_service_loop",
    "start_client_metrics_server",
    "stop_client_metrics_server",
]
