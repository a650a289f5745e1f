"""Records in the words of the API: task runs as events, logs and artifacts as such, states of flow runs by force.

For a server that knows nothing of journals. Whatever it will never take is put aside with its answer, so that the rest
gets through. What happened to a flow run while the server was away has happened: its states are set by force.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import orjson

from prefect._io import drive
from prefect._lazy import lazy
from prefect.outbox import api_connection, store
from prefect.outbox.api_connection import ApiConnection
from prefect.outbox.event_sender import EventSender, QueuedItem, post_items, split_batches
from prefect.outbox.events import RunContext, TaskRunEvents, build_heartbeat, own_details
from prefect.outbox.store import Batch, Outcome

if TYPE_CHECKING:
    import sqlite3
else:
    sqlite3 = lazy("sqlite3")

Record = dict[str, Any]

LOG_BATCH_SIZE = 2000
"""How many logs a request has at most; of how many bytes they are is a setting."""

_LOG = ("name", "level", "message", "timestamp", "flow_run_id", "task_run_id")
_ARTIFACT = ("key", "type", "description", "data", "metadata_", "flow_run_id", "task_run_id")
_FLOW_RUN = ("name", "flow_version", "parameters", "context", "tags", "parent_task_run_id", "empirical_policy")
_TASK_RUN = (
    *("id", "name", "flow_run_id", "task_key", "dynamic_key", "task_version"),
    *("empirical_policy", "tags", "labels", "task_inputs"),
)
_FLOW_RUN_CHANGES = frozenset(("name", "flow_version", "parameters", "tags", "job_variables", "empirical_policy"))
_ARTIFACT_CHANGES = frozenset(("data", "description", "metadata_"))
_REFERENCES = ("run_id", "flow_run_id", "flow_id")


class ApiDelivery:
    """Ships records by the API's own operations.

    Args:
        to: The line to the server.
        run_contexts: What is known of flow runs that this process ran, by id.
        progress: Called when the server has recorded a part of a batch; whether to go on with it.
    """

    def __init__(self, to: ApiConnection, run_contexts: Mapping[str, RunContext], progress: Callable[[], bool]) -> None:
        self._api = to
        self._known_contexts = run_contexts
        self._fetched_contexts: dict[str, RunContext | None] = {}
        self.event_sender = EventSender(self.call, progress)
        self.log_bytes = to.settings.logging.to_api.batch_size

    def deliver(self, connection: sqlite3.Connection, batch: Batch) -> None:
        """Ship a batch: what must exist first in the order of the records, then the events, then the logs."""
        store.acknowledge(connection, batch, _BatchDelivery(self, connection).ship(batch))

    def send_heartbeats(self, heartbeats: list[Record]) -> None:
        """Say of flow runs that they are alive."""
        told = [(self.get_run_context(record["flow_run_id"]), record) for record in heartbeats]
        self.call("POST", "/events", [build_heartbeat(run, record["id"], record["at"]) for run, record in told if run])

    def call(self, method: str, route: str, body: Any = None, /, **params: Any) -> Any:
        """Carry out an operation."""
        return drive(self._api.call_once(method, route, body, **params))

    def get_run_context(self, flow_run_id: str | None) -> RunContext | None:
        """What is to be said of a flow run; None when the server does not know it."""
        if flow_run_id is None:
            return None
        if (here := self._known_contexts.get(flow_run_id)) is not None:
            return here
        if flow_run_id not in self._fetched_contexts:
            self._fetched_contexts[flow_run_id] = self._fetch_run_context(flow_run_id)
        return self._fetched_contexts[flow_run_id]

    def _fetch_run_context(self, flow_run_id: str) -> RunContext | None:
        try:
            run = self.call("GET", "/flow_runs/{id}", id=flow_run_id)
            flow = self.call("GET", "/flows/{id}", id=run["flow_id"])
        except Exception as error:
            if api_connection.is_refusal(error):
                return None
            raise
        return RunContext(
            flow_run_id, run["name"], flow["id"], flow["name"], run.get("deployment_id"), tuple(run["tags"])
        )


class _BatchDelivery:
    """One batch on its way."""

    def __init__(self, courier: ApiDelivery, connection: sqlite3.Connection) -> None:
        self._delivery = courier
        self._call = courier.call
        self._connection = connection
        self._aliases: dict[str, str] = {}
        self._changes: dict[str, Record] = {}
        self._begun: dict[str, TaskRunEvents] = {}
        self._ended: set[str] = set()
        self._events: list[QueuedItem] = []
        self._logs: list[QueuedItem] = []
        self._refused: list[tuple[str, bytes]] = []
        self._current_line = b""

    def ship(self, batch: Batch) -> Outcome:
        handlers: dict[str, Callable[[Record], None]] = {
            "flow": self._create_flow,
            "flow_run": self._create_flow_run,
            "task_run": self._begin_task_run,
            "state": self._enter_state,
            "update": self._apply_update,
            "artifact": self._create_artifact,
            "log": self._queue_log,
        }
        records = [(text, self._decode(text)) for text in batch.lines]
        # A run is told of by the name that it has got by now.
        for _, record in records:
            if record["kind"] == "update" and record.get("of") == "task_run":
                self._changes.setdefault(record["id"], {}).update(record["set"])
        for self._current_line, record in records:
            handler = handlers.get(record["kind"])
            if handler is not None:
                self._dispatch(handler, self._use_server_ids(record))
        self._delivery.event_sender.send(self._events, self._refused)
        for some in split_batches(self._logs, LOG_BATCH_SIZE, self._delivery.log_bytes):
            post_items(self._call, "/logs/", some, self._refused)
        begun = {id_: story.known for id_, story in self._begun.items() if id_ not in self._ended}
        return Outcome(begun, self._ended, self._refused)

    def _decode(self, text: bytes) -> Record:
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError:
            self._refused.append(("it is not JSON", text))
            return {"kind": "damaged"}

    def _use_server_ids(self, record: Record) -> Record:
        for name in _REFERENCES:
            if record.get(name):
                record[name] = self._server_id(record[name])
        return record

    def _server_id(self, id_: str) -> str:
        """The id that the server knows something by."""
        theirs = self._aliases.get(id_)
        if theirs is None:
            theirs = self._aliases[id_] = store.get_server_id(self._connection, id_)
        return theirs

    def _dispatch(self, handler: Callable[[Record], None], record: Record) -> None:
        """Handle a record; one that the server refuses, or that does not hold what it must, is put aside."""
        try:
            handler(record)
        except KeyError as error:
            self._refused.append((f"it has no {error}", self._current_line))
        except Exception as error:
            if not api_connection.is_refusal(error):
                raise
            self._refused.append((api_connection.describe_error(error), self._current_line))

    # --- what was made while the server was away ----------------------------------------------------------------------

    def _create_flow(self, record: Record) -> None:
        self._add_alias(record["id"], self._call("POST", "/flows/", {"name": record["name"]})["id"])

    def _create_flow_run(self, record: Record) -> None:
        body = {name: record[name] for name in _FLOW_RUN if record.get(name) is not None}
        # The key makes it the same run when this is done again.
        body |= {"flow_id": record["flow_id"], "idempotency_key": record["id"], "state": {"type": "PENDING"}}
        theirs = self._call("POST", "/flow_runs/", body)["id"]
        self._add_alias(record["id"], theirs)
        for state in record["states"][1:]:
            self._force_state(theirs, state)

    def _add_alias(self, ours: str, theirs: str) -> None:
        if ours != theirs:
            self._aliases[ours] = theirs
            store.add_alias(self._connection, ours, theirs)

    def _force_state(self, flow_run_id: str, state: Record) -> None:
        if self._was_created(state["id"]):
            return
        body = {"type": state["type"], "name": state["name"], "message": state.get("message")}
        body |= {"state_details": own_details(state), "data": state.get("data")}
        answer = self._call("POST", "/flow_runs/{id}/set_state", {"state": body, "force": True}, id=flow_run_id)
        self._add_alias(state["id"], answer["state"]["id"])

    def _was_created(self, id_: str) -> bool:
        """Whether it was made when this batch was shipped before and not acknowledged."""
        return self._server_id(id_) != id_

    # --- task runs ----------------------------------------------------------------------------------------------------

    def _begin_task_run(self, record: Record) -> None:
        states = record["states"]
        for links in record["task_inputs"].values():
            for link in links:
                link["id"] = self._server_id(link["id"])
        if any(_is_subflow_state(state) for state in states):
            # It stands for a flow run, and the server keeps it in step with that.
            body = {name: record[name] for name in _TASK_RUN if record.get(name) is not None}
            self._call("POST", "/task_runs/", body)
            return
        self._begun[record["id"]] = story = TaskRunEvents({**record, **self._changes.get(record["id"], {})})
        self._queue_events(story, states)

    def _get_task_run(self, id_: str) -> TaskRunEvents:
        story = self._begun.get(id_)
        if story is None:
            known = store.get_task_run(self._connection, id_) or self._fetch_task_run(id_)
            story = self._begun[id_] = TaskRunEvents({**known, **self._changes.get(id_, {})})
        return story

    def _fetch_task_run(self, id_: str) -> Record:
        """A task run as the server knows it, in the form that stories keep."""
        run = self._call("GET", "/task_runs/{id}", id=id_)
        state = run.pop("state")
        columns = ("run_count", "expected_start_time", "start_time", "end_time", "total_run_time")
        known = {**run, "columns": {name: run.pop(name) for name in columns}}
        if state is not None:
            known["state"] = {**state, "details": state.pop("state_details")}
        return known

    def _queue_events(self, story: TaskRunEvents, states: Iterable[Record]) -> None:
        around = self._delivery.get_run_context(story.known.get("flow_run_id"))
        for state in states:
            self._events.append((story.enter(state, around), self._current_line))
        if story.ended:
            self._ended.add(story.known["id"])

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
            self._get_task_run(record["id"])  # which has the change already, and keeps it
            return
        changeable, route = {
            "flow_run": (_FLOW_RUN_CHANGES, "/flow_runs/{id}"),
            "artifact": (_ARTIFACT_CHANGES, "/artifacts/{id}"),
        }[record["of"]]
        changes = {name: value for name, value in values.items() if name in changeable}
        self._call("PATCH", route, changes, id=self._server_id(record["id"]))

    # --- what runs leave ----------------------------------------------------------------------------------------------

    def _create_artifact(self, record: Record) -> None:
        if self._was_created(record["id"]):
            return
        body = {name: record[name] for name in _ARTIFACT if record.get(name) is not None}
        self._add_alias(record["id"], self._call("POST", "/artifacts/", body)["id"])

    def _queue_log(self, record: Record) -> None:
        self._logs.append(({name: record.get(name) for name in _LOG}, self._current_line))


def _is_subflow_state(state: Record) -> bool:
    """Whether it is the state of a flow run on the task run that stands for it."""
    return bool(own_details(state).get("child_flow_run_id"))
