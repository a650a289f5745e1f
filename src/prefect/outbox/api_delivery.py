"""Delivery of records by the operations of the API: task runs as events, logs and artifacts as such.

For a server that does not accept journal records. A record that the server refuses is kept as refused with the
server's answer, so that it does not hold up the rest. States of flow runs that were decided while the server was
unavailable are set by force: they have happened.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from prefect._io import drive
from prefect.client import failures, wire
from prefect.outbox.api_connection import ApiConnection
from prefect.outbox.event_sender import EventSender, QueuedItem, post_items, split_batches
from prefect.outbox.events import RunContext, TaskRunEvents, build_heartbeat
from prefect.outbox.store import Batch, Outbox, Outcome
from prefect.schemas import liveness
from prefect.schemas.run_events import build_artifact_event, build_labels
from prefect.types import json_codec, named_id
from prefect.types.mappings import Record

LOG_BATCH_SIZE = 2000
"""How many logs one request has at most; how many bytes is the setting `logging.to_api.batch_size`."""

EVENT_BATCH_SIZE, EVENT_BATCH_BYTES = 200, 1_000_000
"""How many emitted events one request has at most, and how many bytes."""

_LOG_FIELDS = ("name", "level", "message", "timestamp", "flow_run_id", "task_run_id")
_ARTIFACT_FIELDS = ("key", "type", "description", "data", "metadata_", "flow_run_id", "task_run_id")
_ARTIFACT_EVENT_FIELDS = ("key", "type", "description")
_FLOW_RUN_FIELDS = (
    *("name", "flow_id", "flow_version", "parameters", "context", "tags", "parent_task_run_id", "empirical_policy"),
)
_CHANGEABLE_FLOW_RUN_FIELDS = frozenset(
    ("name", "flow_version", "parameters", "tags", "job_variables", "empirical_policy")
)
_CHANGEABLE_ARTIFACT_FIELDS = frozenset(("data", "description", "metadata_"))
_REFERENCES = ("run_id", "flow_run_id", "flow_id")
_TASK_RUN_COLUMNS = ("run_count", "expected_start_time", "start_time", "end_time", "total_run_time")


class ApiDelivery:
    """Sends records by the API's own operations.

    Args:
        api: The connection to the server.
        run_contexts: Flow runs that this process ran, by id.
        on_progress: Called when the server has recorded a part of a batch; returns whether to go on.
    """

    heartbeat_interval = liveness.EVENT_INTERVAL_SECONDS

    def __init__(
        self, api: ApiConnection, run_contexts: Mapping[str, RunContext], on_progress: Callable[[], bool]
    ) -> None:
        self._api = api
        self._known_contexts = run_contexts
        self._fetched_contexts: dict[str, RunContext | None] = {}
        self.event_sender = EventSender(self.call, on_progress)
        self.log_bytes = api.settings.logging.to_api.batch_size

    def deliver(self, outbox: Outbox, batch: Batch) -> None:
        """Send a batch: first what other records refer to, in the order of the records, then events, then logs."""
        outbox.acknowledge(batch, _BatchDelivery(self, outbox).send(batch))

    def send_heartbeats(self, heartbeats: list[Record]) -> float | None:
        """Send the heartbeats of flow runs."""
        contexts = [(self.get_run_context(record["flow_run_id"]), record) for record in heartbeats]
        self.call(
            "POST", "/events", [build_heartbeat(run, record["id"], record["at"]) for run, record in contexts if run]
        )

    def call(self, method: str, route: str, body: Any = None, /, **params: Any) -> Any:
        """Call an operation, once."""
        return drive(self._api.call_once(method, route, body, **params))

    def get_run_context(self, flow_run_id: str | None) -> RunContext | None:
        """Return what events hold of a flow run; None when the server does not know the run."""
        if flow_run_id is None:
            return None
        if (known := self._known_contexts.get(flow_run_id)) is not None:
            return known
        if flow_run_id not in self._fetched_contexts:
            self._fetched_contexts[flow_run_id] = self._fetch_run_context(flow_run_id)
        return self._fetched_contexts[flow_run_id]

    def _fetch_run_context(self, flow_run_id: str) -> RunContext | None:
        try:
            run = self.call("GET", "/flow_runs/{id}", id=flow_run_id)
            flow = self.call("GET", "/flows/{id}", id=run["flow_id"])
        except Exception as error:
            if failures.is_refusal(error):
                return None
            raise
        return RunContext(
            flow_run_id, run["name"], flow["id"], flow["name"], run.get("deployment_id"), tuple(run["tags"])
        )


class _BatchDelivery:
    """The delivery of one batch."""

    def __init__(self, delivery: ApiDelivery, outbox: Outbox) -> None:
        self._delivery = delivery
        self._call = delivery.call
        self._outbox = outbox
        self._aliases = outbox.read_aliases()
        self._begun: dict[str, Record] = {}
        self._changes: dict[str, Record] = {}
        self._task_runs: dict[str, TaskRunEvents] = {}
        self._ended: set[str] = set()
        self._events: list[QueuedItem] = []
        self._logs: list[QueuedItem] = []
        self._emitted: list[QueuedItem] = []
        self._refused: list[tuple[str, bytes]] = []
        self._current_line = b""

    def send(self, batch: Batch) -> Outcome:
        handlers: dict[str, Callable[[Record], None]] = {
            "flow": self._create_flow,
            "flow_run": self._create_flow_run,
            "task_run": self._begin_task_run,
            "state": self._enter_state,
            "update": self._apply_update,
            "artifact": self._create_artifact,
            "log": self._queue_log,
            "event": self._queue_event,
        }
        records = [(line, self._decode(line)) for line in batch.lines]
        # Events hold a task run's latest name, whatever it was when the state was entered.
        for _, record in records:
            if record["kind"] == "update" and record.get("of") == "task_run":
                self._changes.setdefault(record["id"], {}).update(record["set"])
        self._begun = self._outbox.read_begun({id_ for _, record in records if (id_ := _get_task_run_id(record))})
        for self._current_line, record in records:
            handler = handlers.get(record["kind"])
            if handler is not None:
                self._dispatch(handler, self._use_server_ids(record))
        self._delivery.event_sender.send(self._events, self._refused)
        for logs in split_batches(self._logs, LOG_BATCH_SIZE, self._delivery.log_bytes):
            post_items(self._call, "/logs/", logs, self._refused)
        for events in split_batches(self._emitted, EVENT_BATCH_SIZE, EVENT_BATCH_BYTES):
            post_items(self._call, "/events", events, self._refused)
        begun = {id_: run.known for id_, run in self._task_runs.items() if id_ not in self._ended}
        return Outcome(begun, self._ended, self._refused)

    def _decode(self, line: bytes) -> Record:
        try:
            record = json_codec.loads(line)
            # Another server answers a lone surrogate with its own failure, for ever.
            return json_codec.map_texts(record, json_codec.replace_surrogates) if json_codec.is_marked(line) else record
        except json_codec.JSONDecodeError:
            self._refused.append(("it is not JSON", line))
            return {"kind": "damaged"}

    def _use_server_ids(self, record: Record) -> Record:
        for name in _REFERENCES:
            if record.get(name):
                record[name] = self._server_id(record[name])
        return record

    def _server_id(self, id_: str) -> str:
        """Return the id that an object has on the server."""
        return self._aliases.get(id_, id_)

    def _dispatch(self, handler: Callable[[Record], None], record: Record) -> None:
        """Handle a record; keep it as refused when the server refuses it or a field is missing."""
        try:
            handler(record)
        except KeyError as error:
            self._refused.append((f"it has no {error}", self._current_line))
        except Exception as error:
            if not failures.is_refusal(error):
                raise
            self._refused.append((failures.describe_error(error), self._current_line))

    # --- flow runs that were created while the server was unavailable -------------------------------------------------

    def _create_flow(self, record: Record) -> None:
        self._add_alias(record["id"], self._call("POST", "/flows/", {"name": record["name"]})["id"])

    def _create_flow_run(self, record: Record) -> None:
        values = {name: record.get(name) for name in _FLOW_RUN_FIELDS}
        # The key makes it the same run when the batch is sent again.
        body = wire.create_flow_run_body({**values, "idempotency_key": record["id"]})
        server_id = self._call("POST", "/flow_runs/", body)["id"]
        self._add_alias(record["id"], server_id)
        for state in record["states"][1:]:
            self._force_state(server_id, state)

    def _add_alias(self, id_: str, server_id: str) -> None:
        if id_ != server_id:
            self._aliases[id_] = server_id
            self._outbox.add_alias(id_, server_id)

    def _force_state(self, flow_run_id: str, state: Record) -> None:
        if self._was_created(state["id"]):
            return
        answer = self._call("POST", "/flow_runs/{id}/set_state", wire.force_state_body(state), id=flow_run_id)
        self._add_alias(state["id"], answer["state"]["id"])

    def _was_created(self, id_: str) -> bool:
        """Return whether an earlier attempt, which was not acknowledged, created it on the server."""
        return self._server_id(id_) != id_

    # --- task runs ----------------------------------------------------------------------------------------------------

    def _begin_task_run(self, record: Record) -> None:
        states = record["states"]
        for links in record["task_inputs"].values():
            for link in links:
                link["id"] = self._server_id(link["id"])
        if any(_is_subflow_state(state) for state in states):
            # The task run stands for a flow run, and the server derives its states from that run's.
            self._call("POST", "/task_runs/", wire.create_task_run_body(record))
            return
        run = TaskRunEvents({**record, **self._changes.get(record["id"], {})})
        self._task_runs[record["id"]] = run
        self._queue_events(run, states)

    def _get_task_run(self, id_: str) -> TaskRunEvents:
        run = self._task_runs.get(id_)
        if run is None:
            known = self._begun.get(id_) or self._fetch_task_run(id_)
            run = self._task_runs[id_] = TaskRunEvents({**known, **self._changes.get(id_, {})})
        return run

    def _fetch_task_run(self, id_: str) -> Record:
        """Return a task run of the server in the form of a record."""
        run = self._call("GET", "/task_runs/{id}", id=id_)
        state = run.pop("state")
        known = {**run, "columns": {name: run.pop(name) for name in _TASK_RUN_COLUMNS}}
        if state is not None:
            known["state"] = {**state, "details": state.pop("state_details")}
        return known

    def _queue_events(self, run: TaskRunEvents, states: Iterable[Record]) -> None:
        flow_run = self._delivery.get_run_context(run.known.get("flow_run_id"))
        for state in states:
            self._events.append((run.enter(state, flow_run), self._current_line))
        if run.ended:
            self._ended.add(run.known["id"])

    def _enter_state(self, record: Record) -> None:
        if _is_subflow_state(record):
            return
        if record["of"] == "flow_run":
            self._force_state(record["run_id"], record)
        else:
            self._queue_events(self._get_task_run(record["run_id"]), [record])

    def _apply_update(self, record: Record) -> None:
        values = record["set"]
        if record["of"] == "task_run":
            self._get_task_run(record["id"])  # it has the change already, and is remembered with it
            return
        changeable, route = {
            "flow_run": (_CHANGEABLE_FLOW_RUN_FIELDS, "/flow_runs/{id}"),
            "artifact": (_CHANGEABLE_ARTIFACT_FIELDS, "/artifacts/{id}"),
        }[record["of"]]
        changes = {name: value for name, value in values.items() if name in changeable}
        id_ = self._server_id(record["id"])
        self._call("PATCH", route, changes, id=id_)
        if record["of"] == "artifact":
            self._queue_artifact_event("updated", id_, record, changes)

    # --- events, artifacts and logs -----------------------------------------------------------------------------------

    def _queue_event(self, record: Record) -> None:
        self._emitted.append(({name: value for name, value in record.items() if name != "kind"}, self._current_line))

    def _create_artifact(self, record: Record) -> None:
        if not self._was_created(record["id"]):
            body = {name: record[name] for name in _ARTIFACT_FIELDS if record.get(name) is not None}
            self._add_alias(record["id"], self._call("POST", "/artifacts/", body)["id"])
        payload = {name: record.get(name) for name in _ARTIFACT_EVENT_FIELDS}
        self._queue_artifact_event("created", self._server_id(record["id"]), record, payload)

    def _queue_artifact_event(self, change: str, id_: str, record: Record, payload: Record) -> None:
        """Queue the event of an artifact, which clients emit."""
        run = self._delivery.get_run_context(record.get("flow_run_id"))
        related = run.describe() if run is not None else []
        if record.get("task_run_id"):
            related.append(build_labels("task-run", record["task_run_id"], role="task-run"))
        event = build_artifact_event(change, id_, record.get("key"), payload, related)
        occurred = record.get("created") or record.get("at")
        event_id = named_id("artifact-record-event", f"{change} {id_} {occurred}")  # the same when it is sent again
        self._emitted.append(({"id": str(event_id), "occurred": occurred, **event}, self._current_line))

    def _queue_log(self, record: Record) -> None:
        self._logs.append(({name: record.get(name) for name in _LOG_FIELDS}, self._current_line))


def _is_subflow_state(state: Record) -> bool:
    """Return whether it is a flow run's state, copied to the task run that stands for the flow run in its parent."""
    return bool(wire.own_details(state).get("child_flow_run_id"))


def _get_task_run_id(record: Record) -> str | None:
    """Return the task run that a state or an update is about."""
    return record.get("run_id" if record["kind"] == "state" else "id") if record.get("of") == "task_run" else None
