"""Rows of automations: from an event to the webhook that it causes, on this package's and on the original's server."""

from __future__ import annotations

import http.client
import json
import socketserver
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Self
from urllib.parse import urlsplit
from uuid import uuid4

from benchmarks.measure import MILLISECONDS, Series
from benchmarks.rows import Budget, Figure, Plan, Row
from benchmarks.server_rows import Store, Up, baseline, pluperfect
from prefect.types import now

TURNS = 10
"""How often each server has its turn."""

EVENTS = 10
"""Events that are sent in a turn, one after the other."""

PAUSE_SECONDS = 0.02
"""Between two events."""

TURN_PAUSE_SECONDS = 0.3
"""Between two turns: a server goes on with what it does after the call."""

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

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while line := self.rfile.readline():  # the connection may be kept
                length = 0
                while line.strip():
                    name, _, value = line.partition(b":")
                    length = int(value) if name.lower() == b"content-length" else length
                    line = self.rfile.readline()
                body = self.rfile.read(length).decode()
                with endpoint.changed:
                    endpoint.arrived.setdefault(body, time.perf_counter())
                    endpoint.changed.notify_all()
                self.wfile.write(b"HTTP/1.1 204 No Content\r\n\r\n")

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    endpoint.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield endpoint
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def reactions(plan: Plan) -> list[Row]:
    """Measure the time from an event's request to the arrival of its webhook's call, both servers in turns."""
    servers = (("pluperfect", pluperfect), *((("baseline", baseline),) if plan.baseline else ()))
    with ExitStack() as stack:
        endpoint = stack.enter_context(_endpoint())
        homes = {name: plan.scratch / f"{name}-reactions-{time.monotonic_ns()}" for name, _ in servers}
        emitters = {
            name: stack.enter_context(_Emitter(stack.enter_context(serve(homes[name], Store("SQLite"))), endpoint))
            for name, serve in servers
        }
        for emitter in emitters.values():
            emitter.watch()
        time.sleep(READING_SECONDS)
        found: dict[str, list[float]] = {name: [] for name in emitters}
        for _turn in range(TURNS):
            for name, emitter in emitters.items():
                for _ in range(EVENTS):
                    found[name].append(emitter.emit())
                    time.sleep(PAUSE_SECONDS)
                time.sleep(TURN_PAUSE_SECONDS)
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


class _Emitter:
    """Emits events that cause a webhook, over one connection that it keeps, as clients do.

    Args:
        up: The server.
        endpoint: The webhook.
    """

    def __init__(self, up: Up, endpoint: _Endpoint) -> None:
        self._url = urlsplit(up.url)
        self._endpoint = endpoint
        self._connection = http.client.HTTPConnection(self._url.netloc, timeout=30)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def watch(self) -> None:
        """Create an automation that calls the webhook at each event."""
        block_type = self._request("GET", "/block_types/slug/webhook")
        (schema, *_) = self._request(
            "POST", "/block_schemas/filter", {"block_schemas": {"block_type_id": {"any_": [block_type["id"]]}}}
        )
        data = {"url": f"http://127.0.0.1:{self._endpoint.port}/", "method": "POST", "allow_private_urls": True}
        document = {"name": "hook", "block_type_id": block_type["id"], "block_schema_id": schema["id"], "data": data}
        block = self._request("POST", "/block_documents/", document)
        call = {"type": "call-webhook", "block_document_id": block["id"], "payload": "{{ event.id }}"}
        trigger = {"type": "event", "posture": "Reactive", "expect": ["paid"], "threshold": 1, "within": 0}
        self._request("POST", "/automations/", {"name": "watch", "trigger": trigger, "actions": [call]})
        self._connection.close()  # servers close one that is idle for some seconds

    def emit(self) -> float:
        """Emit an event and return the seconds until its webhook was called."""
        event: dict[str, Any] = {"id": str(uuid4()), "occurred": now().isoformat(), "event": "paid"}
        begun = time.perf_counter()
        self._request("POST", "/events", [{**event, "resource": {"prefect.resource.id": "shop.1"}}])
        return self._endpoint.wait(event["id"]) - begun

    def _request(self, method: str, path: str, body: Any = None) -> Any:
        content = None if body is None else json.dumps(body).encode()
        self._connection.request(method, f"{self._url.path}{path}", content, {"content-type": "application/json"})
        response = self._connection.getresponse()
        text = response.read()
        if response.status >= 400:
            raise RuntimeError(f"{method} {path} answered {response.status}: {text.decode()}")
        return json.loads(text) if text else None


def all_rows(plan: Plan, only: str = "") -> list[Row]:
    """Measure the rows of automations, if their name contains `only`."""
    if only not in "reactions":
        return []
    plan.report_progress("reactions")
    return reactions(plan)
