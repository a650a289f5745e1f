"""Persistence of results: cache keys, transactions and cached results.

This module is imported only for runs that persist their result, have transaction hooks or are inside a transaction.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import Token
from typing import TYPE_CHECKING, Any

from prefect import _forks
from prefect._io import drive, user_code
from prefect._lazy import lazy, lazy_from
from prefect.context import TaskRunContext
from prefect.context import current_transaction as current
from prefect.exceptions import SerializationError
from prefect.locking.isolation import IsolationLevel
from prefect.schemas.states import State, StateDetails, StateType
from prefect.transactions import AsyncTransaction, Transaction
from prefect.types import now

if TYPE_CHECKING:
    import prefect
    from prefect import results, runtime
    from prefect.engine.protocols import PersistingFlowRun, PersistingTaskRun
    from prefect.results import ResultRecord, ResultStore
    from prefect.transactions.core import BaseTransaction
else:
    prefect = lazy("prefect")
    results, runtime = lazy_from("prefect", "results", "runtime")


class ResultPersistence:
    """Persists the result of one task run. It is made inside the run's context, which key functions of the user read.

    Attributes:
        key: The key of the result; None if the result is not persisted.
        transaction: The run's transaction, current while its body runs.
    """

    def __init__(self, run: PersistingTaskRun) -> None:
        self._run = run
        self._context: Any = run.context
        self._is_found_again = reads_cache = run.task.reads_cache
        self.key = self._compute_key() if self._context.persist_result else None
        kind = AsyncTransaction if run.task.isasync else Transaction
        persists = self._context.persist_result
        self.transaction = kind(
            store=self._context.result_store if persists else None,
            key=self.key,
            overwrite=not reads_cache or self._is_refreshed(),
            isolation_level=getattr(run.task.cache_policy, "isolation_level", None) if persists else None,
            write_on_commit=persists,
            logger=run.logger,
        )

    def _compute_key(self) -> str | None:
        task, parameters = self._run.task, self._run.parameters
        if task.result_storage_key is not None:
            return _fill_template(task.result_storage_key, parameters)
        flow = self._run.flow
        try:
            with user_code():
                key = task.cache_policy.compute_key(
                    task_ctx=self._context, inputs=parameters, flow_parameters=(flow.parameters or {}) if flow else {}
                )
        except Exception as error:  # a key function of the user's, or an input that cannot be hashed
            self._run.logger.warning(
                "Error encountered when computing cache key - result will not be cached. %s", error
            )
            key = None
        self._is_found_again = self._is_found_again and bool(key)
        return key or self._context.result_store.storage_key_fn()

    def _is_refreshed(self) -> bool:
        """Return whether the flow run is retried from a task run whose new result this one may need."""
        flow = self._run.flow
        return flow is not None and bool(flow.refreshed_results) and self._find_path() in flow.refreshed_results

    def _find_path(self) -> str | None:
        if self.key is None:
            return None
        return self._context.result_store.create_result_record(None, key=self.key).metadata.storage_key

    async def begin_attempt(self) -> ResultRecord[Any] | None:
        """Begin the transaction of an attempt; return the cached result, if there is one."""
        outside = current.set(_find_enclosing_transaction())
        try:
            await self.transaction.aenter()
        finally:
            current.reset(outside)
        if not self.transaction.is_committed():
            return None
        record = await self.transaction.aread()
        await self._exit_transaction(failed=False)
        return record

    _token: Token[BaseTransaction | None] | None = None

    def __enter__(self) -> None:
        self._token = current.set(self.transaction)

    def __exit__(self) -> None:
        if self._token is not None:  # it is None for one that was made while the body was running
            current.reset(self._token)
            self._token = None

    async def end_attempt(self, state: State[Any], value: Any) -> State[Any]:
        """Stage the result of an attempt and end its transaction; return the state with the result's metadata."""
        if not state.is_completed():
            await self._exit_transaction(failed=state.is_final())
            return state
        task = self._run.task
        record: Any = None
        if self._context.persist_result:
            expiration = now() + task.cache_expiration if task.cache_expiration else None
            record = self._context.result_store.create_result_record(value, key=self.key, expiration=expiration)
        self.transaction.stage(record, [_rollback_hook(self._run), *task.on_rollback_hooks], [*task.on_commit_hooks])
        await self._exit_transaction(failed=False)
        if record is not None and not self.transaction.is_rolled_back():
            state.data = record if task.cache_result_in_memory else record.metadata
            if not self._is_found_again:
                details = vars(state.state_details)
                state.state_details = StateDetails.make(**{**details, "refresh_cache": True})
            if self._run.flow is not None and self.transaction.is_committed():
                self._run.flow.refreshed_results.discard(record.metadata.storage_key)
        return state

    async def roll_back_attempt(self, error: BaseException | None) -> None:
        """Roll back the transaction of an attempt that did not complete."""
        if self.transaction.is_active():
            await self._exit_transaction(failed=True)
        self.transaction.state = type(self.transaction.state).PENDING
        self.transaction.on_rollback_hooks = []

    async def _exit_transaction(self, failed: bool) -> None:
        outside = current.get()
        await self.transaction.aexit(failed)
        current.set(outside)


_making = _forks.create_lock()


def _find_enclosing_transaction() -> BaseTransaction | None:
    """Return the transaction of the block or the task run that the caller is in."""
    return current.get() or _get_transaction(TaskRunContext.get())


def _get_transaction(context: TaskRunContext | None) -> BaseTransaction | None:
    """Return the transaction of a task run, with which the tasks inside it commit.

    Most task runs need none. One gets it when a task inside it needs one.
    """
    run: Any = vars(context).get("_execution") if context is not None else None
    if context is None or run is None or run.state.is_final() or (context.persist_result and run.persistence is None):
        return None
    if run.persistence is None:
        outside = current.set(_get_transaction(context.enclosing))
        try:
            made = ResultPersistence(run)
            drive(made.transaction.aenter())
        finally:
            current.reset(outside)
        with _making:
            run.persistence = run.persistence or made
    return run.persistence.transaction


async def persist_failure(run: PersistingTaskRun | PersistingFlowRun, state: State[Any], error: BaseException) -> None:
    """Write the exception of a failed run, so that other processes can read it; keep it in memory if that fails."""
    store = run.context.result_store
    try:
        record = store.create_result_record(error)
        await store.apersist_result_record(record)
    except Exception as failure:  # an exception that cannot be serialized, a storage that is unavailable
        run.logger.warning("The exception of the run cannot be stored and is kept in memory only. %s", failure)
        return
    state.data = record


def _rollback_hook(run: PersistingTaskRun) -> Callable[[Any], None]:
    """Return a hook that marks a completed run as rolled back."""

    def rolled_back(_: Any) -> None:
        if run.state.is_completed():
            message = "Task rolled back as part of transaction"
            run.enter_state(
                State.make(StateType.COMPLETED, "RolledBack", message=message, details=run.state.state_details)
            )

    return rolled_back


def make_task_store(run: PersistingTaskRun) -> ResultStore:
    """Return the result store of a task run: its flow run's, with the options of the task.

    In a SERIALIZABLE transaction it is the store of the transaction: others must find the task's locks.
    """
    enclosing = _find_enclosing_transaction()
    if (
        enclosing is not None
        and enclosing.isolation_level is IsolationLevel.SERIALIZABLE
        and enclosing.store is not None
    ):
        return drive(enclosing.store.aupdate_for_task(run.task))
    return drive((run.flow.result_store if run.flow else results.ResultStore()).aupdate_for_task(run.task))


def make_flow_store(run: PersistingFlowRun) -> ResultStore:
    """Return the result store of a flow run: its parent's, with the options of the flow."""
    return drive((run.parent.result_store if run.parent else results.ResultStore()).aupdate_for_flow(run.flow))


async def persist_flow_result(run: PersistingFlowRun, state: State[Any], value: Any) -> State[Any]:
    """Write the result of a completed flow run; return the state with the result's metadata."""
    store = run.context.result_store
    record = store.create_result_record(value)
    try:
        await store.apersist_result_record(record)
    except SerializationError as error:
        run.logger.warning("The result of the flow run cannot be stored and is kept in memory only. %s", error)
        return state
    state.data = record if run.flow.cache_result_in_memory else record.metadata
    return state


def _fill_template(template: str, parameters: dict[str, Any]) -> str:
    runs = {"flow_run": runtime.flow_run, "task_run": runtime.task_run, "deployment": runtime.deployment}
    run_values: dict[str, Any] = {**runs, "prefect": prefect}
    return template.format(
        parameters=parameters,
        **{name: value for name, value in parameters.items() if name not in (*run_values, "parameters")},
        **run_values,
    )
