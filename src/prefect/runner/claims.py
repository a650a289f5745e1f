"""Claims of flow runs: a run is claimed by the state Pending, under a fencing token.

Our server keeps the token with the state. It refuses a start, or any later state, under another token than that of the
last claim: a worker or runner that was cut off, and whose run was given to another, cannot start it any more. The token
is sent as a header, which other servers ignore: there, the state Pending alone keeps two of them from starting one run.

A claim is a lease, which is renewed until the run's infrastructure has ended. A claimed run whose worker or runner died
before the run began is then Crashed, or scheduled again where its pool says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from uuid import UUID

from prefect.client import failures, wire
from prefect.logging.loggers import get_logger
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

RENEWAL_INTERVAL_SECONDS = 10.0
REQUEST_TIMEOUT_SECONDS = 5.0
RETRY_INTERVAL_SECONDS = 1.0
"""Before a claim is repeated, while the server is unavailable."""

JOURNAL_ROUTE: Any = "/journal"  # of our servers only

logger = get_logger("claims")


class Claims:
    """The flow runs that a worker or a runner has claimed, each with its token.

    Args:
        name: The worker or runner.
        is_renewed: Whether the claims are renewed, because what is started does not outlive this process.
    """

    def __init__(self, name: str, is_renewed: bool) -> None:
        self._name = name
        self.is_renewed = is_renewed
        self._tokens: dict[UUID, UUID] = {}
        self._takes_heartbeats = False

    async def claim(self, client: PrefectClient, flow_run: FlowRun, force: bool = False) -> str | None:
        """Claim a flow run, which is Pending then; return None if the run is ours now, else why it is not.

        With `force` it is claimed before its scheduled time.

        While the server is unavailable, and when its answer is lost, the request is repeated as it was: if the server
        has accepted it, the run is ours. It is not repeated when others have started the run meanwhile.

        Raises:
            ObjectNotFound: The run has been deleted.
            PrefectHTTPStatusError: The server refuses the request.
        """
        token = new_id()
        request = wire.propose_state_body(State(type=PENDING), force=force)
        ttl = f"/{LEASE_SECONDS}" if self.is_renewed else ""
        is_repeated = False
        while True:
            try:
                async with asyncio.timeout(REQUEST_TIMEOUT_SECONDS):
                    if is_repeated and (change := await _find_change(client, flow_run.id, request)) is not None:
                        return change
                    response = await self._send(client, flow_run.id, request, token, ttl)
                break
            except Exception as error:
                if not failures.is_unavailable(error):
                    raise
                logger.debug("Flow run %r could not be claimed yet: %s", flow_run.name, failures.describe_error(error))
            is_repeated = True
            await asyncio.sleep(RETRY_INTERVAL_SECONDS)
        self._takes_heartbeats = self.is_renewed and JOURNAL_HEADER in response.headers
        answer = response.json()
        if answer["state"] is not None:
            state = wire.parse_state(answer["state"])
            if state.is_pending() and wire.was_entered(answer["status"], state, request):
                flow_run.state, flow_run.state_type, flow_run.state_name = state, state.type, state.name
                self._tokens[flow_run.id] = token
                return None
        return answer["details"].get("reason") or f"it is {answer['status'].lower()}ed"

    async def propose(self, client: PrefectClient, flow_run_id: UUID, state: State[Any], force: bool = False) -> bool:
        """Propose a state of a claimed flow run; return whether the run has entered it."""
        request = wire.propose_state_body(state, force=force)
        async with asyncio.timeout(REQUEST_TIMEOUT_SECONDS):
            response = await self._send(client, flow_run_id, request, self._tokens.get(flow_run_id))
        answer = response.json()
        return answer["state"] is not None and wire.was_entered(
            answer["status"], wire.parse_state(answer["state"]), request
        )

    async def _send(
        self, client: PrefectClient, flow_run_id: UUID, request: dict[str, Any], token: UUID | None, ttl: str = ""
    ) -> Any:
        headers: dict[str, str] = {}
        if self._name.isascii() and self._name.isprintable():
            headers["X-Prefect-Worker-Name"] = self._name
        if token is not None:
            headers[worker_channel.CLAIM_HEADER] = f"{flow_run_id}/{token}{ttl}"
        return await client.request(
            "POST", "/flow_runs/{id}/set_state", path_params={"id": flow_run_id}, json=request, headers=headers
        )

    def get_environment(self, flow_run_id: UUID) -> dict[str, str]:
        """Return the environment variable by which the process of a claimed run shows the token."""
        token = self._tokens.get(flow_run_id)
        return {worker_channel.CLAIM_VARIABLE: f"{flow_run_id}/{token}"} if token is not None else {}

    def restore(self, flow_run_id: UUID, env: Mapping[str, str]) -> None:
        """Take up the claim of a run again, as its environment has it, after this process was restarted."""
        run, _, token = env.get(worker_channel.CLAIM_VARIABLE, "").partition("/")
        if run == str(flow_run_id):
            self._tokens[flow_run_id] = UUID(token)

    def release(self, flow_run_id: UUID) -> None:
        """Forget a claim."""
        self._tokens.pop(flow_run_id, None)

    async def keep_renewed(self, client: PrefectClient) -> None:
        """Renew the leases of all claims until cancelled."""
        while True:
            await asyncio.sleep(RENEWAL_INTERVAL_SECONDS)
            try:
                async with asyncio.timeout(REQUEST_TIMEOUT_SECONDS):
                    await self.renew(client)
            except Exception as error:  # it is unavailable, or the next attempt may succeed
                logger.debug("The claims could not be renewed: %s", failures.describe_error(error))

    async def renew(self, client: PrefectClient) -> None:
        """Renew the leases of all claims, where the server takes heartbeats."""
        if not self._tokens or not self._takes_heartbeats:
            return
        records = [
            {
                "kind": "heartbeat",
                "id": str(new_id()),
                "flow_run_id": str(id_),
                "at": now().isoformat(),
                "ttl": LEASE_SECONDS,
            }
            for id_ in self._tokens
        ]
        content = b"\n".join(json_codec.dumps(record) for record in records) + b"\n"
        await client.request("POST", JOURNAL_ROUTE, content=content, headers=NDJSON_HEADERS)


async def _find_change(client: PrefectClient, flow_run_id: UUID, request: dict[str, Any]) -> str | None:
    """Return in which state a run is that was to be claimed, unless it still waits, or the claim was accepted."""
    state = (await client.read_flow_run(flow_run_id)).state
    if state is None or state.is_scheduled() or (state.is_pending() and wire.was_entered("REJECT", state, request)):
        return None
    return f"it is {state.name}"
