"""Protocols of the tasks and flows that the engine runs.

The engine must not import the classes themselves, which stand above it. Members that the classes declare as
`cached_property` are `Any` here: a type checker takes such a member for the descriptor, not for its value.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from prefect.cache_policies import CachePolicy
    from prefect.context import EngineContext, TaskRunContext
    from prefect.schemas.states import State

Hooks = Sequence[Callable[..., Any]]
"""Functions of the user that are called when a run enters a state."""


class Runnable(Protocol):
    """A function with options, every call of which is a run."""

    @property
    def fn(self) -> Any: ...
    @property
    def name(self) -> str: ...
    @property
    def version(self) -> Any: ...
    @property
    def spec(self) -> Any: ...
    @property
    def isasync(self) -> bool: ...
    @property
    def isgenerator(self) -> bool: ...
    @property
    def retries(self) -> int: ...
    @property
    def retry_delay_seconds(self) -> float | list[float]: ...
    @property
    def timeout_seconds(self) -> float | None: ...
    @property
    def persist_result(self) -> bool | None: ...
    @property
    def cache_result_in_memory(self) -> bool: ...
    @property
    def on_completion_hooks(self) -> Hooks: ...
    @property
    def on_failure_hooks(self) -> Hooks: ...
    @property
    def on_running_hooks(self) -> Hooks: ...

    def should_log_prints(self, flow: Any) -> bool:
        """Return whether a run inside this flow's context (None outside of one) logs its prints."""
        ...

    def format_run_name(self, parameters: dict[str, Any]) -> str:
        """Return the name of a run with these parameters."""
        ...


class RunnableTask(Runnable, Protocol):
    """A task as the engine runs it."""

    @property
    def task_key(self) -> Any: ...
    @property
    def tags(self) -> set[str]: ...
    @property
    def policy(self) -> Any: ...
    @property
    def task_run_name(self) -> Any: ...
    @property
    def may_be_remembered(self) -> bool: ...
    @property
    def retry_jitter_factor(self) -> float | None: ...
    @property
    def retry_condition_fn(self) -> Callable[..., Any] | None: ...
    @property
    def refresh_cache(self) -> bool | None: ...
    @property
    def cache_policy(self) -> CachePolicy: ...
    @property
    def cache_expiration(self) -> timedelta | None: ...
    @property
    def result_storage_key(self) -> str | None: ...
    @property
    def on_commit_hooks(self) -> Hooks: ...
    @property
    def on_rollback_hooks(self) -> Hooks: ...


class RunnableFlow(Runnable, Protocol):
    """A flow as the engine runs it."""

    @property
    def key(self) -> Any: ...
    @property
    def flow_run_name(self) -> Any: ...
    @property
    def task_runner(self) -> TaskRunnerFactory: ...
    @property
    def should_validate_parameters(self) -> bool: ...
    @property
    def on_cancellation_hooks(self) -> Hooks: ...
    @property
    def on_crashed_hooks(self) -> Hooks: ...

    def validate_parameters(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Check the parameters and convert them to what the function's type hints ask for."""
        ...

    def serialize_parameters(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Return the parameters as JSON values."""
        ...


class TaskRunnerFactory(Protocol):
    """A flow's task runner, which is duplicated for every attempt of a run."""

    def duplicate(self) -> Any:
        """Return a task runner with the same options that is not started."""
        ...


class PersistingTaskRun(Protocol):
    """A task run under way, as result persistence sees it."""

    parameters: dict[str, Any]
    state: State[Any]

    @property
    def task(self) -> RunnableTask: ...
    @property
    def flow(self) -> EngineContext | None: ...
    @property
    def context(self) -> TaskRunContext: ...
    @property
    def logger(self) -> Any: ...

    def refresh_by_default(self) -> bool:
        """Return whether tasks without the option run even if there is a cached result."""
        ...

    def enter_state(self, state: State[Any], result: dict[str, Any] | None = None) -> State[Any]:
        """Make a state the run's state, and record it."""
        ...


class PersistingFlowRun(Protocol):
    """A flow run under way, as result persistence sees it."""

    @property
    def flow(self) -> RunnableFlow: ...
    @property
    def parent(self) -> EngineContext | None: ...
    @property
    def context(self) -> EngineContext: ...
    @property
    def logger(self) -> Any: ...
