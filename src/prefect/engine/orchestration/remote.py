"""A flow run that a server keeps: it is created there, and its states are proposed to its API.

A server that becomes unavailable during the run does not stop it: from then on the run's states are decided in this
process, by the same rules, and recorded in the outbox, as are its tasks. This stays so until the run ends: the server
receives the rest in its order.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from prefect.client import wire
from prefect.client.failures import MISSING_ROUTE_STATUSES, get_status
from prefect.engine.core import RunRecord
from prefect.engine.orchestration.local import LocalOrchestrator, adopt_columns
from prefect.engine.orchestration.orchestrator import Answer, FlowRunRecord, NewFlowRun
from prefect.logging.loggers import get_logger
from prefect.outbox.api_connection import is_unavailable
from prefect.outbox.events import RunContext

if TYPE_CHECKING:
    from pathlib import Path

    from prefect.journal.writer import Journal
    from prefect.outbox.shipper import Shipper
    from prefect.schemas.runs import FlowRun
    from prefect.schemas.states import State

MID_RUN_RETRIES = 1
"""How often a request is sent again, at most, to a server that does not answer during a run: about two seconds."""

_CREATION_COLUMNS = ("parameters", "tags", "flow_version", "parent_task_run_id")

_flow_ids: dict[tuple[str, str], str] = {}
"""The ids of flows on servers, by the API's URL and the flow's name."""


class ServedRecord(FlowRunRecord):
    """The outbox's record of a flow run: its changes, and its states from when the server is unavailable.

    Attributes:
        records_states: Whether states are recorded, because no server decides about them any more.
    """

    __slots__ = ("records_states",)

    def __init__(self, journal: Journal, run_id: Any) -> None:
        super().__init__(journal, run_id)
        self.records_states = False

    def add_state(self, state: dict[str, Any]) -> None:
        """Record that the run enters a state, unless the server has recorded it."""
        if self.records_states:
            super().add_state(state)


class ServerOrchestrator:
    """Asks a server's API about one flow run.

    Args:
        journal: The outbox of the server.
        fallback: Decides when the server is unavailable.
        is_subflow: Whether the run is inside another one, which the server's absence must not stop.
    """

    def __init__(self, journal: Journal, fallback: LocalOrchestrator, is_subflow: bool) -> None:
        self._journal = journal
        self._fallback = fallback
        self._is_subflow = is_subflow
        self._shipper = cast("Shipper", journal.forwarder)
        self._api = self._shipper.api
        self._retries = self._mid_run_retries() if is_subflow else None
        self._run: FlowRun | None = None
        self._record: ServedRecord | None = None

    async def create_run(self, new: NewFlowRun) -> tuple[FlowRun, RunRecord]:
        """Create the run on the server; a subflow of an unavailable server is created in this process."""
        try:
            run = await self._request_run(new)
        except Exception as error:
            if not (self._is_subflow and (is_unavailable(error) or get_status(error) in MISSING_ROUTE_STATUSES)):
                raise
            self._warn(error)
            return await self._fallback.create_run(new)
        return run, self.adopt_run(run, new.flow_name)

    async def _request_run(self, new: NewFlowRun) -> FlowRun:
        values = {name: new.columns[name] for name in _CREATION_COLUMNS}
        if new.parent_task is not None:  # the server gives it the flow run's states
            body = wire.create_task_run_body(new.parent_task.creation_values)
            # One of an earlier attempt stands for this call, too.
            new.parent_task.id = UUID((await self._call("POST", "/task_runs/", body))["id"])
            values["parent_task_run_id"] = new.parent_task.id
        # The key makes a repeated request create no second run.
        values |= {"empirical_policy": new.policy, "idempotency_key": str(new.columns["id"])}
        key = (self._api.url, new.flow_name)
        flow_id = _flow_ids.get(key)
        if flow_id is not None:
            try:
                return await self._post_run(values, flow_id)
            except Exception as error:
                if is_unavailable(error):
                    raise
                # The flow may have been deleted since its id was fetched.
        flow_id = _flow_ids[key] = (await self._call("POST", "/flows/", {"name": new.flow_name}))["id"]
        return await self._post_run(values, flow_id)

    async def _post_run(self, values: dict[str, Any], flow_id: str) -> FlowRun:
        body = wire.create_flow_run_body({**values, "flow_id": flow_id})
        return wire.parse_flow_run(await self._call("POST", "/flow_runs/", body))

    def adopt_run(self, run: FlowRun, flow_name: str) -> RunRecord:
        """Take over a run that the server has, and send its heartbeats until `release_run`."""
        self._run = run
        self._record = ServedRecord(self._journal, run.id)
        deployment = str(run.deployment_id) if run.deployment_id else None
        self._shipper.start_heartbeat(
            RunContext(str(run.id), run.name, str(run.flow_id), flow_name, deployment, tuple(run.tags))
        )
        # From here on the run continues without the server if it must.
        self._retries = self._mid_run_retries()
        return self._record

    async def update_policy(self, policy: dict[str, Any]) -> None:
        """Update the stored policy, by which the server decides, unless it has these fields already."""
        assert self._run is not None
        stored = self._run.empirical_policy
        if all((getattr(stored, name) or 0) == value for name, value in policy.items()):
            return
        updated = stored.model_copy(update=policy)
        try:
            await self._call("PATCH", "/flow_runs/{id}", wire.update_policy_body(updated), id=self._run.id)
        except Exception as error:
            self._decide_here(error)
        else:
            self._run.empirical_policy = updated

    def _mid_run_retries(self) -> int:
        return min(MID_RUN_RETRIES, self._api.settings.client.max_retries)

    async def read_state(self) -> State[Any] | None:
        """Return the run's state on the server; None while the server is unavailable."""
        record = self._record
        if self._run is None or record is None or record.records_states or self._shipper.unavailable_reason is not None:
            return None
        try:
            stored = wire.parse_flow_run(await self._api.call_once("GET", "/flow_runs/{id}", id=self._run.id))
        except Exception as error:  # the next proposed state finds out whether the server is unavailable
            get_logger("engine").debug("The flow run cannot be read: %s", error)
            return None
        adopt_columns(self._run, stored)
        return cast("State[Any] | None", vars(self._run)["state"])

    async def call_api(self, method: Any, route: Any, body: Any = None, **path: Any) -> Any:
        """Call an operation of the server."""
        return await self._call(method, route, body, **path)

    def release_run(self) -> None:
        """Stop the run's heartbeats."""
        if self._run is not None:
            self._shipper.stop_heartbeat(self._run.id)

    async def propose_state(self, state: State[Any], force: bool = False) -> Answer:
        """Propose a state to the server, or decide here when the server is unavailable."""
        if self._run is None or self._record is None or self._record.records_states:
            return await self._fallback.propose_state(state, force)
        if self._journal.is_disowned:  # in a forked child: the run is its parent's
            self._record.records_states = True
            self._fallback.adopt_run(self._run, "")
            return await self._fallback.propose_state(state, force)
        request = wire.propose_state_body(state, force=force)
        try:
            answer = await self._call("POST", "/flow_runs/{id}/set_state", request, id=self._run.id)
        except Exception as error:
            self._decide_here(error)
            return await self._fallback.propose_state(state, force)
        return self._read_answer(answer, state, request)

    def _decide_here(self, error: Exception) -> None:
        """Decide in this process from now on: an unavailable server must not cost the run its result."""
        assert self._run is not None and self._record is not None
        self._warn(error)
        self._record.records_states = True
        self._fallback.adopt_run(self._run, "")

    def _read_answer(self, answer: dict[str, Any], proposed: State[Any], request: dict[str, Any]) -> Answer:
        status, details = answer["status"], answer["details"]
        reason = details.get("reason")
        if status == "WAIT":
            return Answer("WAIT", delay_seconds=details["delay_seconds"], reason=reason)
        if status == "ABORT":
            return Answer("ABORT", reason=reason or "The server does not let the run go on.")
        entered = wire.parse_entered_state(answer, proposed, request)
        if wire.was_entered(status, entered, request):
            status = "ACCEPT"
        if self._run is not None and (lease_id := entered.state_details.deployment_concurrency_lease_id):
            self._shipper.renew_slot_lease(self._run.id, lease_id)
        return Answer(status, entered, reason=reason)

    async def _call(self, method: str, route: str, body: Any = None, /, **params: Any) -> Any:
        if self._retries is not None and self._shipper.is_hanging:
            raise TimeoutError(self._shipper.unavailable_reason)  # each request would cost another timeout
        if self._retries is not None and self._shipper.unavailable_reason is not None:
            return await self._api.call_once(method, route, body, **params)  # once, and within a short timeout
        return await self._api.call(method, route, body, max_retries=self._retries, **params)

    def _warn(self, error: Exception) -> None:
        level = logging.DEBUG if self._shipper.has_warned else logging.WARNING
        self._shipper.has_warned = True
        if not self._shipper.is_hanging:
            self._shipper.record_failure(error)
        get_logger("engine").log(
            level,
            "%s The run continues; it is recorded in %s and sent later.",
            self._shipper.unavailable_reason,
            self._outbox_path,
        )

    @property
    def _outbox_path(self) -> Path:
        return self._shipper.outbox.path
