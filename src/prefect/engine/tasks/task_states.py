"""The states of a task run: its columns that follow from them, its retries, and its end from outside of its body."""

from __future__ import annotations

import abc
from typing import TYPE_CHECKING, Any

from prefect import _io
from prefect.engine import core
from prefect.engine.core import FINISHED, NextStep, RunEngine
from prefect.engine.orchestration import local
from prefect.exceptions import Abort, Pause
from prefect.schemas.run_inputs import FlowRunResult, TaskRunResult
from prefect.schemas.runs import TaskRun, TaskRunPolicy
from prefect.schemas.states import State, StateType

if TYPE_CHECKING:
    from datetime import datetime

    from prefect.concurrency.holding import Holding
    from prefect.context import EngineContext, TaskRunContext
    from prefect.engine.dataflow import persistence
    from prefect.engine.dataflow.parameters import Link
    from prefect.engine.protocols import RunnableTask

CANCELLED = StateType.CANCELLED


class TaskRunStates(RunEngine):
    """The part of a task run's engine that enters states outside of attempts: cancelled, crashed, awaiting retry."""

    task: RunnableTask
    flow: EngineContext | None
    attempt: int
    persistence: persistence.ResultPersistence | None
    slots: Holding | None
    _context: TaskRunContext | None
    _entered: list[tuple[dict[str, Any], datetime | None]]
    _run: TaskRun | None

    @property
    @abc.abstractmethod
    def logger(self) -> Any:
        """The run's logger."""

    @property
    def run(self) -> TaskRun:
        """The run as a schema object. It is made at the first access, which most runs do not need."""
        if self._run is None:
            self.update_columns()
            inputs, policy = _run_inputs(self.fields["task_inputs"]), TaskRunPolicy.make(**self.task.policy)
            self._run = TaskRun.make(**{**self.fields, "task_inputs": inputs, "empirical_policy": policy})
            self.fields = vars(self._run)
        return self._run

    def _change_columns(self, entry: dict[str, Any], scheduled_time: datetime | None) -> None:
        """Note the change, which is made when the columns are read. Most runs end before that."""
        self._entered.append((entry, scheduled_time))
        if self._run is not None:
            self.update_columns()

    def update_columns(self) -> None:
        """Change the columns by the states entered since the last time."""
        entered, self._entered = self._entered, []
        for entry, scheduled_time in entered:
            super()._change_columns(entry, scheduled_time)

    def enter_stopped(self, stopped: State[Any]) -> NextStep:
        """Cancel a run whose flow run another process has cancelled or suspended."""
        message = f"The flow run is {stopped.name}: no task of it starts any more."
        self.error = Pause(message, state=stopped) if stopped.is_paused() else Abort(message)
        self.end(CANCELLED, message)
        return FINISHED

    def end(self, kind: StateType, message: str, error: BaseException | None = None) -> State[Any]:
        """End the run from outside of its body, before it starts or because its thread or process has died.

        Returns:
            The state that it is in then: the one that it has ended in, if it has.
        """
        if not self.state.is_final():
            self.enter_state(State.make(kind, message=message, data=error, details=self._details))
            self.note_failure()
            self.release()
        return self.state

    async def retry_elsewhere(self, message: str, error: BaseException) -> float | None:
        """Enter AwaitingRetry because the process that executed the run has died, if the task has retries left.

        Returns:
            The seconds until the next attempt; None when there is none, and the run is to be ended.
        """
        self.update_columns()
        self.fields["run_count"] = (self.fields.get("run_count") or 0) + 1
        running = State.make(StateType.RUNNING, details=self._details)
        failed = State.make(StateType.FAILED, message=message, data=error, details=self._details)
        waiting = await self.propose_retry(failed, running)
        if waiting is None:
            return None
        vars(waiting)["message"] = message
        self.enter_state(waiting)
        return core.seconds_until(waiting, waiting.timestamp)

    async def propose_retry(self, failed: State[Any], current: State[Any] | None = None) -> State[Any] | None:
        """Return the state in which a failed run waits for its next attempt; None when the failure is final.

        Args:
            failed: The state that follows from the failure.
            current: The state that the run is in; the one of this process if None.
        """
        if self.is_closing or not self.task.retries:
            return None
        self.update_columns()
        waiting = local.decide_retry(self.fields, self.task.policy, current or self.state, failed)
        if waiting is None or self.task.retry_condition_fn is None:
            return waiting
        try:
            with self:
                wanted = await _io.call_user(self.task.retry_condition_fn, self.task, self.run, failed)
        except Exception:
            self.logger.error("The retry_condition_fn raised; the run is not tried again.", exc_info=True)
            return None
        return waiting if wanted else None

    def schedule_retry(self, waiting: State[Any], reason: str) -> NextStep:
        """Enter AwaitingRetry, unless the next attempt follows immediately."""
        delay = core.seconds_until(waiting, waiting.timestamp)
        when = f"{max(round(delay, 2), 0.01):g} second(s) from now" if delay else "immediately"
        self.logger.info(
            "Task run failed with exception: %s - Retry %s/%s will start %s",
            reason,
            self.attempt,
            self.task.retries,
            when,
        )
        if self.task.retry_delay_seconds:
            vars(waiting)["message"] = None  # the log has the failure
            self.enter_state(waiting)
        return NextStep(is_finished=False, delay_seconds=delay)

    def release(self) -> None:
        """Drop the references that lead back here, so that arguments and result are freed with their last user."""
        if self.slots is not None:  # the run has ended before its body
            held, self.slots = self.slots, None
            _io.drive(held.release())
        self._context = self.persistence = None

    def note_failure(self) -> None:
        """Tell the flow run the name of a run that did not complete, for what depends on it."""
        if self.flow is not None:
            self.flow.failed_runs[self.fields["id"]] = f"task run {self.fields['name']!r}"


def _run_inputs(links: dict[str, list[Link]]) -> dict[str, list[Any]]:
    kinds = {"task_run": TaskRunResult, "flow_run": FlowRunResult}
    return {name: [kinds[link["input_type"]](id=link["id"]) for link in found] for name, found in links.items()}
