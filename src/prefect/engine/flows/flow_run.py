"""The steps of a flow run: creation, validation of parameters, attempts, retries, its end."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import nullcontext
from signal import SIGTERM
from types import CoroutineType
from typing import TYPE_CHECKING, Any, cast

from prefect import _io, outbox, rules
from prefect._lazy import lazy
from prefect.context import EngineContext, TaskRunContext, current_tags
from prefect.engine import core, failures
from prefect.engine.core import FINISHED, RUN_BODY, NextStep, Outcome
from prefect.engine.dataflow import outcomes
from prefect.engine.dataflow.memo import AttemptMemo, RememberedCall
from prefect.engine.dataflow.parameters import as_reiterable, collect_inputs, resolve_inputs
from prefect.engine.flows.flow_states import FlowRunStates
from prefect.engine.interruption import termination
from prefect.engine.interruption.deadline import FlowRunTimeoutError
from prefect.engine.interruption.stopping import AsyncInterrupter, StopCheck
from prefect.engine.orchestration import selection
from prefect.engine.orchestration.orchestrator import NewFlowRun
from prefect.engine.orchestration.subflow import ParentTaskRun
from prefect.exceptions import Abort, ParameterTypeError, Pause, TerminationSignal, UpstreamTaskError
from prefect.logging.loggers import flow_run_logger, get_logger, print_capture
from prefect.schemas.runs import FlowRun
from prefect.schemas.states import State, StateDetails, StateType
from prefect.types import named_id, new_id, now

if TYPE_CHECKING:
    from prefect.engine.dataflow import persistence
    from prefect.engine.protocols import RunnableFlow
else:
    persistence = lazy("prefect.engine.dataflow.persistence")

SCHEDULED, PENDING, RUNNING = StateType.SCHEDULED, StateType.PENDING, StateType.RUNNING
FAILED, CRASHED, CANCELLED = StateType.FAILED, StateType.CRASHED, StateType.CANCELLED


SIGTERM_BEHAVIOR_VARIABLE = "PREFECT_FLOW_RUN_EXECUTE_SIGTERM_BEHAVIOR"
"""The environment variable by which a run of a deployment is scheduled again on SIGTERM (`reschedule`), or crashes."""


class FlowRunEngine(FlowRunStates):
    """One run of a flow.

    Args:
        flow: The flow.
        parameters: The arguments by name, defaults applied; they are resolved and validated before the body runs.
        wait_for: Runs to wait for in addition to those among the arguments.
        run: The run, if it has been created.
    """

    kind = "flow_run"

    def __init__(
        self,
        flow: RunnableFlow,
        parameters: dict[str, Any],
        wait_for: Iterable[Any] | None = None,
        run: FlowRun | None = None,
    ) -> None:
        super().__init__(flow, parameters)
        self.flow = flow
        self.run_id = run.id if run else new_id()
        self.parent: EngineContext | None = EngineContext.get()
        self.journal = outbox.use_journal()
        self._orchestrator = selection.make_orchestrator(self.journal, flow, self.parent is not None)
        self._existing_run = run
        self._flow_id = named_id("flow", flow.name)
        self.attempt = 0
        self.logger: Any = get_logger("engine")
        self._wait_for = as_reiterable(wait_for)
        self._context: EngineContext | None = None
        self._task_runner: Any = None
        self._interrupter: AsyncInterrupter | None = None
        self._memo = AttemptMemo() if flow.retries or (run is not None and run.empirical_policy.retries) else None
        # A persisted subflow is not run again by a retry of its parent.
        memo = self.parent.memo if self.parent and self._should_persist() else None
        self._call = RememberedCall(memo, f"flow {flow.key}")

    # --- before an attempt --------------------------------------------------------------------------------------------

    async def prepare_attempt(self) -> NextStep:
        """Create the run, enter Running and start the task runner."""
        if self.attempt == 0:
            invalid = await self._prepare()
            if self._run is None:
                return FINISHED
            if isinstance(invalid, UpstreamTaskError):
                return await self._enter_not_ready(invalid)
            if invalid is not None:
                return await self._fail_to_start(invalid)
        else:
            if (stopped := await self.find_stop_state()) is not None:
                return await self.end_stopped(stopped)
            if self._memo is not None:
                self._memo.restart()
        entered = await self.propose_state(State.make(RUNNING, "Running", details=self._details))
        if not entered.is_running() and (entered := await self.wait_to_run(entered)) is not None:
            return await self._stop(entered)
        self.attempt += 1
        self.logger.info(
            "Beginning %s %r for flow %r", "subflow run" if self.parent else "flow run", self.run.name, self.flow.name
        )
        assert self._context is not None
        try:
            self._task_runner = self._context.task_runner = self.flow.task_runner.duplicate().__enter__()
        except Exception as error:  # the task runner cannot start
            return await self._fail_to_start(error)
        if self.flow.on_running_hooks:
            await self.call_hooks(self.flow.on_running_hooks, self.flow, self.logger)
        if self.flow.isasync and not (self.flow.isgenerator or _io.is_driven()):
            self._interrupter = AsyncInterrupter(self._context.stop_check, self.journal.forwarder is not None)
        return RUN_BODY

    async def _prepare(self) -> Exception | None:
        """Resolve and validate the parameters and create the run; return the error if the parameters are not valid."""
        parameters = self.parameters
        tracked = self.parent.run_results if self.parent else None
        inputs = collect_inputs(parameters, tracked)
        awaited = collect_inputs({"wait_for": self._wait_for}, tracked) if self._wait_for else None
        invalid: Exception | None = None
        try:
            if awaited is not None:
                await resolve_inputs({"wait_for": self._wait_for}, awaited, self.parent)
            self.parameters = await resolve_inputs(parameters, inputs, self.parent)
            if self.flow.should_validate_parameters:
                with _io.user_code():
                    self.parameters = self.flow.validate_parameters(self.parameters)
        except Exception as error:  # a failed upstream, a lost result, a user's validator
            invalid = error
        if self._existing_run is None and self.parent is not None and self.parent.flow_run is not None:
            links = {**inputs.links, **({"wait_for": awaited.links["wait_for"]} if awaited else {})}
            self._parent_task = ParentTaskRun(self.flow, self.parent, links)
        if invalid is None and (known := self._call.find(self.parameters) or await self._find_former_result()):
            self._current, self.value = known
            return None
        await self._create()
        if invalid is None:
            self._context = self._make_context()
            self._prints = print_capture(self._context.log_prints)
            try:
                await self.read_refreshed_results(self._context)
                self._set_custom_name()
            except Exception as error:  # an unavailable server, a template that cannot be filled, a user function
                return error
        return invalid

    def _set_custom_name(self) -> None:
        if self.flow.flow_run_name is not None:
            with self, _io.user_code():
                self.rename(self.flow.format_run_name(self.parameters))
            self.context.forget_identity()
            self.logger = flow_run_logger(self.run, self.flow)

    async def _create(self) -> None:
        """Create the run, or take over the existing one."""
        flow, created = self.flow, now()
        delay = rules.retry_delay(1, 1, flow.retry_delay_seconds) or 0
        policy = {"retries": flow.retries, "retry_delay": int(delay)}
        values: dict[str, Any] = {
            "id": self.run_id,
            "flow_id": self._flow_id,
            "name": None,
            "parameters": flow.serialize_parameters(self.parameters),
            "tags": sorted(current_tags() or ()),
            "labels": {"prefect.flow.id": str(self._flow_id)},
            "flow_version": flow.version,
            "parent_task_run_id": self._parent_task.id if self._parent_task else None,
            "created": created,
        }
        if self._existing_run is None:
            new = NewFlowRun(flow.name, values, policy, self._parent_task)
            run, self.record = await self._orchestrator.create_run(new)
        else:
            run = self._existing_run
            self.record = self._orchestrator.adopt_run(run, flow.name)
            if flow.retries or delay:
                await self._orchestrator.update_policy(policy)
        self._run = run
        self.fields = vars(run)
        self.run_id, self._flow_id = run.id, run.flow_id
        self._make_details()
        pending = State.make(PENDING, "Pending", details=self._details, timestamp=created)
        recorded = cast("State[Any] | None", vars(run)["state"])
        if recorded is not None:
            self.set_current(recorded)
        elif self._existing_run is not None:
            self.set_current(pending)
        else:
            self.enter_state(pending)
        self.logger = flow_run_logger(self.run, flow)

    def _make_details(self) -> None:
        parent_task_id = self._parent_task.id if self._parent_task else self.fields["parent_task_run_id"]
        self._details = StateDetails.make(flow_run_id=self.run_id, task_run_id=parent_task_id)

    async def _enter_not_ready(self, error: UpstreamTaskError) -> NextStep:
        """Leave a run that can never begin, because a run that it depends on did not complete."""
        self.error = error
        not_ready = State.make(PENDING, "NotReady", message=str(error), details=self._details)
        await self.propose_state(not_ready, final=True)
        await self.conclude()
        return FINISHED

    async def _fail_to_start(self, invalid: Exception) -> NextStep:
        what = (
            "Validation of flow parameters failed with error"
            if isinstance(invalid, ParameterTypeError)
            else "Flow run could not start"
        )
        message = f"{what}: {failures.describe_error(invalid)}"
        self.error = invalid
        get_logger("engine").error("%s", message)
        # No other attempt would fare better.
        await self.propose_state(
            State.make(FAILED, "Failed", message=message, data=invalid, details=self._details), final=True
        )
        await self.conclude()
        return FINISHED

    def _make_context(self) -> EngineContext:
        return EngineContext.make(
            start_time=now(),
            flow=self.flow,
            flow_run=self.run,
            parent=self.parent,
            parameters=self.parameters,
            log_prints=self.flow.should_log_prints(self.parent),
            persist_result=self._should_persist(),
            _result_store=lambda: persistence.make_flow_store(self),
            memo=self._memo,
            stop_check=StopCheck(self._orchestrator, self.run_id, self.parent.stop_check if self.parent else None),
        )

    @property
    def context(self) -> EngineContext:
        """The context of the body, once the parameters are valid."""
        assert self._context is not None
        return self._context

    async def _stop(self, entered: State[Any]) -> NextStep:
        """End an attempt that must not begin, because the run is paused or has ended.

        Raises:
            Pause: The run is paused.
        """
        if entered.is_paused():
            self.release()
            raise Pause(f"The flow run is {entered}.", state=entered)
        self.value = entered
        await self.conclude()
        return FINISHED

    # --- context of the body ------------------------------------------------------------------------------------------

    def __enter__(self) -> FlowRunEngine:
        assert self._context is not None
        self._context.__enter__()
        if self._prints is not None:
            self._prints.__enter__()
        # A task that calls a flow is not the parent of that flow's tasks.
        self._outside = TaskRunContext.hide()
        return self

    def __exit__(self, *error: Any) -> None:
        assert self._context is not None
        TaskRunContext.show(self._outside)
        if self._prints is not None:
            self._prints.__exit__()
        self._context.__exit__(*error)

    # --- after an attempt ---------------------------------------------------------------------------------------------

    async def finish_attempt(self, outcome: Outcome) -> NextStep:
        """Wait for the submitted tasks, then enter the state that follows from the outcome."""
        if isinstance(outcome.value, CoroutineType):
            outcome = await self._await_returned(cast("Any", outcome).value)
        error = outcome.error
        if self._interrupter is not None and self._interrupter.stop():
            error = None  # the cancellation of the body, in which another process has stopped the run
        if isinstance(error, Pause) and (suspended := failures.find_paused_state(error, self.run_id)) is not None:
            return await self.suspend(error, suspended)
        if error is not None and failures.is_crash(error):
            await self.crash(error)
            return FINISHED
        # Submitted tasks run to their end; after a timeout, those that have not started are cancelled.
        try:
            await self.stop_task_runner(error if isinstance(error, (FlowRunTimeoutError, Abort, Pause)) else None)
        except Exception as failure:  # a user's task runner
            error = error or failure
        if isinstance(error, Abort):  # as of a paused run that was cancelled
            self.expect_stop()
        if (stopped := await self.find_stop_state()) is not None:
            return await self.end_stopped(stopped)
        if isinstance(error, (Abort, Pause)):
            await self.crash(error)
            return FINISHED
        if error is not None:
            return await self._fail(error)
        return await self._return(outcome.value)

    async def _await_returned(self, coroutine: Any) -> Outcome:
        """Run the coroutine that the body returned, such as the call of an async task, as a part of the body."""
        try:
            with self:
                return Outcome(value=await _io.call_user(lambda: coroutine))
        except BaseException as error:
            return Outcome(error=error)

    async def _return(self, value: Any) -> NextStep:
        try:
            ending = await outcomes.state_from_return(value, self._details)
        except Exception as error:  # a future in the return value that can never be done
            return await self._fail(error)
        state, self.value = ending.state, ending.value
        if state.is_running() or state.is_pending():
            state = self.value = outcomes.fail_unfinished(state, "flow")
        assert self._context is not None
        if state.is_completed() and self._context.persist_result:
            state = await persistence.persist_flow_result(self, state, ending.value)
        entered = await self.propose_state(state, self.inline_result(state, ending.value) if ending.is_plain else None)
        if entered.is_scheduled():
            return self._try_again(entered)
        if entered.type is not state.type:
            self.value = entered
        if entered.is_completed():
            self._call.remember(self.parameters, entered, ending.value)
        self._track(ending.value)
        await self.conclude()
        return FINISHED

    async def _fail(self, error: BaseException) -> NextStep:
        if isinstance(error, FlowRunTimeoutError):
            message = f"Flow run exceeded timeout of {self.flow.timeout_seconds} second(s)"
            self.logger.error(message)
            failed = State.make(FAILED, "TimedOut", message=message, data=error, details=self._details)
        else:
            self.logger.error(
                "Encountered exception during execution: %s", failures.describe_error(error), exc_info=error
            )
            name, what = "Failed", "encountered an exception"
            if isinstance(error, TimeoutError):
                name, what = "TimedOut", "failed due to timeout"
            message = f"Flow run {what}: {failures.describe_error(error)}"
            failed = State.make(FAILED, name, message=message, data=error, details=self._details)
        if self.context.persist_result and self.attempt > self.flow.retries:
            await persistence.persist_failure(self, failed, error)
        entered = await self.propose_state(failed)
        if entered.is_scheduled():
            return self._try_again(entered)
        if entered.is_failed():
            self.error = error
            if entered.data is None:  # the rules made the state, which has no exception
                entered.data = error
        else:
            self.value = entered
        await self.conclude()
        return FINISHED

    def _try_again(self, entered: State[Any]) -> NextStep:
        self.logger.info(
            "Received non-final state 'AwaitingRetry' when proposing final state 'Failed' and will attempt to run "
            "again..."
        )
        # The state was made by the clock of a server, perhaps.
        return NextStep(is_finished=False, delay_seconds=core.seconds_until(entered, entered.timestamp))

    async def crash(self, error: BaseException) -> None:
        """Record an interrupted run as crashed; the caller raises the interruption again.

        One that was not allowed to begin is left alone: another process may run it.
        """
        if isinstance(error, Abort) and not self.attempt:
            self.release()
            return
        if self._run is None:
            if not failures.is_crash(error):
                return  # it could not be created
            await self._create()
        if self.state.is_final():
            return
        if (failures.is_cancellation(error) or isinstance(error, TerminationSignal)) and self._context is not None:
            # A runner that ends the process has recorded why just before.
            self.expect_stop()
            stopped = await self.find_stop_state()
            if stopped is not None:
                await self.stop_task_runner(error)
                await self.end_stopped(stopped)
                self.error = error
                return
        self.error = error
        is_sigterm = isinstance(error, TerminationSignal) or termination.is_signalled()
        if is_sigterm and self._is_rescheduled_on_sigterm():
            return await self._reschedule(error)
        message = failures.crash_message(TerminationSignal(signal=SIGTERM) if is_sigterm else error)
        self.logger.error("Crash detected! %s", message)
        self.logger.debug("Crash details:", exc_info=error)
        await self.stop_task_runner(error)
        try:
            await self.propose_state(State.make(CRASHED, "Crashed", message=message, data=error, details=self._details))
        except Abort as abort:  # another process has recorded a final state already
            self.logger.info("The flow run is not recorded as crashed: %s", abort)
            self.release()
            return
        await self.conclude()

    def _is_rescheduled_on_sigterm(self) -> bool:
        """Return whether another process runs the run when this one is asked to end."""
        has_not_begun = self._context is not None and not self.attempt
        is_wanted = os.environ.get(SIGTERM_BEHAVIOR_VARIABLE, "").lower() == "reschedule"
        return (has_not_begun or is_wanted) and self.is_outermost and self.fields["deployment_id"] is not None

    async def _reschedule(self, error: BaseException) -> None:
        """Leave the run to another process, which begins it: immediately, or at its time, if that has not come yet."""
        await self.stop_task_runner(error)
        message = "Its process was asked to end, so the run is scheduled again."
        expected = self.fields["expected_start_time"]
        name, at = ("AwaitingRetry", now()) if self.attempt else ("Scheduled", expected or now())
        details = StateDetails.make(**{**vars(self._details), "scheduled_time": at})
        await self.propose_state(State.make(SCHEDULED, name, message=message, details=details), final=True)
        self.logger.info("%s", message)
        self.release()

    _run: FlowRun | None = None

    @property
    def run(self) -> Any:
        """The run as a schema object."""
        return self._run

    # --- the end ------------------------------------------------------------------------------------------------------

    async def stop_task_runner(self, error: BaseException | None) -> None:
        """Wait for the submitted tasks. If that is interrupted, the caller calls it again with the interruption."""
        runner = self._task_runner
        if isinstance(error, KeyboardInterrupt):
            self._task_runner = None  # a second one ends the process immediately
        if runner is not None:
            await _io.blocking(runner.__exit__, type(error) if error else None, error, None)
            self._task_runner = None

    async def conclude(self) -> None:
        flow = self.flow
        hooks = {
            StateType.COMPLETED: flow.on_completion_hooks,
            FAILED: flow.on_failure_hooks,
            CRASHED: flow.on_crashed_hooks,
            CANCELLED: flow.on_cancellation_hooks,
        }.get(self.state.type)
        if hooks:
            # Hooks see a run that has not ended: it ends after them.
            end_time, self.fields["end_time"] = self.fields["end_time"], None
            try:
                with self if self._context is not None else nullcontext():
                    await self.call_hooks(hooks, flow, self.logger)
            finally:
                self.fields["end_time"] = end_time
        logger = get_logger("engine") if self._context is None else self.logger
        logger.info("Finished in state %s", str(self.state))  # a handler that keeps the record must not keep the result
        if self._parent_task is not None and self.parent is not None and not self.state.is_completed():
            self.parent.failed_runs[self._parent_task.id] = f"flow run {self.fields['name']!r}"
        self.release()

    def release(self) -> None:
        if self._interrupter is not None:
            self._interrupter.stop()
        self._orchestrator.release_run()
        # The context refers to this engine: without it, the values of the run's tasks are freed with their last user.
        self._context = None

    def _track(self, value: Any) -> None:
        if self.parent is not None:
            self.parent.run_results.track(value, self.run_id, "flow_run")

    async def unwrap(self) -> Any:
        """Return the value of the run, or raise its exception."""
        if self.error is not None:
            raise self.error
        if isinstance(self.value, State):
            return await self.state.aresult(raise_on_failure=True)
        return self.value

    # --- for the shells -----------------------------------------------------------------------------------------------

    @property
    def is_outermost(self) -> bool:
        """Whether this run is not inside another flow run of this process."""
        return self.parent is None or self.parent.is_inherited

    def timeout_error(self) -> BaseException:
        """Return the error for an attempt that exceeded its timeout."""
        return FlowRunTimeoutError(f"Scope timed out after {self.timeout_seconds} second(s).")
