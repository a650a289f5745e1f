"""What the server counts of itself, for Prometheus."""

from __future__ import annotations

from collections.abc import Mapping

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
    "prefect_server_loop_lag_seconds", "How much later than due a loop began its last round.", ("loop",),
    registry=REGISTRY,
)  # fmt: skip
loop_rounds = Counter("prefect_server_loop_rounds", "Rounds of a loop.", ("loop", "outcome"), registry=REGISTRY)
queue_depth = Gauge("prefect_server_queue_depth", "Items that wait in a queue.", ("queue",), registry=REGISTRY)


def observe_request(scope: Scope, status: int, seconds: float) -> None:
    """Count a request; by its route, of which there are few, not by its path."""
    route = getattr(scope.get("route"), "path", "unmatched")
    requests.labels(scope["method"], route, str(status)).inc()
    latency.labels(scope["method"], route).observe(seconds)


def observe_round(loop: str, late: float, succeeded: bool) -> None:
    """Count a round of a loop."""
    loop_rounds.labels(loop, "succeeded" if succeeded else "failed").inc()
    loop_lag.labels(loop).set(max(late, 0.0))


def render(depths: Mapping[str, int]) -> bytes:
    """All of it, in the format of Prometheus.

    Args:
        depths: How many items wait in each queue now.
    """
    for queue, depth in depths.items():
        queue_depth.labels(queue).set(depth)
    return generate_latest(REGISTRY)
