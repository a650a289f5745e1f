"""Contexts of the running code: flow run, task run, tags, settings.

Each kind of context is a value in a `ContextVar`, entered with `with` and found with `.get()`. The engine enters one
for every run; user code calls `get_run_context()` or `FlowRunContext.get()`. Contexts hold what a run needs to know and
do no work: they must not talk to a server, a store or the journal.
"""

from __future__ import annotations

import contextvars
import functools
import importlib
import os
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from contextvars import ContextVar, Token
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, ParamSpec, TypeVar

from prefect._context_model import ContextModel
from prefect._io import bind_run_lookup
from prefect._lazy import lazy_from
from prefect.events.current_runs import CurrentRuns, bind_run_finder
from prefect.exceptions import MissingContextError
from prefect.logging._identity import RunIdentity, run_identity
from prefect.settings.context import (
    SettingsContext,
    get_settings_context,
    refresh_global_settings_context,
    root_settings_context,
    use_profile,
)
from prefect.types import now
from prefect.values.tracking import TrackedResults

if TYPE_CHECKING:
    from typing import Self
    from uuid import UUID

    from prefect import results
    from prefect.client import orchestration
    from prefect.schemas import runs
else:
    orchestration, results, runs = lazy_from("prefect", "client.orchestration", "results", "schemas.runs")

__all__ = [
    "AssetContext",  # noqa: F822  # see `__getattr__`
    "AsyncClientContext",
    "ContextModel",
    "EngineContext",
    "FlowRunContext",
    "RunContext",
    "SettingsContext",
    "SyncClientContext",
    "TagsContext",
    "TaskRunContext",
    "get_run_context",
    "get_settings_context",
    "hydrated_context",
    "refresh_global_settings_context",
    "root_settings_context",
    "serialize_context",
    "tags",
    "use_profile",
    "with_context",
]

P = ParamSpec("P")
R = TypeVar("R")

current_transaction: ContextVar[Any] = ContextVar("transaction", default=None)
"""The transaction that the code runs in, or None. A run looks here without importing `prefect.transactions`."""


class RunContext(ContextModel):
    """Base of the contexts of flow runs and task runs."""

    start_time: datetime
    input_keyset: dict[str, dict[str, str]] | None
    log_prints: bool
    persist_result: bool
    is_inherited = False
    """Whether the run is another process's, which forked this one inside it."""

    def __enter__(self) -> Self:
        super().__enter__()
        self._identity_token = run_identity.set(self.identity)
        return self

    def __exit__(self, *error: object) -> None:
        run_identity.reset(self._identity_token)
        super().__exit__(*error)

    @property
    def identity(self) -> RunIdentity:
        """The ids and names of the run in log records."""
        identity = self.__dict__.get("_identity")
        if identity is None:
            identity = self.__dict__["_identity"] = self._identify()
        return identity

    def forget_identity(self) -> None:
        """Drop the cached identity after the run was renamed."""
        self.__dict__["_identity"] = None

    def _identify(self) -> RunIdentity:
        raise NotImplementedError

    @property
    def client(self) -> Any:
        """A client of the API, made at the first use."""
        client = self.__dict__.get("_client")
        if client is None:
            client = self.__dict__["_client"] = orchestration.get_client(sync_client=True)
        return client

    @property
    def result_store(self) -> results.ResultStore:
        """The store of this run's results, made at the first use."""
        store: Any = self.__dict__.get("_result_store")
        if callable(store):
            store = store()
        if store is None:
            store = results.ResultStore()
        self.__dict__["_result_store"] = store
        return store


def _run_fields(**fields: Any) -> dict[str, Any]:
    shared = {
        "input_keyset": None,
        "log_prints": False,
        "parameters": None,
        "persist_result": False,
        "_client": None,
        "_result_store": None,
    }
    return {**shared, **fields}


def _prepare_fields(values: dict[str, Any]) -> dict[str, Any]:
    """Rename the fields that are behind properties, and add the start time."""
    for name in ("client", "result_store"):
        if name in values:
            values[f"_{name}"] = values.pop(name)
    values.setdefault("start_time", now())
    return values


class EngineContext(RunContext):
    """The flow run that the code runs in; `flow` and `flow_run` are None for a context made without a run.

    `run_results` knows the runs of tasks and subflows by their return values, so that passing a value on is recorded
    as a dependency. `failed_runs` maps the ids of task runs and subflow runs that did not complete to what messages
    call them. `refreshed_results` has the storage keys of results that the attempt must compute anew.
    """

    flow: Any
    flow_run: runs.FlowRun | None
    parent: EngineContext | None
    task_runner: Any
    parameters: dict[str, Any] | None
    detached: bool
    run_results: TrackedResults
    failed_runs: dict[Any, str]
    stop_check: Any
    task_run_assets: dict[UUID, set[Any]]
    task_run_dynamic_keys: dict[str, int]
    memo: Any
    refreshed_results: set[str]

    _var = ContextVar("flow_run_context")
    _required = ("start_time",)
    _defaults = _run_fields(
        flow=None,
        flow_run=None,
        parent=None,
        task_runner=None,
        detached=False,
        events=None,
        flow_run_suspension_request=None,
        observed_flow_pauses=dict,
        run_results=TrackedResults,
        failed_runs=dict,
        stop_check=None,
        task_run_assets=dict,
        task_run_dynamic_keys=dict,
        memo=None,
        refreshed_results=set,
    )

    def __init__(self, **values: Any) -> None:
        super().__init__(**_prepare_fields(values))

    def _identify(self) -> RunIdentity:
        run, flow = self.flow_run, self.flow
        return RunIdentity(
            flow_run_id=run.id if run else None,
            flow_run_name=run.name if run else None,
            flow_name=flow.name if flow else None,
        )


FlowRunContext = EngineContext


class TaskRunContext(RunContext):
    """The task run that the code runs in."""

    task: Any
    parameters: dict[str, Any]

    _var = ContextVar("task_run_context")
    _required = ("start_time", "task", "task_run")
    _defaults = _run_fields(_run=None)

    def __init__(self, **values: Any) -> None:
        run = values.pop("task_run")
        super().__init__(**_prepare_fields(values), _run=run)

    @classmethod
    def for_execution(
        cls, execution: Any, parameters: dict[str, Any], log_prints: bool, persists: bool, store: Any
    ) -> Self:
        """Return the context of a run that the engine executes; the run object is made at the first use."""
        context = object.__new__(cls)
        context.__dict__ = {
            "task": execution.task,
            "start_time": now(),
            "parameters": parameters,
            "log_prints": log_prints,
            "persist_result": persists,
            "input_keyset": None,
            "_run": None,
            "_execution": execution,
            "_client": None,
            "_result_store": store,
            "_token": None,
        }
        return context

    @classmethod
    def hide(cls) -> Token[Any]:
        """Clear the current task run until `show`: tasks of a flow inside a task have no parent task."""
        return cls._var.set(None)

    @classmethod
    def show(cls, hidden: Token[Any]) -> None:
        """Restore the task run that `hide` cleared."""
        cls._var.reset(hidden)

    @property
    def task_run(self) -> runs.TaskRun:
        """The run, as the API shows it."""
        run = self.__dict__["_run"]
        if run is None:
            run = self.__dict__["_run"] = self.__dict__["_execution"].run
        return run

    @property
    def enclosing(self) -> TaskRunContext | None:
        """The task run that this one was called in; None if it was not called in one, or is not entered."""
        outside = self._token.old_value if self._token is not None else None
        return outside if isinstance(outside, TaskRunContext) else None

    @property
    def task_run_id(self) -> UUID:
        """The id of the run."""
        run = self.__dict__["_run"]
        return self.__dict__["_execution"].fields["id"] if run is None else run.id

    def _identify(self) -> RunIdentity:
        flow = EngineContext._var.get(None)
        flow_run = flow.flow_run if flow else None
        run = self.__dict__["_run"]
        fields = self.__dict__["_execution"].fields if run is None else run.__dict__
        return RunIdentity(
            fields["flow_run_id"],
            flow_run.name if flow_run else None,
            flow.flow.name if flow and flow.flow else None,
            fields["id"],
            fields["name"],
            self.task.name,
        )


class _ClientContext(ContextModel):
    """A client that the code inside shares, so that a connection is opened once."""

    client: Any

    _required = ("client",)


class SyncClientContext(_ClientContext):
    """A client that the sync code inside shares."""

    _var = ContextVar("sync_client_context")

    @classmethod
    @contextmanager
    def get_or_create(cls) -> Generator[Self]:
        """Yield the current client context, or a new one for the block."""
        current = cls.get()
        if current is not None:
            yield current
            return
        with orchestration.get_client(sync_client=True) as client, cls(client=client) as context:
            yield context


class AsyncClientContext(_ClientContext):
    """A client that the async code inside shares."""

    _var = ContextVar("async_client_context")

    @classmethod
    @asynccontextmanager
    async def get_or_create(cls) -> AsyncGenerator[Self]:
        """Yield the current client context, or a new one for the block."""
        current = cls.get()
        if current is not None:
            yield current
            return
        async with orchestration.get_client() as client:
            with cls(client=client) as context:
                yield context


class TagsContext(ContextModel):
    """The tags of runs that are created in this context."""

    current_tags: set[str]

    _var = ContextVar("tags_context")
    _defaults: ClassVar[dict[str, Any]] = {"current_tags": set}

    @classmethod
    def get(cls) -> Self:
        """Return the current tags; an empty context outside of any `tags` block."""
        return cls._var.get(None) or cls()


def current_tags() -> set[str] | None:
    """Return the tags of the innermost `tags` block, or None outside of one. Cheaper than `TagsContext.get()`."""
    context = TagsContext._var.get(None)
    return context.current_tags if context else None


@contextmanager
def tags(*new_tags: str) -> Generator[set[str]]:
    """Add tags to the runs that are created inside the block, in addition to the tags of enclosing blocks.

    Yields:
        All tags that are current inside the block.
    """
    both = TagsContext.get().current_tags | set(new_tags)
    with TagsContext(current_tags=both):
        yield both


def get_run_context() -> EngineContext | TaskRunContext:
    """Return the innermost run's context: the task run's inside a task, else the flow run's.

    Raises:
        MissingContextError: No flow or task is running here.
    """
    context = TaskRunContext.get() or EngineContext.get()
    if context is None:
        raise MissingContextError(
            "No run context available. You are not in a flow or task run context: call this inside of a flow or a task."
        )
    return context


def _is_run_async() -> bool | None:
    """Return whether the innermost run's function is async; None outside of a run, or in a context without one."""
    context = TaskRunContext._var.get(None)
    wrapper = context.task if context else None
    if wrapper is None:
        flow_context = EngineContext._var.get(None)
        wrapper = flow_context.flow if flow_context else None
    return wrapper.isasync if wrapper is not None else None


bind_run_lookup(_is_run_async)


def _find_current_runs() -> CurrentRuns:
    """Return the runs that events name as their own."""
    flow, task = FlowRunContext.get(), TaskRunContext.get()
    if flow is None:
        return CurrentRuns(task_run=task and task.task_run)
    flow_name = flow.flow.name if flow.flow is not None else None
    return CurrentRuns(flow.flow_run, task and task.task_run, flow_name)


bind_run_finder(_find_current_runs)


def with_context(fn: Callable[P, R]) -> Callable[P, R]:
    """Wrap a function so that it runs in the current context, in any thread."""
    context = contextvars.copy_context()

    @functools.wraps(fn)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        # A context can be entered by one thread at a time, so every call gets a copy.
        return context.copy().run(fn, *args, **kwargs)

    return run


def serialize_context(asset_ctx_kwargs: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the current contexts as picklable values, for `hydrated_context` in another process."""
    flow, task = EngineContext.get(), TaskRunContext.get()
    settings = get_settings_context()
    return {
        "flow_run_context": _serialize_run(flow, "flow", "flow_run", "refreshed_results") if flow else {},
        "task_run_context": _serialize_run(task, "task", "task_run") if task else {},
        "tags_context": {"current_tags": set(TagsContext.get().current_tags)},
        "settings_context": settings.serialize() if settings else {},
    }


def _serialize_run(context: RunContext, *names: str) -> dict[str, Any]:
    shared = ("parameters", "log_prints", "persist_result", "start_time")
    return {name: getattr(context, name) for name in (*names, *shared)}


@contextmanager
def hydrated_context(serialized_context: dict[str, Any] | None = None, client: Any = None) -> Generator[None]:
    """Enter the contexts that `serialize_context` took from another process or thread."""
    contexts = serialized_context or {}
    with ExitStack() as stack:
        if values := contexts.get("settings_context"):
            stack.enter_context(SettingsContext.hydrate(values))
        if values := contexts.get("tags_context"):
            stack.enter_context(TagsContext(**values))
        if values := contexts.get("flow_run_context"):
            stack.enter_context(EngineContext(**values, client=client))
        if values := contexts.get("task_run_context"):
            stack.enter_context(TaskRunContext(**values, client=client))
        yield


def _mark_inherited() -> None:
    """Mark the current flow runs in a forked child: they are its parent's, which continues to record them."""
    flow = EngineContext.get()
    while flow is not None:
        flow.is_inherited = True
        flow = flow.parent


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_mark_inherited)


def __getattr__(name: str) -> Any:
    """Return `AssetContext`, whose public path this is: lineage stands above contexts."""
    if name == "AssetContext":
        return importlib.import_module("prefect.assets.lineage").AssetContext
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
