"""The steps of a task run: creation, waiting for its dependencies, attempts, retries, its end."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from prefect import _io, journal, outbox
from prefect._lazy import lazy, lazy_from
from prefect.context import EngineContext, TaskRunContext, current_tags, current_transaction
from prefect.engine import core, failures
from prefect.engine.core import FINISHED, RUN_BODY, NextStep, Outcome, RunRecord
from prefect.engine.dataflow import outcomes
from prefect.engine.dataflow.memo import AttemptMemo, Position
from prefect.engine.dataflow.parameters import Link, as_reiterable, collect_inputs, resolve_inputs
from prefect.engine.interruption.deadline import TaskRunTimeoutError
from prefect.engine.tasks.task_states import TaskRunStates
from prefect.exceptions import ConcurrencySlotAcquisitionError, UpstreamTaskError
from prefect.logging.lines import log_line
from prefect.logging.loggers import identity_logger, print_capture
from prefect.results import defaults
from prefect.schemas.runs import TaskRun
from prefect.schemas.states import InMemory, State, StateDetails, StateType
from prefect.types import new_id, now

if TYPE_CHECKING:
    from datetime import datetime

    from prefect.assets import lineage
    from prefect.engine.dataflow import persistence
    from prefect.engine.protocols import RunnableTask
    from prefect.engine.tasks import tag_limits
else:
    lineage = lazy("prefect.assets.lineage")
    persistence, tag_limits = lazy_from("prefect.engine", "dataflow.persistence", "tasks.tag_limits")

SCHEDULED, PENDING, RUNNING = StateType.SCHEDULED, StateType.PENDING, StateType.RUNNING
COMPLETED, FAILED = StateType.COMPLETED, StateType.FAILED
CRASHED, CANCELLED = StateType.CRASHED, StateType.CANCELLED


class TaskRunEngine(TaskRunStates):
    """One run of a task.

    Args:
        task: The task.
        parameters: The arguments by name, defaults applied; futures and states are resolved before the body runs.
        wait_for: Runs to wait for in addition to those among the arguments.
        dependencies: Known dependencies by parameter, for an item of a mapped future.
        run_id: The id of the run; a new one if None.
    """

    kind = "task_run"

    def __init__(
        self,
        task: RunnableTask,
        parameters: dict[str, Any],
        wait_for: Iterable[Any] | None = None,
        dependencies: dict[str, list[Link]] | None = None,
        run_id: UUID | None = None,
    ) -> None:
        self._set_up(task, parameters, wait_for)
        self._create(run_id or new_id(), dependencies)

    def _set_up(self, task: RunnableTask, parameters: dict[str, Any], wait_for: Any) -> None:
        super().__init__(task, parameters)
        self.task = task
        self.flow: EngineContext | None = EngineContext.get()
        self.journal = (journal.current() if self.flow else None) or outbox.use_journal()
        self.attempt = 0
        self._entered: list[tuple[dict[str, Any], datetime | None]] = []
        self.persistence: persistence.ResultPersistence | None = None
        self.slots = None
        self._run: TaskRun | None = None
        self._logger: Any = None
        self._context: TaskRunContext | None = None
        self._assets: lineage.AssetContext | None = None
        tracked = self.flow.run_results if self.flow else None
        self._inputs = collect_inputs(parameters, tracked)
        self._awaited = {"wait_for": as_reiterable(wait_for)} if wait_for is not None else None
        self._wait_for = collect_inputs(self._awaited, tracked) if self._awaited else None
        memo = self.flow.memo if self.flow else None
        self._memo: AttemptMemo | None = memo if memo is not None and task.may_be_remembered else None
        self._position: Position | None = self._memo.next_position(task.task_key) if self._memo is not None else None

    # --- in another process -------------------------------------------------------------------------------------------

    @classmethod
    def from_recorded_run(
        cls,
        task: RunnableTask,
        parameters: dict[str, Any],
        run: TaskRun,
        wait_for: Iterable[Any] | None = None,
        owner: UUID | None = None,
    ) -> TaskRunEngine:
        """Return the engine of a run that another process has created and recorded.

        Args:
            task: The task.
            parameters: The arguments by name.
            run: The run.
            wait_for: Runs to wait for in addition to those among the arguments.
            owner: The process that the run belongs to, by its id in the records; this one if None.
        """
        execution = cls.__new__(cls)
        execution._set_up(task, parameters, wait_for)
        execution._run = run
        execution.fields = vars(run)
        recorded = cast("State[Any] | None", vars(run)["state"])
        state = recorded or State.make(PENDING, details=StateDetails.make(task_run_id=run.id))
        execution.record = RunRecord(execution.journal, cls.kind, run.id, None, owner, state.timestamp)
        execution._details = state.state_details
        execution._current = state
        return execution

    def adopt_final_state(self, state: State[Any], recorded: Iterable[dict[str, Any]] = ()) -> None:
        """Take over the final state that another process has recorded.

        Args:
            state: The state.
            recorded: The states that the process has recorded, in order. They are recorded here as well, because that
                process may die before it has written them; a state that is recorded twice counts once.
        """
        for entry in recorded:
            self.record.add_state(entry)
            self._change_columns(entry, None)
        self.update_columns()
        self._current = self.fields["state"] = state
        if isinstance(state.data, InMemory):
            self._track(state.data.value)
        if state.type is not COMPLETED:
            self.note_failure()

    @property
    def upstreams(self) -> list[Any]:
        """The futures that the run waits for."""
        return self._inputs.futures + self._wait_for.futures if self._wait_for else self._inputs.futures

    # --- creation -----------------------------------------------------------------------------------------------------

    def _create(self, run_id: UUID, dependencies: dict[str, list[Link]] | None) -> None:
        task, flow = self.task, self.flow
        flow_run = flow.flow_run if flow else None
        flow_run_id = flow_run.id if flow_run else None
        inherited = current_tags()
        suffix = f"{(run_id.int >> 42) & 0xFFF:03x}"
        created = now()
        self.fields = {
            "id": run_id,
            "name": f"{task.name}-{suffix}" if flow_run_id else task.name,
            "flow_run_id": flow_run_id,
            "task_key": task.task_key,
            "dynamic_key": f"{suffix}-{run_id.int:032x}",
            "task_version": task.version,
            "flow_run_run_count": flow_run.run_count if flow_run else 0,
            "tags": sorted(task.tags | inherited) if inherited else sorted(task.tags),
            "task_inputs": self._dependency_links(dependencies),
            "created": created,
            "empirical_policy": task.policy,
        }
        if task.has_lineage or (flow is not None and flow.task_run_assets):
            self._assets = lineage.track_assets(task, run_id, self.fields["task_inputs"])
        self.record = RunRecord(self.journal, self.kind, run_id, self.fields)
        self._details = StateDetails.make(flow_run_id=flow_run_id, task_run_id=run_id)
        self.enter(PENDING, "Pending", created)

    def _dependency_links(self, dependencies: dict[str, list[Link]] | None) -> dict[str, list[Link]]:
        """Return the dependencies of the run by parameter."""
        links = self._inputs.links
        if self._wait_for is not None:
            links["wait_for"] = self._wait_for.links["wait_for"]
        if dependencies:
            for name, more in dependencies.items():
                links[name] = links.get(name, []) + [link for link in more if link not in links.get(name, [])]
        parent = TaskRunContext.get()
        if parent is not None:
            links["__parents__"] = [{"input_type": "task_run", "id": parent.task_run_id}]
        return links

    # --- before an attempt --------------------------------------------------------------------------------------------

    async def prepare_attempt(self) -> NextStep:
        """Wait for the dependencies, read a cached result, and enter Running."""
        if self.flow is not None and self.flow.stop_check is not None and self.flow.stop_check.is_due:
            stopped = await self.flow.stop_check.find_state()
            if stopped is not None:
                return self.enter_stopped(stopped)
        if self.attempt == 0 and (step := await self._prepare_body()) is not None:
            return step
        if self.fields["tags"]:
            try:
                self.slots = await tag_limits.take_slots(self.fields["tags"], self.fields["id"])
            except ConcurrencySlotAcquisitionError as error:
                return await self._fail_to_start(error)
        self._enter_running()
        if self._memo is not None or self.persistence is not None or self._needs_persistence():
            try:
                found = await self._find_result()
            except Exception as error:  # a storage, a key or a lock is not available
                return await self._fail_to_start(error)
            if found is not None:
                return await self._end_cached(*found)
        if self.task.on_running_hooks:
            with self:
                await self.call_hooks(self.task.on_running_hooks, self.task, self.logger)
        return RUN_BODY

    async def _prepare_body(self) -> NextStep | None:
        """Resolve the parameters, and make the context and the custom name; return the next step if that fails."""
        try:
            if self._awaited is not None or not self._inputs.is_plain:
                await self._resolve()
        except UpstreamTaskError as error:
            return self._enter_not_ready(error)
        except Exception as error:  # the result of an upstream run is lost
            return await self._fail_to_start(error)
        self._make_context()
        if self.task.task_run_name is not None:
            try:
                self._set_custom_name()
            except Exception as error:  # a template that cannot be filled, or a user function
                return await self._fail_to_start(error)
        return None

    def _enter_running(self) -> None:
        self.attempt += 1
        if self.attempt == 1:
            self.enter(RUNNING, "Retrying" if self.fields.get("run_count") else "Running", now())
            return
        self.context.start_time = now()
        if self._assets is not None:
            self._assets.materialization_metadata = {}
        self.enter(RUNNING, "Retrying", self.context.start_time)

    async def _find_result(self) -> tuple[Any, Any] | None:
        """Return the data and value of a result of the flow's earlier attempt, or of a cached one."""
        if self.attempt == 1:
            done = self._memo.find(self._position, self.parameters) if self._memo and self._position else None
            if done is not None:
                return done[0].data, done[1]
            if self._needs_persistence():
                with self:
                    kept = persistence.ResultPersistence(self)
                self.persistence = kept
        record = await self.persistence.begin_attempt() if self.persistence is not None else None
        return None if record is None else (record, record.result)

    def _needs_persistence(self) -> bool:
        """Return whether the run persists its result or takes part in a transaction."""
        task = self.task
        if self.context.persist_result or task.on_commit_hooks or task.on_rollback_hooks:
            return True
        return current_transaction.get() is not None

    async def _resolve(self) -> None:
        if self._wait_for is not None:
            await resolve_inputs(self._awaited or {}, self._wait_for, self.flow)
        if not self._inputs.is_plain:
            self.parameters = await resolve_inputs(self.parameters, self._inputs, self.flow)

    def _set_custom_name(self) -> None:
        with self, _io.user_code():
            self.rename(self.task.format_run_name(self.parameters))
        self._logger = None
        self.context.forget_identity()

    async def _fail_to_start(self, error: Exception) -> NextStep:
        """Fail a run that cannot start."""
        if self._context is None:
            self._make_context()
        self.error = error
        message = f"Task run could not start: {failures.describe_error(error)}"
        self.enter_state(State.make(FAILED, "Failed", message=message, data=error, details=self._details))
        await self._finish_run()
        return FINISHED

    def _make_context(self) -> None:
        """Make the context of the run, once its parameters are resolved."""
        task, flow = self.task, self.flow
        self._context = TaskRunContext.for_execution(
            self,
            self.parameters,
            task.should_log_prints(flow),
            self._should_persist(),
            lambda: persistence.make_task_store(self),
        )
        self._prints = print_capture(self._context.log_prints)

    @property
    def logger(self) -> Any:
        """The run's logger, made at the first access."""
        if self._logger is None:
            self._logger = identity_logger(self.context.identity)
        return self._logger

    @property
    def context(self) -> TaskRunContext:
        """The context of the body, once the parameters are resolved."""
        assert self._context is not None
        return self._context

    def _should_persist(self) -> bool:
        if self.task.persist_result is not None:
            return self.task.persist_result
        return defaults.should_persist_task_by_default(self.flow.persist_result if self.flow is not None else None)

    def _enter_not_ready(self, error: UpstreamTaskError) -> NextStep:
        self._make_context()
        self.error = error
        self.enter_state(State.make(PENDING, "NotReady", message=str(error), details=self._details))
        self.logger.error("Finished in state %s", self.state)
        self.note_failure()
        self.release()
        return FINISHED

    # --- context of the body ------------------------------------------------------------------------------------------

    def __enter__(self) -> TaskRunEngine:
        assert self._context is not None
        self._context.__enter__()
        if self._prints is not None:
            self._prints.__enter__()
        if self.persistence is not None:
            self.persistence.__enter__()
        if self._assets is not None and self._assets.downstream_assets:
            self._assets.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        assert self._context is not None
        if self._assets is not None:
            self._assets.__exit__()
        if self.persistence is not None:
            self.persistence.__exit__()
        if self._prints is not None:
            self._prints.__exit__()
        self._context.__exit__(*error)

    # --- after an attempt ---------------------------------------------------------------------------------------------

    async def finish_attempt(self, outcome: Outcome) -> NextStep:
        """Enter the state that follows from the outcome: a final one, or one that waits for another attempt."""
        if self.slots is not None:
            held, self.slots = self.slots, None
            await held.release()
        error = outcome.error
        if error is None:
            return await self._succeed(outcome.value)
        if failures.is_crash(error):
            await self.crash(error)
            return FINISHED
        return await self._fail(error)

    async def _succeed(self, value: Any) -> NextStep:
        try:
            ending = await outcomes.state_from_return(value, self._details)
        except Exception as error:  # a future in the return value that can never be done
            return await self._fail(error)
        state, self.value = ending.state, ending.value
        if state.is_scheduled():
            self.enter_state(state)
            return NextStep(is_finished=False, delay_seconds=core.seconds_until(state))
        if not state.is_final():
            state = self.value = outcomes.fail_unfinished(state, "task")
        if state.is_failed() and (retry := await self.propose_retry(state)) is not None:
            return self.schedule_retry(retry, state.message or "")
        if self.persistence is not None:
            try:
                with self:
                    state = await self.persistence.end_attempt(state, ending.value)
            except Exception as error:  # a run whose result cannot be stored has not completed
                return await self._fail(error)
        self._track(ending.value)
        if self._memo and self._position and state.is_completed():
            self._memo.remember(self._position, self.parameters, state, ending.value)
        self.enter_state(state, self.inline_result(state, ending.value) if ending.is_plain else None)
        await self._finish_run()
        return FINISHED

    async def _end_cached(self, data: Any, value: Any) -> NextStep:
        """Complete the run with a known result, without calling the body."""
        self.value = value
        self._track(value)
        state = State.make(COMPLETED, "Cached", data=data, details=self._details)
        self.enter_state(state, self.inline_result(state, value))
        await self._finish_run()
        return FINISHED

    async def _fail(self, error: Exception | BaseException) -> NextStep:
        if self.persistence is not None:
            with self:
                await self.persistence.roll_back_attempt(error)
        timed_out = isinstance(error, TaskRunTimeoutError)
        if timed_out:
            message = f"Task run exceeded timeout of {self.task.timeout_seconds} second(s)"
            failed = State.make(FAILED, "TimedOut", message=message, data=error, details=self._details)
        elif isinstance(error, TimeoutError):
            message = f"Task run failed due to timeout: {failures.describe_error(error)}"
            failed = State.make(FAILED, "TimedOut", message=message, data=error, details=self._details)
        else:
            message = f"Task run encountered an exception {failures.describe_error(error)}"
            failed = State.make(FAILED, "Failed", message=message, data=error, details=self._details)
        if (retry := await self.propose_retry(failed)) is not None:
            return self.schedule_retry(retry, failures.describe_error(error))
        exhausted = " - Retries are exhausted" if self.task.retries else ""
        self.logger.error(
            "Task run failed with exception: %s%s", failures.describe_error(error), exhausted, exc_info=error
        )
        if timed_out:
            self.logger.error("Task run exceeded timeout of %s second(s)", self.task.timeout_seconds)
        self.error = error
        if self.context.persist_result:
            await persistence.persist_failure(self, failed, error)
        self.enter_state(failed)
        await self._finish_run()
        return FINISHED

    async def crash(self, error: BaseException) -> None:
        """Record an interrupted run as crashed; the caller raises the interruption again."""
        if self.state.is_final():
            return
        if self._context is None:
            self._make_context()
        self.error = error
        message = failures.crash_message(error)
        if self.persistence is not None:
            with self:
                await self.persistence.roll_back_attempt(error)
        self.logger.error("Crash detected! %s", message)
        self.logger.debug("Crash details:", exc_info=error)
        self.enter_state(State.make(CRASHED, "Crashed", message=message, data=error, details=self._details))
        await self._finish_run()

    # --- the end ------------------------------------------------------------------------------------------------------

    async def _finish_run(self) -> None:
        task, state = self.task, self.state
        completed = state.type is COMPLETED
        hooks = task.on_completion_hooks if completed else task.on_failure_hooks if state.type is FAILED else ()
        if hooks:
            with self:
                await self.call_hooks(hooks, task, self.logger)
        if self._assets is not None:
            with self:
                self._assets.emit_events(state)
        if not completed:
            self.note_failure()
        log_line(self.context.identity, logging.INFO if completed else logging.ERROR, "Finished in state %s", state)
        self.release()

    def _track(self, value: Any) -> None:
        """Remember the run of a value, so that passing the value on is recorded as a dependency."""
        if self.flow is not None:
            self.flow.run_results.track(value, self.fields["id"], "task_run")

    async def unwrap(self) -> Any:
        """Return the value of the body, or raise the exception of the run."""
        if self.error is not None:
            raise self.error
        return self.value

    # --- for the shells -----------------------------------------------------------------------------------------------

    @property
    def is_outermost(self) -> bool:
        """Whether this run is not inside a flow run of this process."""
        return self.flow is None or self.flow.is_inherited

    def timeout_error(self) -> BaseException:
        """Return the error for an attempt that exceeded its timeout."""
        return TaskRunTimeoutError(f"Scope timed out after {self.timeout_seconds} second(s).")
