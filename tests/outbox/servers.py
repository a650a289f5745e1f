"""A fake server that can be stopped and restarted, and records its requests."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

from prefect.types import now

Answer = tuple[int, Any]


class FakeServer:
    """The operations that a flow needs. Its data survives a restart.

    Args:
        reads_journals: Whether it accepts batches of journal records.
    """

    def __init__(self, reads_journals: bool = False) -> None:
        self.reads_journals = reads_journals
        self.requests: list[tuple[str, str, Any]] = []
        self.flows: dict[str, str] = {}
        self.flow_runs: dict[str, dict[str, Any]] = {}
        self.by_key: dict[str, str] = {}
        self.records: dict[str, dict[str, Any]] = {}
        self.events: dict[str, dict[str, Any]] = {}
        self.logs: list[dict[str, Any]] = []
        self.artifacts: list[dict[str, Any]] = []
        self.task_runs: dict[str, dict[str, Any]] = {}
        self.orchestrate: Callable[[dict[str, Any], dict[str, Any]], dict[str, Any] | None] = lambda run, state: None
        self.refuse: Callable[[str, Any], Answer | None] = lambda path, body: None
        self.renewed: list[str] = []
        self.recorded: dict[str, dict[str, Any]] = {}
        self.records_events = True
        self.heartbeat_interval = 10.0
        self.deliveries = 0
        self._port = 0
        self._http: ThreadingHTTPServer | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/api"

    def start(self) -> FakeServer:
        handler = type("Handler", (_Handler,), {"fake": self})
        ThreadingHTTPServer.allow_reuse_address = True
        self._http = ThreadingHTTPServer(("127.0.0.1", self._port), handler)
        self._http.daemon_threads = True
        self._port = self._http.server_port
        self._connections: list[Any] = []
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop listening and close open connections."""
        if self._http is None or self._thread is None:
            return
        http, self._http = self._http, None
        http.shutdown()
        http.server_close()
        self._thread.join()
        for connection in self._connections:
            connection.close_now()

    def sent(self, method: str, pattern: str) -> list[Any]:
        """Return the bodies of the requests whose path matches a pattern."""
        return [body for verb, path, body in self.requests if verb == method and re.fullmatch(pattern, path)]

    def state_names(self, run_id: str) -> list[str]:
        return [state["name"] for state in self.flow_runs[run_id]["states"]]

    def task_run_states(self, by: str = "name") -> dict[str, list[str]]:
        """Return the state names that events reported, in order of time, by the name or id of the task run."""
        found: dict[str, list[tuple[str, str]]] = {}
        for event in self.events.values():
            if event["event"].startswith("prefect.task-run."):
                run = event["resource"][f"prefect.resource.{by}"]
                found.setdefault(run, []).append((event["occurred"], event["resource"]["prefect.state-name"]))
        return {run: [name for _, name in sorted(states)] for run, states in found.items()}

    # --- operations ---------------------------------------------------------------------------------------------------

    def answer(self, method: str, path: str, body: Any) -> Answer:
        refused = self.refuse(path, body)
        if refused is not None:
            return refused
        if path == "/version":
            return 200, "3.9.1"
        if path == "/flows/":
            return 201, {"id": self.flows.setdefault(body["name"], str(uuid4())), "name": body["name"]}
        if path == "/flow_runs/":
            return self._create(body)
        if match := re.fullmatch(r"/flow_runs/([^/]+)/set_state", path):
            return self._set_state(self.flow_runs.get(match[1]), body)
        if match := re.fullmatch(r"/flow_runs/([^/]+)", path):
            run = self.flow_runs.get(match[1])
            return (200, run) if run else (404, {"detail": "Flow run not found"})
        if path == "/task_runs/":
            self.task_runs[body["id"]] = body
            return 201, body
        if path == "/task_runs/filter":
            return 200, [self._task_run(id_) for id_ in body["task_runs"]["id"]["any_"] if id_ in self.recorded]
        if path == "/artifacts/":
            self.artifacts.append({**body, "id": str(uuid4())})
            return 201, self.artifacts[-1]
        if path == "/events":
            self.events |= {event["id"]: event for event in body}
            self.deliveries += len(body)
            for event in body:
                if self.records_events:
                    self.recorded[event["resource"]["prefect.resource.id"].split(".")[-1]] = event
            return 204, None
        if path.endswith("/renew"):
            self.renewed.append(path.split("/")[-2])
            return 204, None
        if path == "/logs/":
            self.logs += body
            return 201, None
        if path == "/journal" and self.reads_journals:
            self.deliveries += len(body)
            self.records |= {f"{record['kind']} {record.get('id')}": record for record in body}
            self.events |= {record["id"]: record for record in body if record["kind"] == "event"}
            return 200, {
                "records": len(body),
                "dead_lettered": 0,
                "heartbeat_interval_seconds": self.heartbeat_interval,
            }
        return 404, {"detail": "Not Found"}

    def _task_run(self, id_: str) -> dict[str, Any]:
        return {"id": id_, "state": {"timestamp": self.recorded[id_]["occurred"]}}

    def _create(self, body: dict[str, Any]) -> Answer:
        key = str(body.get("idempotency_key"))
        if key in self.by_key:
            return 200, self.flow_runs[self.by_key[key]]
        id_ = str(uuid4())
        run = {"name": f"run-{len(self.flow_runs)}", "tags": [], **body, "id": id_, "states": []}
        self.by_key[key] = id_
        self.flow_runs[id_] = run
        run["state"] = self._enter(run, body["state"])
        return 201, run

    def _enter(self, run: dict[str, Any], state: dict[str, Any]) -> dict[str, Any]:
        name = state.get("name") or state["type"].capitalize()
        details = state.get("state_details") or {}
        entered = {**state, "name": name, "id": str(uuid4()), "timestamp": now().isoformat(), "state_details": details}
        run["states"].append(entered)
        run["state"] = entered
        return entered

    def _set_state(self, run: dict[str, Any] | None, body: dict[str, Any]) -> Answer:
        if run is None:
            return 404, {"detail": "Flow run not found"}
        decision = None if body["force"] else self.orchestrate(run, body["state"])
        if decision is None:
            state = self._enter(run, body["state"])
            return 201, {"status": "ACCEPT", "state": state, "details": {"type": "accept_details"}}
        if decision["status"] == "REJECT" and decision.get("state"):
            decision = {**decision, "state": self._enter(run, decision["state"])}
        return 200, {"state": run["state"], "details": {}, **decision}


class _Handler(BaseHTTPRequestHandler):
    fake: FakeServer
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        super().setup()
        self.fake._connections.append(self)

    def close_now(self) -> None:
        try:
            self.connection.shutdown(2)
        except OSError:
            pass  # it was closed by its client

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing."""

    def _serve(self) -> None:
        raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        lines = self.headers.get("content-type") == "application/x-ndjson"
        body = [json.loads(line) for line in raw.splitlines()] if lines else json.loads(raw) if raw else None
        path = self.path.removeprefix("/api")
        self.fake.requests.append((self.command, path, body))
        status, answer = self.fake.answer(self.command, path.partition("?")[0], body)
        content = b"" if answer is None else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(content)))
        if self.fake.reads_journals:
            self.send_header("Prefect-Journal", "1")
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PATCH = do_DELETE = _serve
