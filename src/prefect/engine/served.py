"""A flow run that a server keeps: it is created there, and its states are asked for.

A server that goes away during the run does not stop it: from then on its states are decided here, by the rule book, and
recorded in the outbox, as is what its tasks do. The run stays with that: the server learns of the rest in its order.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

from prefect import _io
from prefect.client.failures import MISSING_ROUTE_STATUSES, describe_error, get_status
from prefect.engine.core import RunRecord, result_metadata
from prefect.exceptions import Abort
from prefect.logging.loggers import get_logger
from prefect.outbox.api_connection import is_unavailable
from prefect.outbox.events import RunContext
from prefect.schemas.runs import FlowRun
from prefect.schemas.states import State
from prefect.types import new_id

if TYPE_CHECKING:
    from pathlib import Path
    from uuid import UUID

    from prefect.engine.subflow import ParentTaskRun
    from prefect.journal.writer import Journal
    from prefect.outbox.shipper import Shipper

Locally = Callable[[State[Any]], State[Any]]
"""Decides on a state here: gives the one that the run enters."""

MID_RUN_RETRIES = 1
"""How often a server that does not answer during a run is asked again, at most: about two seconds."""

_FLOW_RUN = ("parameters", "tags", "flow_version", "parent_task_run_id")

_flow_ids: dict[tuple[str, str], str] = {}
"""The ids of the flows that servers were asked for, by the API's URL and the flow's name."""


class ServedRecord(RunRecord):
    """What the outbox is told of a flow run: its changes, and its states only when no server was told of them.

    Attributes:
        local: No server decides on the run's states any more.
    """

    __slots__ = ("local",)

    def __init__(self, to: Journal, run_id: UUID) -> None:
        super().__init__(to, "flow_run", run_id, None)
        self.local = False

    def add_state(self, state: dict[str, Any]) -> None:
        """The run enters a state."""
        if self.local:
            super().add_state(state)


class Server:
    """The server's part in one flow run.

    Args:
        journal: The outbox of the server.
        inside: Whether the run is inside another one, which the server's absence must not stop.
    """

    def __init__(self, journal: Journal, inside: bool) -> None:
        self._journal = journal
        self._shipper = cast("Shipper", journal.forwarder)
        self._line = self._shipper.api
        self._retries = self._few_retries() if inside else None
        self._inside = inside
        self._record: ServedRecord | None = None
        self._run_id: UUID | None = None

    async def create(
        self, flow_name: str, values: Mapping[str, Any], policy: dict[str, Any], parent: ParentTaskRun | None
    ) -> FlowRun | None:
        """Create the run; None when the server is away, and the run is inside one that goes on.

        Raises:
            httpx.TransportError: The server cannot be reached.
        """
        try:
            if parent is not None:
                body = {name: value for name, value in parent.creation_values.items() if name != "created"}
                await self._call("POST", "/task_runs/", body)  # it gets the flow run's states
            body = {name: values[name] for name in _FLOW_RUN if values[name] is not None}
            body |= {
                "empirical_policy": policy,
                "state": {"type": "PENDING"},
                "idempotency_key": str(values["id"]),  # a request that is sent again makes no second run
            }
            return FlowRun.model_validate(await self._create(flow_name, body))
        except Exception as error:
            if not (self._inside and (is_unavailable(error) or get_status(error) in MISSING_ROUTE_STATUSES)):
                raise
            self._warn(error)
            return None

    async def _create(self, flow_name: str, body: dict[str, Any]) -> Any:
        key = (self._line.url, flow_name)
        flow_id = _flow_ids.get(key)
        if flow_id is not None:
            try:
                return await self._call("POST", "/flow_runs/", {**body, "flow_id": flow_id})
            except Exception as error:
                if is_unavailable(error):
                    raise
                # The flow may have been deleted since it was asked for.
        flow_id = _flow_ids[key] = (await self._call("POST", "/flows/", {"name": flow_name}))["id"]
        return await self._call("POST", "/flow_runs/", {**body, "flow_id": flow_id})

    def keep(self, run: FlowRun, flow_name: str) -> ServedRecord:
        """Keep a run that the server knows: it is under way here, and the server hears so until `let_go`."""
        self._run_id = run.id
        self._record = ServedRecord(self._journal, run.id)
        deployment = str(run.deployment_id) if run.deployment_id else None
        self._shipper.start_heartbeat(
            RunContext(str(run.id), run.name, str(run.flow_id), flow_name, deployment, tuple(run.tags))
        )
        # From here on the run goes on without the server if it must.
        self._retries = self._few_retries()
        return self._record

    def _few_retries(self) -> int:
        return min(MID_RUN_RETRIES, self._line.settings.client.max_retries)

    def let_go(self) -> None:
        """The run is not under way here any more."""
        if self._run_id is not None:
            self._shipper.stop_heartbeat(self._run_id)

    @property
    def decides(self) -> bool:
        """Whether states are the server's to decide."""
        return self._record is not None and not self._record.local

    async def judge(self, state: State[Any], locally: Locally, force: bool = False) -> State[Any]:
        """Ask for the run to enter a state, and give the one that it is in then.

        Args:
            state: The state.
            locally: Decides when the server is away.
            force: It has happened, and is not to be refused.

        Raises:
            Abort: The server does not let the run go on.
        """
        assert self._record is not None and self._run_id is not None
        if self._record.local:
            return locally(state)
        body, transition = _as_request(state), str(new_id())
        body["state_details"]["transition_id"] = transition
        while True:
            try:
                answer = await self._call(
                    "POST", "/flow_runs/{id}/set_state", {"state": body, "force": force}, id=self._run_id
                )
            except Exception as error:  # away, or something is wrong with it: neither is to cost the run its result
                self._warn(error)
                self._record.local = True
                return locally(state)
            if answer["status"] != "WAIT":
                entered = _entered(state, answer, transition)
                if lease_id := entered.state_details.deployment_concurrency_lease_id:
                    self._shipper.renew_slot_lease(self._run_id, lease_id)
                return entered
            await _io.sleep(answer["details"]["delay_seconds"])

    async def _call(self, method: str, route: str, body: Any = None, /, **params: Any) -> Any:
        if self._retries is not None and self._shipper.unavailable_reason is not None:
            # It is known to be unavailable: try once, with a short timeout.
            return await self._line.call_once(method, route, body, **params)
        return await self._line.call(method, route, body, max_retries=self._retries, **params)

    def _warn(self, error: Exception) -> None:
        level = logging.DEBUG if self._shipper.unavailable_reason is not None else logging.WARNING
        self._shipper.unavailable_reason = describe_error(error)
        get_logger("engine").log(
            level,
            "%s The run goes on; what it does is recorded in %s and sent later.",
            self._shipper.unavailable_reason,
            self._path,
        )

    @property
    def _path(self) -> Path:
        return self._shipper.outbox.path


def _as_request(state: State[Any]) -> dict[str, Any]:
    return {
        "type": state.type.value,
        "name": state.name,
        "message": state.message,
        "state_details": {name: value for name, value in vars(state.state_details).items() if value},
        "data": result_metadata(state.data),
    }


def _entered(proposed: State[Any], answer: dict[str, Any], transition: str) -> State[Any]:
    """The state that the run is in after the server's answer."""
    status, there = answer["status"], answer["state"]
    if status == "ABORT":
        raise Abort(answer["details"].get("reason") or "The server does not let the run go on.")
    if status == "ACCEPT" or there["state_details"].get("transition_id") == transition:
        # The value in memory, or the exception, stays with the state.
        entered = _read({**there, "data": None})
        vars(entered)["data"] = proposed.data
        return entered
    return _read(there)


def _read(state: dict[str, Any]) -> State[Any]:
    return cast("State[Any]", State.model_validate(state))
