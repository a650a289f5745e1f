"""Loops of services that call an API, and the metrics of a client."""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from prefect import _forks
from prefect._backoff import clamped_poisson_interval
from prefect._lazy import lazy_from, lazy_modules

if TYPE_CHECKING:
    import asyncio
    import traceback

    import httpx
    import prometheus_client

    from prefect import settings
    from prefect.logging import loggers
else:
    asyncio, httpx, prometheus_client, traceback = lazy_modules("asyncio", "httpx", "prometheus_client", "traceback")
    loggers, settings = lazy_from("prefect", "logging.loggers", "settings")

__all__ = ["critical_service_loop", "start_client_metrics_server", "stop_client_metrics_server"]

_MAX_BACKOFF_DOUBLINGS = 6

_metrics_server: tuple[Any, Any] | None = None
_starting = _forks.create_lock()


async def critical_service_loop(
    workload: Callable[..., Coroutine[Any, Any, Any]],
    interval: float,
    memory: int = 10,
    consecutive: int = 3,
    backoff: int = 1,
    printer: Callable[..., None] = print,
    run_once: bool = False,
    jitter_range: float | None = None,
) -> None:
    """Call an async function repeatedly, and tolerate an API that is unavailable for a while.

    Errors of the connection and answers of a server in trouble (5xx) are borne; any other error ends the loop.

    Args:
        workload: The function.
        interval: Seconds between two calls.
        memory: How many errors are remembered, to be printed.
        consecutive: After how many failures in a row it backs off.
        backoff: How often the interval is doubled before the loop gives up; 1 gives up the first time.
        printer: Prints what happened.
        run_once: Whether to return after the first call that succeeds or fails.
        jitter_range: How far an interval may differ from `interval`, as a share of it: 0.3 is 30 percent.
    """
    failures, doublings = 0, 0
    recent: list[str] = []
    while True:
        try:
            await workload()
            failures = doublings = 0
        except (httpx.TransportError, httpx.HTTPStatusError) as error:
            if not _is_tolerated(error):
                raise
            failures += 1
            recent = [*recent[1 - memory :], traceback.format_exc()] if memory > 1 else [traceback.format_exc()]
            if failures >= consecutive:
                failures, doublings = 0, doublings + 1
                _print_failures(printer, consecutive, recent)
                if doublings >= backoff:
                    raise RuntimeError("Service exceeded error threshold.") from error
                printer(
                    f"Backing off due to consecutive errors, using increased interval of {interval * 2**doublings}s."
                )
        if run_once:
            return
        pause = interval * 2 ** min(doublings, _MAX_BACKOFF_DOUBLINGS)
        await asyncio.sleep(clamped_poisson_interval(pause, jitter_range) if jitter_range and pause else pause)


def _is_tolerated(error: httpx.TransportError | httpx.HTTPStatusError) -> bool:
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code >= 500
    return True


def _print_failures(printer: Callable[..., None], count: int, recent: list[str]) -> None:
    printer(f"\nFailed the last {count} attempts. Please check your environment and configuration.")
    printer("Examples of recent errors:\n")
    for text in list(dict.fromkeys(reversed(recent))):
        printer(text)


def start_client_metrics_server() -> None:
    """Serve the metrics of this process, once, if `PREFECT_CLIENT_METRICS_ENABLED` is set. Log a port in use."""
    global _metrics_server
    metrics = settings.get_current_settings().client.metrics
    if not metrics.enabled:
        return
    with _starting:
        if _metrics_server is not None:
            return
        try:
            _metrics_server = prometheus_client.start_http_server(metrics.port)
        except OSError as error:
            loggers.get_logger("metrics").warning(
                "Metrics are not served on port %s: %s. Set PREFECT_CLIENT_METRICS_PORT to a free one.",
                metrics.port,
                error.strerror or error,
            )


def stop_client_metrics_server() -> None:
    """Stop serving the metrics of this process."""
    global _metrics_server
    with _starting:
        running, _metrics_server = _metrics_server, None
    if running is None or sys.is_finalizing():
        return
    server, thread = running
    server.shutdown()
    server.server_close()
    thread.join()
