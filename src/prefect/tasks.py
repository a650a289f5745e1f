"""Tasks: functions whose every call is a recorded run.

A `Task` holds the function and its options and knows how it may be called: directly, submitted to a task runner, mapped
over iterables. What happens during a run is the engine's. Importing this module costs next to nothing, so what only a
run needs is bound lazily here.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Generic, Literal, ParamSpec, Protocol, TypeVar, overload

from prefect import _functions, _warnings
from prefect._deferring import Deferring
from prefect._lazy import exports, lazy, lazy_from
from prefect.values.annotations import NotSet, unmapped

if TYPE_CHECKING:
    import zlib
    from datetime import timedelta
    from typing import Unpack
    from uuid import UUID

    from prefect import cache_policies, settings, task_runners
    from prefect._backoff import exponential_backoff
    from prefect._options import (
        FutureOrResult,
        OneOrManyFutureOrResult,
        RetryConditionCallable,
        StateHookCallable,
        TaskOptions,
        TaskRunNameCallbackWithParameters,
        TaskRunNameValueOrCallable,
    )
    from prefect.assets import core as asset_core
    from prefect.cache_policies import CachePolicy, task_input_hash
    from prefect.engine import shells
    from prefect.engine.tasks import deferral, task_creation, task_run
    from prefect.futures import PrefectFuture, PrefectFutureList
    from prefect.results import ResultSerializer, ResultStorage
    from prefect.schemas.runs import TaskRun
    from prefect.schemas.states import State
    from prefect.transactions import Transaction
else:
    zlib = lazy("zlib")
    asset_core, task_run = lazy_from("prefect", "assets.core", "engine.tasks.task_run")
    cache_policies, settings, task_runners = lazy_from("prefect", "cache_policies", "settings", "task_runners")
    deferral, shells, task_creation = lazy_from("prefect.engine", "tasks.deferral", "shells", "tasks.task_creation")

__all__ = [
    "FutureOrResult",
    "MaterializingTask",
    "OneOrManyFutureOrResult",
    "RetryConditionCallable",
    "StateHookCallable",
    "Task",
    "TaskOptions",
    "TaskRunNameCallbackWithParameters",
    "TaskRunNameValueOrCallable",
    "exponential_backoff",
    "task",
    "task_input_hash",
]

P = ParamSpec("P")
R = TypeVar("R", covariant=True)
T = TypeVar("T")

MAX_RETRY_DELAYS = 50


class Task(_functions.Wrapper, Deferring[P, R], Generic[P, R]):
    """A function whose every call is a recorded run.

    Args:
        fn: The function: sync, async, a generator or an async generator; a method, classmethod or staticmethod.
        name: Name of the task; the name of the function by default.
        description: Description of the task; the docstring of the function by default.
        tags: Tags of every run.
        version: Version of the task, any text.
        cache_policy: Computes the cache key of a run. Results of a task with a policy are persisted.
        cache_key_fn: Returns the cache key for the run's context and parameters; None disables caching for the run.
        cache_expiration: Validity of a cached result; unlimited by default.
        task_run_name: Template of run names over the parameters (`"load-{day}"`), or a function that returns the name.
        retries: Maximum number of retries of a failed run; `PREFECT_TASKS_DEFAULT_RETRIES` by default.
        retry_delay_seconds: Seconds before each retry: a number, a list, or a function that makes a list of `retries`.
        retry_jitter_factor: Maximum deviation from the retry delay, as a fraction of it; 0 by default.
        persist_result: Whether results are stored; by default as the flow does.
        result_storage: Storage of results: a block, its slug `"type/name"`, or a path.
        result_serializer: Serializer of results, or its type, for instance `"json"` or `"compressed/pickle"`.
        result_storage_key: Key of the stored result: a template over the parameters and `prefect.runtime`.
        cache_result_in_memory: Whether the process keeps a stored result in memory as long as the run's state.
        timeout_seconds: Maximum duration of one attempt in seconds; unlimited by default.
        log_prints: Whether `print` in the task is logged; None does as the flow.
        refresh_cache: Whether to run despite a cached result, and replace it.
        on_completion, on_failure, on_running: Hooks, called with the task, the run and its state.
        on_rollback, on_commit: Hooks, called with the transaction that the run is part of.
        retry_condition_fn: Called with the task, the run and its failed state; returns whether to retry the run.
        viz_return_value: The return value of the task when a flow is drawn.
        asset_deps: Assets that the task depends on.

    Raises:
        ValueError: An option is out of its range.
        TypeError: An option is of the wrong type.
    """

    _CLEARABLE_OPTIONS = _functions.Wrapper._CLEARABLE_OPTIONS | {
        *("task_run_name", "retries", "retry_delay_seconds", "retry_jitter_factor", "refresh_cache", "cache_policy")
    }
    _shared_values = ("spec", "task_key", "policy")

    def __init__(
        self,
        fn: Callable[P, R],
        name: str | None = None,
        description: str | None = None,
        tags: Iterable[str] | None = None,
        version: str | None = None,
        cache_policy: CachePolicy | type[NotSet] | None = NotSet,
        cache_key_fn: Callable[[Any, dict[str, Any]], str | None] | None = None,
        cache_expiration: timedelta | None = None,
        task_run_name: Callable[..., str] | str | None = None,
        retries: int | None = None,
        retry_delay_seconds: float | list[float] | Callable[[int], list[float]] | None = None,
        retry_jitter_factor: float | None = None,
        persist_result: bool | None = None,
        result_storage: ResultStorage | None = None,
        result_serializer: ResultSerializer | None = None,
        result_storage_key: str | None = None,
        cache_result_in_memory: bool = True,
        timeout_seconds: float | None = None,
        log_prints: bool | None = False,
        refresh_cache: bool | None = None,
        on_completion: list[Callable[..., Any]] | None = None,
        on_failure: list[Callable[..., Any]] | None = None,
        on_running: list[Callable[..., Any]] | None = None,
        on_rollback: list[Callable[[Transaction], None]] | None = None,
        on_commit: list[Callable[[Transaction], None]] | None = None,
        retry_condition_fn: Callable[..., Any] | None = None,
        viz_return_value: Any = None,
        asset_deps: list[Any] | None = None,
    ) -> None:
        self._options = {key: value for key, value in locals().items() if key not in ("self", "fn", "__class__")}
        self._kind, self.fn = _functions.unwrap_method(fn)
        if not callable(self.fn):
            raise TypeError(f"'fn' must be callable, and {self.fn!r} is not.")
        _functions.adopt_attributes(self, self.fn)
        _functions.check_hooks("task", on_completion=on_completion, on_failure=on_failure, on_running=on_running)
        _functions.check_hooks("task", on_rollback=on_rollback, on_commit=on_commit)
        if retry_condition_fn is not None and not callable(retry_condition_fn):
            raise TypeError(f"Expected `retry_condition_fn` to be callable, got {type(retry_condition_fn).__name__}.")
        self.isasync, self.isgenerator = _functions.detect_kind(self.fn)
        self.name: str = name or _functions.get_name(self.fn)
        self.description: str | None = description or _functions.get_description(self.fn)
        self.tags: set[str] = {tags} if isinstance(tags, str) else set(tags or ())
        self.version = version
        self.task_run_name = _functions.check_run_name(task_run_name, "task_run_name")
        self.cache_key_fn = cache_key_fn
        self.cache_expiration = cache_expiration
        self.refresh_cache = refresh_cache
        self.result_storage = result_storage
        self.result_serializer = result_serializer
        self.result_storage_key = result_storage_key
        self.cache_result_in_memory = cache_result_in_memory
        self.timeout_seconds = float(timeout_seconds) if timeout_seconds else None
        _functions.check_numbers("task", timeout_seconds=self.timeout_seconds)
        self.log_prints = log_prints
        self.on_completion_hooks = list(on_completion or ())
        self.on_failure_hooks = list(on_failure or ())
        self.on_running_hooks = list(on_running or ())
        self.on_rollback_hooks = list(on_rollback or ())
        self.on_commit_hooks = list(on_commit or ())
        self.retry_condition_fn = retry_condition_fn
        self.viz_return_value = viz_return_value
        self.asset_deps = _as_assets(asset_deps or ())
        self.assets, self.materialized_by, self.has_lineage = [], None, bool(asset_deps)
        self._set_retries(retries, retry_delay_seconds, retry_jitter_factor)
        self._set_caching(cache_policy, persist_result)
        _functions.check_reserved(self.fn, "task", self.name)

    def _set_retries(self, retries: int | None, delays: Any, jitter: float | None) -> None:
        _functions.check_numbers("task", retries=retries, retry_jitter_factor=jitter)
        self._retries = retries
        delays = delays(self.retries) if callable(delays) else delays
        _functions.check_numbers("task", retry_delay_seconds=delays)
        if isinstance(delays, (list, tuple)):
            if len(delays) > MAX_RETRY_DELAYS:
                raise ValueError(f"Can not configure more than {MAX_RETRY_DELAYS} retry delays per task.")
            delays = [float(delay) for delay in delays] or None
        self._retry_delay_seconds = delays
        self.retry_jitter_factor = jitter

    def _set_caching(self, policy: Any, persist_result: bool | None) -> None:
        if policy is not NotSet and policy is not None and not _is_policy(policy):
            raise TypeError(
                f"`cache_policy` of the task {self.name!r} must be a cache policy, as "
                f"`prefect.cache_policies.INPUTS` is, not {policy!r}."
            )
        from_key_fn = self.cache_key_fn is not None
        if policy is not NotSet and from_key_fn:
            _warnings.warn(
                f"Both `cache_policy` and `cache_key_fn` are set on task {self.name!r}: the key function counts."
            )
        if policy is not NotSet and self.result_storage_key:
            _warnings.warn(
                f"Both `cache_policy` and `result_storage_key` are set on task {self.name!r}: the storage key counts."
            )
        caching = from_key_fn or (policy is not NotSet and policy is not None and not _caches_nothing(policy))
        if persist_result is False and caching:
            _warnings.warn(f"Ignoring `cache_policy` because `persist_result` is False on task {self.name!r}.")
        stores = any(x is not None for x in (self.result_storage, self.result_serializer, self.result_storage_key))
        self.persist_result = True if persist_result is None and (caching or stores) else persist_result
        self._has_cache_policy_option = policy is not NotSet
        self._cache_policy: Any = policy if self._has_cache_policy_option else None

    # --- options with defaults from settings --------------------------------------------------------------------------

    @property
    def cache_policy(self) -> CachePolicy:
        """The policy that computes the cache key of a run."""
        if not self._may_use_cache:
            return cache_policies.NO_CACHE
        if self.persist_result is False or (self.result_storage_key and not self.cache_key_fn):
            return cache_policies.NO_CACHE
        if self.cache_key_fn is not None:
            return cache_policies.CachePolicy.from_cache_key_fn(self.cache_key_fn)
        if not self._has_cache_policy_option:
            return cache_policies.DEFAULT
        return cache_policies.NO_CACHE if self._cache_policy is None else self._cache_policy

    @cache_policy.setter
    def cache_policy(self, policy: CachePolicy | None) -> None:
        self._cache_policy = policy
        self._has_cache_policy_option = True

    @property
    def retries(self) -> int:
        """Maximum number of retries of a failed run."""
        if self._retries is None:
            self._retries = settings.get_current_settings().tasks.default_retries
        return self._retries

    @retries.setter
    def retries(self, retries: int | None) -> None:
        self._retries = retries
        self.__dict__.pop("policy", None)

    @property
    def retry_delay_seconds(self) -> float | list[float]:
        """Seconds before each retry."""
        if self._retry_delay_seconds is None:
            self._retry_delay_seconds = settings.get_current_settings().tasks.default_retry_delay_seconds or 0
        return self._retry_delay_seconds

    @retry_delay_seconds.setter
    def retry_delay_seconds(self, delays: float | list[float] | None) -> None:
        self._retry_delay_seconds = delays
        self.__dict__.pop("policy", None)

    @functools.cached_property
    def policy(self) -> dict[str, Any]:
        """The retry policy of this task's runs, as it is recorded."""
        policy: dict[str, Any] = {"retries": self.retries, "retry_delay": self.retry_delay_seconds}
        if self.retry_jitter_factor is not None:
            policy["retry_jitter_factor"] = self.retry_jitter_factor
        return policy

    @functools.cached_property
    def task_key(self) -> str:
        """Identifies the function across processes: its name and a hash of where it is defined."""
        name = self.fn.__qualname__ if _functions.get_code(self.fn) else self.name
        location = f"{name}:{_functions.get_source_path(self.fn)}"
        return f"{_functions.get_name(self.fn)}-{zlib.crc32(location.encode()):08x}"

    @functools.cached_property
    def source_code(self) -> str | None:
        """The function's source code; None if it cannot be read."""
        return _functions.read_source(self.fn)

    @property
    def reads_cache(self) -> bool:
        """Whether a run may use a cached result instead of running."""
        refreshes = (
            settings.get_current_settings().tasks.refresh_cache if self.refresh_cache is None else self.refresh_cache
        )
        return self._may_use_cache and not refreshes

    @property
    def _may_use_cache(self) -> bool:
        """Whether the settings enable caching for this task."""
        tasks = settings.get_current_settings().tasks
        has_own_caching = self._has_cache_policy_option or self.cache_key_fn is not None
        return not tasks.disable_caching and (has_own_caching or not tasks.default_no_cache)

    @property
    def may_be_remembered(self) -> bool:
        """Whether a retry of the flow may reuse the result of a completed run instead of running again."""
        if self._has_cache_policy_option and _caches_nothing(self._cache_policy):
            return False
        return not self.refresh_cache and self._may_use_cache

    def format_run_name(self, parameters: dict[str, Any]) -> str:
        """Return the name of a run with these parameters; needs `task_run_name`."""
        return _functions.format_run_name(self.task_run_name, parameters, "task_run_name", self.name)

    # --- calling ------------------------------------------------------------------------------------------------------

    # With `return_state` or `wait_for` the arguments are not checked: a ParamSpec allows no further keywords. Nor
    # are those of `submit` and `map`, where futures and iterables stand for values.
    @overload
    def __call__(self: Task[P, R], *args: P.args, **kwargs: P.kwargs) -> R: ...
    @overload
    def __call__(
        self: Task[..., Coroutine[Any, Any, T]], *args: Any, return_state: Literal[True], **kwargs: Any
    ) -> Coroutine[Any, Any, State[T]]: ...
    @overload
    def __call__(self, *args: Any, return_state: Literal[True], **kwargs: Any) -> State[R]: ...
    @overload
    def __call__(self, *args: Any, wait_for: Any, return_state: Literal[False] = False, **kwargs: Any) -> R: ...
    def __call__(self, *args: Any, return_state: bool = False, wait_for: Any = None, **kwargs: Any) -> Any:
        """Run the task here and now.

        Args:
            *args, **kwargs: The function's; futures and states are resolved to their results.
            return_state: Return the final state in place of the value.
            wait_for: Futures to wait for in addition to those among the arguments.

        Raises:
            ParameterBindError: The function cannot be called with these arguments.
            Exception: The exception of the function.
        """
        parameters = self.bind_arguments(args, kwargs)
        tracker = _functions.get_viz_tracker()
        if tracker is not None:
            return tracker.task_called(self, {**parameters, "wait_for": wait_for})
        return shells.start(lambda: task_run.TaskRunEngine(self, parameters, wait_for), self, return_state)

    @overload
    def submit(
        self: Task[..., Coroutine[Any, Any, T]], *args: Any, return_state: Literal[True], **kwargs: Any
    ) -> State[T]: ...
    @overload
    def submit(self, *args: Any, return_state: Literal[True], **kwargs: Any) -> State[R]: ...
    @overload
    def submit(
        self: Task[..., Coroutine[Any, Any, T]], *args: Any, return_state: Literal[False] = False, **kwargs: Any
    ) -> PrefectFuture[T]: ...
    @overload
    def submit(self, *args: Any, return_state: Literal[False] = False, **kwargs: Any) -> PrefectFuture[R]: ...
    def submit(self, *args: Any, return_state: bool = False, wait_for: Any = None, **kwargs: Any) -> Any:
        """Hand the task to the flow's task runner and return a future (with `return_state`, the final state)."""
        parameters = self.bind_arguments(args, kwargs)
        tracker = _functions.get_viz_tracker()
        if tracker is not None:
            return tracker.task_submitted(self, {**parameters, "wait_for": wait_for})
        future = task_runners.current_task_runner().submit(self, parameters, wait_for)
        if not return_state:
            return future
        future.wait()
        return future.state

    @overload
    def map(
        self: Task[..., Coroutine[Any, Any, T]], *args: Any, return_state: Literal[True], **kwargs: Any
    ) -> list[State[T]]: ...
    @overload
    def map(self, *args: Any, return_state: Literal[True], **kwargs: Any) -> list[State[R]]: ...
    @overload
    def map(
        self: Task[..., Coroutine[Any, Any, T]], *args: Any, return_state: Literal[False] = False, **kwargs: Any
    ) -> PrefectFutureList[T]: ...
    @overload
    def map(self, *args: Any, return_state: Literal[False] = False, **kwargs: Any) -> PrefectFutureList[R]: ...
    def map(
        self, *args: Any, return_state: bool = False, wait_for: Any = None, deferred: bool = False, **kwargs: Any
    ) -> Any:
        """Submit the task once for each item of the iterables among the arguments, in parallel.

        Args:
            *args, **kwargs: Iterables of equal length, each run gets one item of each; other values, texts, bytes and
                `unmapped` values are passed whole to every run.
            return_state: Whether to wait, and return the final states.
            wait_for: Futures that every run waits for.
            deferred: Have task workers run them instead of the flow's task runner.

        Returns:
            A `PrefectFutureList` in the order of the items.

        Raises:
            MappingLengthMismatch: The iterables differ in length.
            MappingMissingIterable: There is nothing to map over.
        """
        whole = () if self._instance is None else (unmapped(self._instance),)
        parameters = self.spec.bind_partial((*whole, *args), kwargs)
        tracker = _functions.get_viz_tracker()
        if tracker is not None:
            return tracker.task_mapped(self, {**parameters, "wait_for": wait_for})
        if deferred:
            with task_runners.PrefectTaskRunner() as runner:
                mapped: Any = runner.map(self, parameters, wait_for)
        else:
            mapped = task_runners.current_task_runner().map(self, parameters, wait_for)
        if not return_state:
            return mapped
        mapped.wait()
        return [future.state for future in mapped]

    async def create_run(
        self,
        client: Any = None,
        id: UUID | None = None,
        parameters: dict[str, Any] | None = None,
        flow_run_context: Any = None,
        parent_task_run_context: Any = None,
        wait_for: Any = None,
        extra_task_inputs: dict[str, set[Any]] | None = None,
        deferred: bool = False,
    ) -> TaskRun:
        """Record a run in Pending and return it, to be run with `run_task(task, task_run=...)`.

        A client is not needed: the run is recorded as every other one. The contexts are the current ones by default. A
        `deferred` run is scheduled for task workers.
        """
        if deferred:
            values = {**self.spec.defaults, **self.instance_parameters, **(parameters or {})}
            return await deferral.submit_run(self, values, wait_for, task_creation.as_links(extra_task_inputs), id)
        return task_creation.record_task_run(
            self, id, parameters, wait_for, extra_task_inputs, flow_run_context, parent_task_run_context
        )

    create_local_run = create_run

    # --- hooks --------------------------------------------------------------------------------------------------------

    def on_commit(self, fn: Callable[[Transaction], None]) -> Callable[[Transaction], None]:
        """Decorator: call `fn` when the transaction of a run is committed."""
        self.on_commit_hooks.append(fn)
        return fn

    def on_rollback(self, fn: Callable[[Transaction], None]) -> Callable[[Transaction], None]:
        """Decorator: call `fn` when the transaction of a run is rolled back."""
        self.on_rollback_hooks.append(fn)
        return fn


class MaterializingTask(Task[P, R]):
    """A task that makes assets; see `prefect.assets.materialize`."""

    def __init__(
        self, fn: Callable[P, R], *, assets: Sequence[Any], materialized_by: str | None = None, **task_kwargs: Any
    ) -> None:
        super().__init__(fn, **task_kwargs)
        self._options |= {"assets": assets, "materialized_by": materialized_by}
        self.assets = _as_assets(assets)
        self.materialized_by, self.has_lineage = materialized_by, True


def _as_assets(assets: Iterable[Any]) -> list[Any]:
    return [asset_core.as_asset(asset) for asset in assets]


class _WithOptions(Protocol):
    """The decorator that `@task(...)` returns."""

    def __call__(self, fn: Callable[P, R], /) -> Task[P, R]: ...


@overload
def task(fn: Callable[P, R], /) -> Task[P, R]: ...
@overload
def task(fn: None = None, /, **options: Unpack[TaskOptions]) -> _WithOptions: ...
def task(fn: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Make a function a task: `@task`, or `@task(retries=3)` with the options of `Task`."""
    options.setdefault("log_prints", None)
    if fn is None:
        return lambda function: Task(function, **options)
    return Task(fn, **options)


def _is_policy(policy: Any) -> bool:
    return callable(getattr(policy, "compute_key", None)) and not isinstance(policy, type)


def _caches_nothing(policy: Any) -> bool:
    return policy is None or isinstance(policy, type(cache_policies.NO_CACHE))


_EXPORTS = {
    "prefect._backoff": "exponential_backoff",
    "prefect.cache_policies": "task_input_hash",
    "prefect._options": (
        "FutureOrResult OneOrManyFutureOrResult RetryConditionCallable StateHookCallable TaskOptions "
        "TaskRunNameCallbackWithParameters TaskRunNameValueOrCallable"
    ),
}

__getattr__, __dir__ = exports(__name__, _EXPORTS)
