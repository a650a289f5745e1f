"""The life of a flow run: created, validated, attempted, retried, ended."""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from contextlib import nullcontext
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from prefect import _io, rules
from prefect._lazy import lazy
from prefect.context import EngineContext, TaskRunContext, current_tags
from prefect.engine import core, outcomes
from prefect.engine.core import DONE, GO, Execution, Outcome, RunRecord, Verdict
from prefect.engine.deadline import FlowRunTimeoutError
from prefect.engine.memo import Memo
from prefect.engine.parameters import Link, collect, listed, resolve, track
from prefect.exceptions import ParameterTypeError
from prefect.logging.loggers import flow_run_logger, get_logger, print_capture
from prefect.results import asking
from prefect.results.inline import inline
from prefect.schemas.runs import FlowRun, FlowRunPolicy
from prefect.schemas.states import State, StateDetails, StateType
from prefect.types import named_id, new_id, now
from prefect.utilities.names import generate_slug

if TYPE_CHECKING:
    from prefect._flow import Flow
    from prefect.engine import keeping
    from prefect.journal.writer import Journal
else:
    keeping = lazy("prefect.engine.keeping")

SCHEDULED, PENDING, RUNNING = StateType.SCHEDULED, StateType.PENDING, StateType.RUNNING
FAILED, CRASHED, CANCELLED = StateType.FAILED, StateType.CRASHED, StateType.CANCELLED

_recorded_flows: weakref.WeakKeyDictionary[Journal, set[str]] = weakref.WeakKeyDictionary()
"""The names of the flows that each journal has been told of."""


class FlowExecution(Execution):
    """One run of a flow.

    Args:
        flow: The flow.
        parameters: Its arguments by name, defaults applied; they are resolved and validated before the body runs.
        wait_for: Runs to wait for that are not among the arguments.
        run_id: The id of the run, when the caller needs it beforehand.
    """

    kind = "flow_run"

    def __init__(
        self,
        flow: Flow[..., Any],
        parameters: dict[str, Any],
        wait_for: Iterable[Any] | None = None,
        run_id: UUID | None = None,
    ) -> None:
        super().__init__()
        self.flow = flow
        self.parameters = parameters
        self.run_id = run_id or new_id()
        self.parent: EngineContext | None = EngineContext.get()
        self.journal = core.use_journal()
        self._flow_id = named_id("flow", flow.name)
        self.attempt = 0
        self.logger: Any = get_logger("engine")
        self._wait_for = listed(wait_for)
        self._parent_task: _ParentTask | None = None
        self._context: EngineContext | None = None
        self._task_runner: Any = None
        self._memo = Memo() if flow.retries else None

    # --- before an attempt --------------------------------------------------------------------------------------------

    async def before(self) -> Verdict:
        """Create the run with valid parameters, enter Running and start its task runner."""
        if self.attempt == 0:
            invalid = await self._prepare()
            if invalid is not None:
                return await self._refuse(invalid)
        elif self._memo is not None:
            self._memo.restart()
        self.attempt += 1
        self.enter(State.make(RUNNING, "Running", details=self._details))
        self.logger.info(
            "Beginning %s %r for flow %r", "subflow run" if self.parent else "flow run", self.run.name, self.flow.name
        )
        assert self._context is not None
        try:
            self._task_runner = self._context.task_runner = self.flow.task_runner.duplicate().__enter__()
        except Exception as error:  # a runner that cannot start
            return await self._refuse(error)
        if self.flow.on_running_hooks:
            await self.call_hooks(self.flow.on_running_hooks, self.flow, self.logger)
        return GO

    async def _prepare(self) -> Exception | None:
        """Resolve and validate the parameters and record the run; returns what is wrong with them."""
        given = self.parameters
        tracked = self.parent.run_results if self.parent else None
        inputs = collect(given, tracked)
        awaited = collect({"wait_for": self._wait_for}, tracked) if self._wait_for else None
        invalid: Exception | None = None
        try:
            if awaited is not None:
                await resolve({"wait_for": self._wait_for}, awaited)
            self.parameters = await resolve(given, inputs)
            if self.flow.should_validate_parameters:
                with _io.user_code():
                    self.parameters = self.flow.validate_parameters(self.parameters)
        except Exception as error:  # an upstream that failed, a result that is no more, a validator of the user's
            invalid = error
        if self.parent is not None and self.parent.flow_run is not None:
            links = {**inputs.links, **({"wait_for": awaited.links["wait_for"]} if awaited else {})}
            self._parent_task = _ParentTask(self, links)
        self._create(generate_slug(2))
        if invalid is None:
            self._context = self._make_context()
            self._prints = print_capture(self._context.log_prints)
            try:
                self._name()
            except Exception as error:  # a template that does not fit, or a function of the user's
                return error
        return invalid

    def _name(self) -> None:
        if self.flow.flow_run_name is not None:
            with self, _io.user_code():
                self.rename(self.flow.format_run_name(self.parameters))
            self.context.forget_identity()
            self.logger = flow_run_logger(self.run, self.flow)

    def _create(self, name: str) -> None:
        flow = self.flow
        self._record_flow()
        created = now()
        shared = {
            "id": self.run_id,
            "flow_id": self._flow_id,
            "name": name,
            "parameters": flow.serialize_parameters(self.parameters),
            "tags": sorted(current_tags() or ()),
            "labels": {"prefect.flow.id": str(self._flow_id)},
            "flow_version": flow.version,
            "parent_task_run_id": self._parent_task.id if self._parent_task else None,
            "created": created,
        }
        delay = rules.retry_delay(1, 1, flow.retry_delay_seconds) or 0
        policy = FlowRunPolicy.make(retries=flow.retries, retry_delay=int(delay))
        self._run = FlowRun.make(**shared, empirical_policy=policy)
        self.fields = vars(self._run)
        policy_record = {"retries": policy.retries, "retry_delay": policy.retry_delay}
        self.record = RunRecord(self.journal, self.kind, self.run_id, {**shared, "empirical_policy": policy_record})
        parent_task_id = self._parent_task.id if self._parent_task else None
        self._details = StateDetails.make(flow_run_id=self.run_id, task_run_id=parent_task_id)
        self.enter(State.make(PENDING, "Pending", details=self._details, timestamp=created))
        self.logger = flow_run_logger(self.run, flow)

    def _record_flow(self) -> None:
        """Tell the journal of the flow, once for each journal that this process writes."""
        recorded = _recorded_flows.setdefault(self.journal, set())
        if self.flow.name not in recorded:
            recorded.add(self.flow.name)
            self.journal.append(
                {
                    "kind": "flow",
                    "id": self._flow_id,
                    "name": self.flow.name,
                    "tags": [],
                    "created": now(),
                }
            )

    async def _refuse(self, invalid: Exception) -> Verdict:
        what = (
            "Validation of flow parameters failed with error"
            if isinstance(invalid, ParameterTypeError)
            else "Flow run could not start"
        )
        message = f"{what}: {core.text_of(invalid)}"
        self.error = invalid
        get_logger("engine").error("%s", message)
        self.enter(State.make(FAILED, "Failed", message=message, data=invalid, details=self._details))
        await self._ended()
        return DONE

    def _make_context(self) -> EngineContext:
        return EngineContext(
            flow=self.flow,
            flow_run=self.run,
            parent=self.parent,
            parameters=self.parameters,
            log_prints=self.flow.should_log_prints(self.parent),
            persist_result=self._should_persist(),
            result_store=lambda: keeping.flow_store(self),
            memo=self._memo,
        )

    @property
    def context(self) -> EngineContext:
        """The context that the body runs in, once the parameters are valid."""
        assert self._context is not None
        return self._context

    def _should_persist(self) -> bool:
        if self.flow.persist_result is not None:
            return self.flow.persist_result
        if self.parent is not None:
            return self.parent.persist_result
        return asking.get_default_persist_setting()

    def enter(self, state: State[Any], result: dict[str, Any] | None = None) -> State[Any]:
        """As for every run; a subflow's state is also its parent task run's."""
        super().enter(state, result)
        if self._parent_task is not None:
            self._parent_task.mirror(state)
        return state

    # --- around the body ----------------------------------------------------------------------------------------------

    def __enter__(self) -> FlowExecution:
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

    async def after(self, outcome: Outcome) -> Verdict:
        """Wait for the tasks submitted, then enter the state that follows from the outcome."""
        error = outcome.error
        if error is not None and core.is_crash(error):
            await self.crash(error)
            return DONE
        # Tasks that were submitted run to their end, but when there is no more time none is begun.
        try:
            await self._stop_task_runner(error if isinstance(error, FlowRunTimeoutError) else None)
        except Exception as failure:  # a task runner of the user's
            error = error or failure
        if error is not None:
            return await self._fail(error)
        return await self._return(outcome.value)

    async def _return(self, value: Any) -> Verdict:
        try:
            ending = await outcomes.ending(value, self._details, self.flow.cache_result_in_memory)
        except Exception as error:  # a future among what was returned that can never be done
            return await self._fail(error)
        state, self.value = ending.state, ending.value
        if state.is_failed() and (delay := self._retry_delay()) is not None:
            return self._await_retry(state.message, delay)
        assert self._context is not None
        if state.is_completed() and self._context.persist_result:
            state = await keeping.persist(self, state, ending.value)
        self._track(ending.value)
        self.enter(state, inline(ending.value) if ending.plain else None)
        await self._ended()
        return DONE

    async def _fail(self, error: BaseException) -> Verdict:
        if isinstance(error, FlowRunTimeoutError):
            message = f"Flow run exceeded timeout of {self.flow.timeout_seconds} second(s)"
            self.logger.error(message)
            failed = State.make(FAILED, "TimedOut", message=message, data=error, details=self._details)
        else:
            self.logger.error("Encountered exception during execution: %s", core.text_of(error), exc_info=error)
            message = f"Flow run encountered an exception: {core.text_of(error)}"
            failed = State.make(FAILED, "Failed", message=message, data=error, details=self._details)
        if (delay := self._retry_delay()) is not None:
            return self._await_retry(message, delay)
        self.error = error
        self.enter(failed)
        await self._ended()
        return DONE

    def _retry_delay(self) -> float | None:
        if self.closing:
            return None
        return rules.retry_delay(self.attempt, self.flow.retries, self.flow.retry_delay_seconds)

    def _await_retry(self, message: str | None, delay: float) -> Verdict:
        details = StateDetails.make(
            flow_run_id=self.run_id,
            task_run_id=self._details.task_run_id,
            scheduled_time=now() + timedelta(seconds=delay),
        )
        self.enter(State.make(SCHEDULED, "AwaitingRetry", message=message, details=details))
        self.logger.info(
            "Received non-final state 'AwaitingRetry' when proposing final state 'Failed' and will attempt to run "
            "again..."
        )
        return Verdict(done=False, delay=delay)

    async def crash(self, error: BaseException) -> None:
        """The run was interrupted: record it as crashed; the caller raises the interruption on."""
        if self._run is None:
            self._create(generate_slug(2))
        if self.state.is_final():
            return
        self.error = error
        message = core.crashed_message(error)
        self.logger.error("Crash detected! %s", message)
        self.logger.debug("Crash details:", exc_info=error)
        await self._stop_task_runner(error)
        self.enter(State.make(CRASHED, "Crashed", message=message, data=error, details=self._details))
        await self._ended()

    _run: FlowRun | None = None

    @property
    def run(self) -> Any:
        """The run as the API shows it."""
        return self._run

    # --- the end ------------------------------------------------------------------------------------------------------

    async def _stop_task_runner(self, error: BaseException | None) -> None:
        """Wait for the tasks submitted. When that is interrupted it is to be called again, with the interruption."""
        runner = self._task_runner
        if runner is not None:
            await _io.blocking(runner.__exit__, type(error) if error else None, error, None)
            self._task_runner = None

    async def _ended(self) -> None:
        flow = self.flow
        hooks = {
            StateType.COMPLETED: flow.on_completion_hooks,
            FAILED: flow.on_failure_hooks,
            CRASHED: flow.on_crashed_hooks,
            CANCELLED: flow.on_cancellation_hooks,
        }.get(self.state.type)
        if hooks:
            with self if self._context is not None else nullcontext():
                await self.call_hooks(hooks, flow, self.logger)
        logger = get_logger("engine") if self._context is None else self.logger
        logger.info("Finished in state %s", self.state)
        # The context leads back here: apart from it, what the run's tasks returned goes when nobody holds it any more.
        self._context = None

    def _track(self, value: Any) -> None:
        if self.parent is not None:
            track(self.parent.run_results, value, self.run_id, "flow_run")

    async def conclude(self) -> Any:
        """What the caller gets: the value, or the exception raised."""
        if self.error is not None:
            raise self.error
        if isinstance(self.value, State):
            return await self.state.aresult(raise_on_failure=True)
        return self.value

    # --- for the shells -----------------------------------------------------------------------------------------------

    @property
    def fn(self) -> Any:
        """The body."""
        return self.flow.fn

    @property
    def time_limit(self) -> float | None:
        """Seconds that one attempt may take."""
        return self.flow.timeout_seconds

    @property
    def outermost(self) -> bool:
        """Whether this run is inside no other."""
        return self.parent is None

    def arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The body's arguments."""
        return self.flow.spec.unbind(self.parameters)

    def late(self) -> BaseException:
        """The error of an attempt that took too long."""
        return FlowRunTimeoutError(f"Scope timed out after {self.time_limit} second(s).")


class _ParentTask:
    """The task run that stands for a subflow in its parent flow: it has the subflow's states."""

    def __init__(self, child: FlowExecution, links: dict[str, list[Link]]) -> None:
        assert child.parent is not None and child.parent.flow_run is not None
        flow, keys = child.flow, child.parent.task_run_dynamic_keys
        number = keys[flow.name] = keys.get(flow.name, -1) + 1
        caller = TaskRunContext.get()
        if caller is not None:
            links["__parents__"] = [{"input_type": "task_run", "id": caller.task_run_id}]
        self.id = new_id()
        self._child_id = child.run_id
        created = {
            "id": self.id,
            "flow_run_id": child.parent.flow_run.id,
            "name": f"{flow.name}-{number}",
            "task_key": flow.key,
            "dynamic_key": str(number),
            "tags": sorted(current_tags() or ()),
            "task_inputs": links,
            "empirical_policy": {"retries": 0, "retry_delay": 0},
            "created": now(),
        }
        self._record = RunRecord(child.journal, "task_run", self.id, created)

    def mirror(self, state: State[Any]) -> None:
        """Record the child's state as this run's."""
        entry: dict[str, Any] = {
            "id": new_id(),
            "type": state.type.value,
            "name": state.name,
            "timestamp": state.timestamp,
            "details": {"child_flow_run_id": self._child_id},
        }
        if state.message:
            entry["message"] = state.message
        self._record.enter(entry)
