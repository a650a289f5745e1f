"""The options of tasks and flows as types, so that a type checker sees a wrong one in `@task(...)` and `@flow(...)`.

Nothing here runs. `Task` and `Flow` document the options; a test compares them with these types.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypedDict, TypeVar, Union

if TYPE_CHECKING:
    from prefect.cache_policies import CachePolicy
    from prefect.futures import PrefectFuture
    from prefect.results import ResultSerializer, ResultStorage
    from prefect.task_runners import TaskRunner
    from prefect.transactions import Transaction
    from prefect.values.annotations import NotSet

__all__ = [
    "FlowOptions",
    "FutureOrResult",
    "OneOrManyFutureOrResult",
    "RetryConditionCallable",
    "StateHookCallable",
    "TaskOptions",
    "TaskRunNameCallbackWithParameters",
    "TaskRunNameValueOrCallable",
]

T = TypeVar("T")


class TaskRunNameCallbackWithParameters(Protocol):
    """A function that makes a run's name from its parameters."""

    def __call__(self, parameters: dict[str, Any]) -> str: ...


# Text and not types, so that only type checkers import them.
FutureOrResult: TypeAlias = Union["PrefectFuture[T]", T]
OneOrManyFutureOrResult: TypeAlias = FutureOrResult[T] | Iterable[FutureOrResult[T]]
StateHookCallable: TypeAlias = Callable[[Any, Any, Any], Awaitable[None] | None]
RetryConditionCallable: TypeAlias = Callable[[Any, Any, Any], Awaitable[bool] | bool]
TaskRunNameValueOrCallable: TypeAlias = Callable[[], str] | TaskRunNameCallbackWithParameters | str


class TaskOptions(TypedDict, total=False):
    """The options of `@task(...)`."""

    name: str | None
    description: str | None
    tags: Iterable[str] | None
    version: str | None
    cache_policy: CachePolicy | type[NotSet] | None
    cache_key_fn: Callable[[Any, dict[str, Any]], str | None] | None
    cache_expiration: timedelta | None
    task_run_name: Callable[..., str] | str | None
    retries: int | None
    retry_delay_seconds: float | list[float] | Callable[[int], list[float]] | None
    retry_jitter_factor: float | None
    persist_result: bool | None
    result_storage: ResultStorage | None
    result_serializer: ResultSerializer | None
    result_storage_key: str | None
    cache_result_in_memory: bool
    timeout_seconds: float | None
    log_prints: bool | None
    refresh_cache: bool | None
    on_completion: list[Callable[..., Any]] | None
    on_failure: list[Callable[..., Any]] | None
    on_running: list[Callable[..., Any]] | None
    on_rollback: list[Callable[[Transaction], None]] | None
    on_commit: list[Callable[[Transaction], None]] | None
    retry_condition_fn: Callable[..., Any] | None
    viz_return_value: Any
    asset_deps: list[Any] | None


class FlowOptions(TypedDict, total=False):
    """The options of `@flow(...)`."""

    name: str | None
    version: str | None
    flow_run_name: Callable[..., str] | str | None
    retries: int | None
    retry_delay_seconds: float | None
    task_runner: type[TaskRunner[Any]] | TaskRunner[Any] | None
    description: str | None
    timeout_seconds: float | None
    validate_parameters: bool
    persist_result: bool | None
    result_storage: ResultStorage | None
    result_serializer: ResultSerializer | None
    cache_result_in_memory: bool
    log_prints: bool | None
    on_completion: list[Callable[..., Any]] | None
    on_failure: list[Callable[..., Any]] | None
    on_cancellation: list[Callable[..., Any]] | None
    on_crashed: list[Callable[..., Any]] | None
    on_running: list[Callable[..., Any]] | None
