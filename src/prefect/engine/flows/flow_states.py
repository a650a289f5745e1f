"""The states of a flow run: proposed to its orchestrator, waited for, changed by other processes."""

from __future__ import annotations

import abc
from typing import TYPE_CHECKING, Any

from prefect import _io
from prefect._lazy import lazy
from prefect.engine import core
from prefect.engine.core import FINISHED, NextStep, RunEngine
from prefect.exceptions import Abort, Pause
from prefect.results import defaults
from prefect.rules import StateSummary
from prefect.schemas.runs import RETRY_FROM
from prefect.schemas.states import State, StateType

if TYPE_CHECKING:
    from uuid import UUID

    from prefect.context import EngineContext
    from prefect.engine.flows import former_results
    from prefect.engine.interruption.stopping import StopCheck
    from prefect.engine.orchestration.orchestrator import Orchestrator
    from prefect.engine.orchestration.subflow import ParentTaskRun
    from prefect.engine.protocols import RunnableFlow
    from prefect.schemas.runs import FlowRunPolicy
else:
    former_results = lazy("prefect.engine.flows.former_results")

RUNNING, CANCELLED = StateType.RUNNING, StateType.CANCELLED

START_POLL_INTERVAL_SECONDS = 0.2
"""How often at most Running is proposed for a run that is kept pending."""


class FlowRunStates(RunEngine):
    """The part of a flow run's engine that asks the orchestrator."""

    run_id: UUID
    flow: RunnableFlow
    parent: EngineContext | None
    _orchestrator: Orchestrator
    _parent_task: ParentTaskRun | None = None
    _stopped: State[Any] | None = None
    """The state by which another process has stopped it, once it ends for that."""
    logger: Any

    def set_current(self, state: State[Any]) -> None:
        """Note the state that the run is in, which another process or the server has recorded."""
        self._current = state
        scheduled_time = state.state_details.scheduled_time
        self._previous = StateSummary(state.type.value, state.name or "", state.timestamp, scheduled_time)

    def _should_persist(self) -> bool:
        if self.flow.persist_result is not None:
            return self.flow.persist_result
        if self.parent is not None:
            return self.parent.persist_result
        return defaults.get_default_persist_setting()

    async def _find_former_result(self) -> tuple[State[Any], Any] | None:
        """Return the state and value of this call in an attempt of another process, if its result was kept."""
        call, parent = self._parent_task, self.parent
        if call is None or parent is None or parent.flow_run is None or parent.flow_run.run_count < 2:
            return None
        if not self._should_persist():
            return None
        return await former_results.find_former_result(self._orchestrator, self.flow, self.parameters, call, parent)

    async def read_refreshed_results(self, context: EngineContext) -> None:
        """Read which results the attempt must compute anew, if the run is retried from one of its task runs."""
        if RETRY_FROM in self.fields["context"]:
            keys = await self._orchestrator.call_api("GET", "/flow_runs/{id}/retry", id=self.run_id)
            context.refreshed_results = set(keys)

    async def propose_state(
        self, state: State[Any], result: dict[str, Any] | None = None, final: bool = False
    ) -> State[Any]:
        """Propose a state; return the state that the run is in then.

        Args:
            state: The state. The orchestrator may reject it for another one, as it does when a failed run is retried.
            result: The inline result to record with it.
            final: Whether the run must not be tried again.

        Raises:
            Abort: The run must stop.
        """
        force = final or self.is_closing
        answer = await self._orchestrator.propose_state(state, force)
        while answer.status == "WAIT":
            await _io.sleep(answer.delay_seconds)
            state = state.model_copy()  # with the time of now, by which an orchestrator of this process decides
            answer = await self._orchestrator.propose_state(state, force)
        recorded, current = self.fields["state"], self.state
        if recorded is not None and recorded is not current:  # another process has changed it
            self.set_current(recorded)
            current = recorded
        entered = answer.state
        if entered is None:
            raise Abort(answer.reason)
        if entered.is_cancelling() and not state.is_cancelled():
            # It was cancelled by another process: all that is left is to record that it has stopped.
            message = "The run was cancelled while it was under way."
            return await self.propose_state(State.make(CANCELLED, "Cancelled", message=message, details=self._details))
        if entered.id == current.id:
            return entered
        return self.enter_state(entered, result if entered is state else None)

    def enter_state(self, state: State[Any], result: dict[str, Any] | None = None) -> State[Any]:
        """Make `state` the run's state; one that continues after a pause does not begin another attempt."""
        policy: FlowRunPolicy = self.fields["empirical_policy"]
        self._is_resuming = bool(policy.resuming)
        super().enter_state(state, result)
        if self._is_resuming and (state.is_running() or state.is_final()):
            policy.resuming = False
        return state

    async def wait_to_run(self, entered: State[Any]) -> State[Any] | None:
        """Propose Running until the run is no longer kept waiting; return its state if it must not run."""
        while entered.is_scheduled() or entered.is_pending():
            await _io.sleep(max(core.seconds_until(entered), START_POLL_INTERVAL_SECONDS))
            entered = await self.propose_state(State.make(RUNNING, "Running", details=self._details))
        return None if entered.is_running() else entered

    # --- stopped by another process -----------------------------------------------------------------------------------

    def expect_stop(self) -> None:
        """Look the run up at the next check: another process seems to have stopped it."""
        check: StopCheck | None = self.context.stop_check
        if check is not None:
            check.expect_change()

    async def find_stop_state(self) -> State[Any] | None:
        """Return the state by which another process has stopped this run or one around it."""
        check: StopCheck | None = self.context.stop_check
        if check is None:  # its end was interrupted
            return self._stopped
        return await check.find_state() if check.is_due else None

    async def end_stopped(self, stopped: State[Any]) -> NextStep:
        """End a run that another process has cancelled or suspended, or one inside such a run."""
        current: State[Any] = self.fields["state"]
        if stopped.is_paused() and stopped is current:
            signal = Pause("The flow run was suspended by another process.", state=stopped)
            return await self.suspend(signal, stopped)
        self._stopped, self.context.stop_check = stopped, None  # hooks may call tasks
        if current.is_cancelled():
            self.set_current(current)
        else:
            message = "The run was cancelled while it was under way."
            await self.propose_state(State.make(CANCELLED, "Cancelled", message=message, details=self._details))
        self.value = self.state
        await self.conclude()
        return FINISHED

    async def suspend(self, signal: Pause, suspended: State[Any]) -> NextStep:
        """Leave a run that is suspended: it continues in another process."""
        self.error = signal
        self._current = self.fields["state"] = suspended
        await self.stop_task_runner(signal)
        # As text, because a handler that keeps the record must not keep the result.
        self.logger.info("Finished in state %s", str(self.state))
        self.release()
        return FINISHED

    @property
    @abc.abstractmethod
    def context(self) -> EngineContext:
        """The context of the body."""

    @abc.abstractmethod
    async def stop_task_runner(self, error: BaseException | None) -> None:
        """Wait for the submitted tasks; with an error, cancel those that have not started."""

    @abc.abstractmethod
    async def conclude(self) -> None:
        """Call the hooks for the final state."""

    @abc.abstractmethod
    def release(self) -> None:
        """Drop what only a run under way needs."""
