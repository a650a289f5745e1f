"""The server's metrics, for Prometheus."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from starlette.types import Scope

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)  # memory, CPU, open files

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

requests = Counter("prefect_server_requests", "Requests answered.", ("method", "route", "status"), registry=REGISTRY)
latency = Histogram(
    "prefect_server_request_seconds", "Time from a request to its answer.", ("method", "route"),
    buckets=_BUCKETS, registry=REGISTRY,
)  # fmt: skip
loop_lag = Gauge(
    "prefect_server_loop_lag_seconds", "How late the last round of a loop began.", ("loop",),
    registry=REGISTRY,
)  # fmt: skip
loop_rounds = Counter("prefect_server_loop_rounds", "Rounds of a loop.", ("loop", "outcome"), registry=REGISTRY)
queue_depth = Gauge("prefect_server_queue_depth", "Items waiting in a queue.", ("queue",), registry=REGISTRY)


def observe_request(scope: Scope, status: int, seconds: float) -> None:
    """Count a request by its route, not by its path, of which there may be any number."""
    route = getattr(scope.get("route"), "path", "unmatched")
    counter, histogram = _request_series(scope["method"], route, status)
    counter.inc()
    histogram.observe(seconds)


@lru_cache(maxsize=4096)
def _request_series(method: str, route: str, status: int) -> tuple[Counter, Histogram]:
    return requests.labels(method, route, str(status)), latency.labels(method, route)


def observe_round(loop: str, lag_seconds: float, succeeded: bool) -> None:
    """Count a round of a loop."""
    loop_rounds.labels(loop, "succeeded" if succeeded else "failed").inc()
    loop_lag.labels(loop).set(max(lag_seconds, 0.0))


def render(depths: Mapping[str, int]) -> bytes:
    """Return all metrics in the text format of Prometheus.

    Args:
        depths: The number of waiting items, by queue.
    """
    for queue, depth in depths.items():
        queue_depth.labels(queue).set(depth)
    return generate_latest(REGISTRY)
