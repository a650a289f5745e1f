"""Rows of automations: from an event to the webhook that it causes, on this package's and on the original's server."""

from __future__ import annotations

import http.server
import json
import statistics
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from benchmarks.measure import MILLISECONDS, Series
from benchmarks.rows import Budget, Figure, Plan, Row
from benchmarks.server_rows import Store, Up, baseline, pluperfect
from prefect.types import now

EVENTS = 100
"""Events that are sent, one after the other."""

PAUSE_SECONDS = 0.02

READING_SECONDS = 6.0
"""In which the original's server takes notice of a new automation."""


class _Endpoint:
    """A webhook on loopback, and when each of its payloads arrived."""

    def __init__(self) -> None:
        self.arrived: dict[str, float] = {}
        self.changed = threading.Condition()
        self.port = 0

    def wait(self, payload: str) -> float:
        with self.changed:
            if not self.changed.wait_for(lambda: payload in self.arrived, 30):
                raise RuntimeError("a webhook was not called within 30 seconds")
            return self.arrived[payload]


@contextmanager
def _endpoint() -> Iterator[_Endpoint]:
    endpoint = _Endpoint()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"  # as endpoints of services: a connection may be kept

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            with endpoint.changed:
                endpoint.arrived.setdefault(body, time.perf_counter())
                endpoint.changed.notify_all()
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    endpoint.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield endpoint
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def reactions(plan: Plan) -> list[Row]:
    """Measure the time from an event's request to the arrival of its webhook's call."""
    found: dict[str, list[float]] = {}
    for name, serve in (("pluperfect", pluperfect), *((("baseline", baseline),) if plan.baseline else ())):
        home = plan.scratch / f"{name}-reactions-{time.monotonic_ns()}"
        with serve(home, Store("SQLite")) as up, _endpoint() as endpoint:
            found[name] = _measure(up, endpoint)
    rows: list[Row] = []
    for text, pick, limit in (("p50", statistics.median, 60.0), ("p95", _p95, 120.0)):
        mine, other = pick(found["pluperfect"]), pick(found["baseline"]) if "baseline" in found else None
        budgets = [Budget(f"at most {limit:g} ms", mine * 1e3, limit)]
        if other is not None:
            budgets.append(Budget("at least 5 x better than the original", other / mine, 5, at_least=True))
        baseline_figure = None if other is None else Figure(Series((other,)))
        name = f"automation: event to webhook, {text}"
        rows.append(Row(name, MILLISECONDS, Figure(Series((mine,))), baseline_figure, None, tuple(budgets)))
    return rows


def _p95(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.95)]


def _measure(up: Up, endpoint: _Endpoint) -> list[float]:
    block_type = _request(up, "GET", "/block_types/slug/webhook")
    (schema, *_) = _request(
        up, "POST", "/block_schemas/filter", {"block_schemas": {"block_type_id": {"any_": [block_type["id"]]}}}
    )
    data = {"url": f"http://127.0.0.1:{endpoint.port}/", "method": "POST", "allow_private_urls": True}
    document = {"name": "hook", "block_type_id": block_type["id"], "block_schema_id": schema["id"], "data": data}
    block = _request(up, "POST", "/block_documents/", document)
    call = {"type": "call-webhook", "block_document_id": block["id"], "payload": "{{ event.id }}"}
    trigger = {"type": "event", "posture": "Reactive", "expect": ["paid"], "threshold": 1, "within": 0}
    _request(up, "POST", "/automations/", {"name": "watch", "trigger": trigger, "actions": [call]})
    time.sleep(READING_SECONDS)
    durations: list[float] = []
    for _ in range(EVENTS):
        event: dict[str, Any] = {"id": str(uuid4()), "occurred": now().isoformat(), "event": "paid"}
        begun = time.perf_counter()
        _request(up, "POST", "/events", [{**event, "resource": {"prefect.resource.id": "shop.1"}}])
        durations.append(endpoint.wait(event["id"]) - begun)
        time.sleep(PAUSE_SECONDS)
    return durations


def _request(up: Up, method: str, path: str, body: Any = None) -> Any:
    request = urllib.request.Request(
        f"{up.url}{path}", None if body is None else json.dumps(body).encode(), {"content-type": "application/json"}
    )
    request.method = method
    with urllib.request.urlopen(request, timeout=30) as response:
        text = response.read()
    return json.loads(text) if text else None


def all_rows(plan: Plan, only: str = "") -> list[Row]:
    """Measure the rows of automations, if their name contains `only`."""
    if only not in "reactions":
        return []
    plan.report_progress("reactions")
    return reactions(plan)
