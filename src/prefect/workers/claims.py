"""Claims of flow runs: a run is claimed by the state Pending, under a fencing token.

Our server keeps the token with the state. It refuses a start, or any later state, under another token than that of the
last claim: a worker that was cut off, and whose run was given to another, cannot start it any more. The token is sent
as a header, which other servers ignore: there, the state Pending alone keeps two workers from starting one run.

A claim is a lease, which the worker renews until the run's infrastructure has ended. A claimed run whose worker died
before the run began is then Crashed, or scheduled again where its pool says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from uuid import UUID

from prefect.client import wire
from prefect.outbox.api_connection import JOURNAL_HEADER, NDJSON_HEADERS
from prefect.schemas import liveness, worker_channel
from prefect.schemas.states import State, StateType
from prefect.types import json_codec, new_id, now

if TYPE_CHECKING:
    from prefect.client.orchestration import PrefectClient
    from prefect.schemas.runs import FlowRun

PENDING = StateType.PENDING
LEASE_SECONDS = liveness.lease_seconds(liveness.HEARTBEAT_INTERVAL_SECONDS)
"""For how long a claim is valid unless it is renewed."""
JOURNAL_ROUTE: Any = "/journal"  # of our servers only


class Claims:
    """The flow runs that a worker has claimed, each with its token.

    Args:
        worker_name: The worker.
        is_renewed: Whether the worker renews its claims, because what it has started does not outlive it.
    """

    def __init__(self, worker_name: str, is_renewed: bool) -> None:
        self._worker_name = worker_name
        self.is_renewed = is_renewed
        self._tokens: dict[UUID, UUID] = {}
        self._unanswered: dict[UUID, dict[str, Any]] = {}
        self._takes_heartbeats = False

    async def claim(self, client: PrefectClient, flow_run: FlowRun, force: bool = False) -> str | None:
        """Claim a flow run, which is Pending then; return None if the worker has it now, else why it does not.

        With `force` it is claimed before its scheduled time.

        A request whose answer was lost is repeated as it was: if the server has accepted it, the worker has the run.
        """
        flow_run_id = flow_run.id
        request = self._unanswered.get(flow_run_id)
        if request is None:
            state = State(type=PENDING)
            request = self._unanswered[flow_run_id] = wire.propose_state_body(state, force=force)
            self._tokens[flow_run_id] = new_id()
        ttl = f"/{LEASE_SECONDS}" if self.is_renewed else ""
        response = await self._send(client, flow_run_id, request, ttl)
        self._takes_heartbeats = self.is_renewed and JOURNAL_HEADER in response.headers
        del self._unanswered[flow_run_id]
        answer = response.json()
        if answer["state"] is not None:
            state = wire.parse_state(answer["state"])
            if state.is_pending() and wire.was_entered(answer["status"], state, request):
                flow_run.state, flow_run.state_type, flow_run.state_name = state, state.type, state.name
                return None
        self._tokens.pop(flow_run_id, None)
        return answer["details"].get("reason") or f"it is {answer['status'].lower()}ed"

    async def propose(self, client: PrefectClient, flow_run_id: UUID, state: State[Any], force: bool = False) -> bool:
        """Propose a state of a claimed flow run; return whether the run has entered it."""
        request = wire.propose_state_body(state, force=force)
        answer = (await self._send(client, flow_run_id, request)).json()
        return answer["state"] is not None and wire.was_entered(
            answer["status"], wire.parse_state(answer["state"]), request
        )

    async def _send(self, client: PrefectClient, flow_run_id: UUID, request: dict[str, Any], ttl: str = "") -> Any:
        headers: dict[str, str] = {}
        if self._worker_name.isascii() and self._worker_name.isprintable():
            headers["X-Prefect-Worker-Name"] = self._worker_name
        if (token := self._tokens.get(flow_run_id)) is not None:
            headers[worker_channel.CLAIM_HEADER] = f"{flow_run_id}/{token}{ttl}"
        return await client.request(
            "POST", "/flow_runs/{id}/set_state", path_params={"id": flow_run_id}, json=request, headers=headers
        )

    def get_environment(self, flow_run_id: UUID) -> dict[str, str]:
        """Return the environment variable by which the process of a claimed run shows the token."""
        token = self._tokens.get(flow_run_id)
        return {worker_channel.CLAIM_VARIABLE: f"{flow_run_id}/{token}"} if token is not None else {}

    def restore(self, flow_run_id: UUID, env: Mapping[str, str]) -> None:
        """Take up the claim of a run again, as its environment has it, after the worker was restarted."""
        run, _, token = env.get(worker_channel.CLAIM_VARIABLE, "").partition("/")
        if run == str(flow_run_id):
            self._tokens[flow_run_id] = UUID(token)

    def release(self, flow_run_id: UUID) -> None:
        """Forget a claim, unless the server may have accepted it without this worker knowing."""
        if flow_run_id not in self._unanswered:
            self._tokens.pop(flow_run_id, None)

    async def renew(self, client: PrefectClient) -> None:
        """Renew the leases of all claims, where the server takes heartbeats."""
        claimed = [id_ for id_ in self._tokens if id_ not in self._unanswered]
        if not claimed or not self._takes_heartbeats:
            return
        records = [
            {
                "kind": "heartbeat",
                "id": str(new_id()),
                "flow_run_id": str(id_),
                "at": now().isoformat(),
                "ttl": LEASE_SECONDS,
            }
            for id_ in claimed
        ]
        content = b"\n".join(json_codec.dumps(record) for record in records) + b"\n"
        await client.request("POST", JOURNAL_ROUTE, content=content, headers=NDJSON_HEADERS)
