"""The execution of one flow run in a child process, from its start to its outcome."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

from prefect._lazy import lazy
from prefect.client.failures import is_refusal, is_unavailable
from prefect.engine.interruption.signals import HOOKS_ONLY_VARIABLE
from prefect.exceptions import ObjectNotFound
from prefect.logging.loggers import flow_run_logger
from prefect.outbox.heartbeats import SLOT_LEASE_SECONDS, SLOT_RENEWAL_SECONDS
from prefect.runner.launch import Launch, Launcher, LaunchError, RunProcess
from prefect.runner.supervise import ProcessEnd, StopReason, record_end

if TYPE_CHECKING:
    from prefect.client.orchestration import PrefectClient
    from prefect.runner.claims import Claims
    from prefect.schemas import states
    from prefect.schemas.runs import FlowRun
    from prefect.schemas.states import State
else:
    states = lazy("prefect.schemas.states")

logger = logging.getLogger("prefect.runner")

FIRST_RETRY_SECONDS, MAX_RETRY_SECONDS = 0.5, 5.0
"""The first and the longest pause before an unavailable server is tried again."""

REQUEST_TIMEOUT_SECONDS = 20.0
"""How long the server may take to accept the outcome of a run, before the request is repeated."""

HOOKS_TIMEOUT_SECONDS = 60.0
"""How long the hooks of a killed run may take."""


@dataclass(eq=False)
class RunExecution:
    """The process of a flow run, and what becomes of the run when it ends.

    Attributes:
        client: The client of the API that has the run.
        claims: The claims of this process.
        flow_run: The run, which is claimed.
        launch: The process to start.
        launcher: Starts it.
        settle: Waits until the API has received what the process has recorded.
        slot_lease_id: The lease of the slot of its deployment's limit, to renew while the process runs.
        process: The process, once it has started.
    """

    client: PrefectClient
    claims: Claims
    flow_run: FlowRun
    launch: Launch
    launcher: Launcher
    settle: Callable[[], Awaitable[None]]
    slot_lease_id: UUID | None = None
    process: RunProcess | None = field(default=None, init=False)
    _stop_reason: StopReason | None = field(default=None, init=False)
    _grace_seconds: float = field(default=0.0, init=False)
    _stopping: asyncio.Task[int] | None = field(default=None, init=False)

    @property
    def is_stopping(self) -> bool:
        """Whether the process is being stopped."""
        return self._stop_reason is not None

    @property
    def is_cancelled(self) -> bool:
        """Whether the process is being stopped because its run was cancelled."""
        return self._stop_reason is StopReason.CANCELLED

    async def run(self) -> State[Any] | None:
        """Start the process and wait for its end; return the state that the run got here, if any."""
        try:
            self.process = await self.launcher.start(self.launch)
        except LaunchError as error:
            state = states.State(type=states.StateType.CRASHED, message=str(error))
            flow_run_logger(self.flow_run).error("%s", error)
            await self._persist(lambda: self._propose(state))
            return state
        if self._stop_reason is not None:  # it was stopped while it started
            self._stopping = asyncio.create_task(self.process.stop(self._grace_seconds))
        renewing = asyncio.create_task(self._renew_slot()) if self.slot_lease_id is not None else None
        try:
            exit_code = await self.process.wait()
            if self._stopping is not None:
                exit_code = await self._stopping
        finally:
            if renewing is not None:
                renewing.cancel()
        end = ProcessEnd(
            flow_run_id=self.flow_run.id, pid=self.process.pid, exit_code=exit_code, stop_reason=self._stop_reason
        )
        return await self._record(end)

    def stop(self, reason: StopReason, grace_seconds: float) -> None:
        """End the process and its descendants; `run` returns when that is done. A second call kills immediately."""
        if self.process is None or self.process.exit_code is not None:
            self._stop_reason, self._grace_seconds = self._stop_reason or reason, grace_seconds
            return
        if self._stopping is not None:
            self.process.kill()
            return
        self._stop_reason = reason
        self._stopping = asyncio.create_task(self.process.stop(grace_seconds))

    async def _record(self, end: ProcessEnd) -> State[Any] | None:
        recorded: list[State[Any] | None] = []

        async def settle_and_record() -> None:
            await self.settle()
            recorded.append(await record_end(self.client, end, self._propose))

        await self._persist(settle_and_record)
        state = recorded[-1] if recorded else None
        if state is not None and state.is_final():
            flow_run_logger(self.flow_run).error("%s", state.message)
            await self._call_hooks()
        return state

    async def _propose(self, state: State[Any]) -> bool:
        # Forced: what has happened cannot be refused, and the rules' waits and retries are for runs that go on.
        return await self.claims.propose(self.client, self.flow_run.id, state, force=True)

    async def _call_hooks(self) -> None:
        """Call the flow's hooks for the final state, in another process: its own was killed before it could."""
        if self.launch.command is not None:
            return  # a command of the user's may not be the engine
        launch = replace(self.launch, env={**self.launch.env, HOOKS_ONLY_VARIABLE: "1"})
        try:
            process = await self.launcher.start(launch)
        except LaunchError as error:
            logger.error("The hooks of flow run %r cannot be called: %s", self.flow_run.name, error)
            return
        try:
            async with asyncio.timeout(HOOKS_TIMEOUT_SECONDS):
                await process.wait()
        except TimeoutError:
            logger.error("The hooks of flow run %r take too long.", self.flow_run.name)
            await process.stop(0)
        except asyncio.CancelledError:
            process.kill()
            raise

    async def _persist(self, request: Callable[[], Awaitable[Any]]) -> None:
        """Repeat a request until the server has answered."""
        delay = FIRST_RETRY_SECONDS
        while True:
            try:
                async with asyncio.timeout(REQUEST_TIMEOUT_SECONDS):
                    await request()
                return
            except ObjectNotFound:
                logger.info("Flow run %r has been deleted while it ran.", self.flow_run.name)
                return
            except Exception as error:
                if not is_unavailable(error):
                    logger.error("The end of flow run %r could not be recorded: %s", self.flow_run.name, error)
                    return
                await asyncio.sleep(delay)
                delay = min(2 * delay, MAX_RETRY_SECONDS)

    async def _renew_slot(self) -> None:
        """Renew the lease of the deployment's slot until cancelled, or until the server has another opinion."""
        assert self.slot_lease_id is not None
        while True:
            await asyncio.sleep(SLOT_RENEWAL_SECONDS)
            try:
                await self.client.renew_concurrency_lease(self.slot_lease_id, SLOT_LEASE_SECONDS)
            except Exception as error:
                if is_refusal(error):
                    return
                logger.debug("A slot's lease could not be renewed: %s", error)
