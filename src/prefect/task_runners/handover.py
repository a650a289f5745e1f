"""Handing task runs over to other processes: of a pool, of a Dask or Ray cluster.

A task runner creates a `HandedOverRun`, packs it and sends the package; the process that receives it calls `execute`
and sends back an `RunEnd`, which the runner adopts. The run is recorded where it executes and, once it has ended, here
too: the records have the same ids, so that each counts once, and none is lost with a process. This module must not
know how packages travel.
"""

from __future__ import annotations

import contextvars
import functools
import pickle
from collections.abc import Callable, Generator, Iterable
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from prefect import _io, journal, outbox
from prefect._io import drive
from prefect._lazy import lazy
from prefect.context import (
    EngineContext,
    SettingsContext,
    TaskRunContext,
    current_tags,
    get_settings_context,
    hydrated_context,
    serialize_context,
)
from prefect.engine.dataflow.parameters import collect_inputs, resolve_inputs
from prefect.engine.tasks.task_run import TaskRunEngine
from prefect.exceptions import UpstreamTaskError
from prefect.futures import PrefectFuture, call_when_done
from prefect.schemas.states import InMemory, State, StateType
from prefect.task_runners.base import Links, Upstreams
from prefect.task_runners.threads import cancel_run, run_submitted
from prefect.values.annotations import quote
from prefect.values.traversal import StopVisiting, visit_collection

if TYPE_CHECKING:
    import cloudpickle

    from prefect.engine.protocols import RunnableTask
else:
    cloudpickle = lazy("cloudpickle")

__all__ = [
    "RunEnd",
    "HandedOverRun",
    "Package",
    "RemoteValue",
    "UpstreamTaskError",
    "call_when_done",
    "execute",
    "execute_to_bytes",
    "flush",
]

MAX_PACKED_CONTEXTS = 64
"""How many unpacked contexts a process keeps: one for each task of a flow run."""


class Package(NamedTuple):
    """The data with which another process executes a run.

    Attributes:
        common: The task and the context, equal for all runs of a task in a flow run.
        run: The run and its parameters.
        references: What the parameters refer to and does not travel with them.
    """

    common: bytes
    run: bytes
    references: list[Any]


class RunEnd(NamedTuple):
    """The end of a run in another process.

    Attributes:
        run_id: The id of the run.
        state: Its final state.
        recorded: The states that were recorded there, in order.
    """

    run_id: UUID
    state: State[Any]
    recorded: list[dict[str, Any]]

    def pack(self, max_value_bytes: int | None = None) -> bytes:
        """Return the end as bytes, without a value that needs more than `max_value_bytes`; see `unpack`."""
        data = self._pack_data(max_value_bytes)
        return pickle.dumps((self._replace(state=_with_data(self.state, None)), data))

    def _pack_data(self, max_value_bytes: int | None) -> bytes | None:
        """Return the data of the state as bytes; None if it is a value that is not to travel or cannot."""
        state = self.state
        if max_value_bytes is None or not (state.is_completed() and isinstance(state.data, InMemory)):
            return cloudpickle.dumps(state.data)
        try:
            value = cloudpickle.dumps(state.data)
        except Exception:  # a user's object that cannot be pickled: whoever needs it gets that error
            return None
        return value if len(value) <= max_value_bytes else None

    @staticmethod
    def unpack(packed: bytes) -> tuple[RunEnd, bool]:
        """Return the unpacked end, and whether it has the value of the run."""
        run_end, data = pickle.loads(packed)
        if data is None:
            return run_end, False
        return run_end._replace(state=_with_data(run_end.state, pickle.loads(data))), True

    def with_remote_value(self, load: Callable[[], Any]) -> RunEnd:
        """Return the end with a value that is loaded when it is read."""
        return self._replace(state=_with_data(self.state, RemoteValue(load)))


class RemoteValue:
    """The data of a state whose value is in another process.

    Args:
        load: Fetches the value.
    """

    __slots__ = ("__weakref__", "_load", "_loaded")

    def __init__(self, load: Callable[[], Any]) -> None:
        self._load = load
        self._loaded: Any = None

    async def aload(self) -> Any:
        """Return the value, fetched the first time."""
        await _io.blocking(self.fetch)
        return self._loaded[0]

    def fetch(self) -> None:
        """Fetch the value, unless it is here."""
        if self._loaded is None:
            self._loaded = (self._load(),)

    def __repr__(self) -> str:
        return "<in another process>" if self._loaded is None else repr(self._loaded[0])


class _Reference:
    """Stands in a package for what does not travel with it."""

    __slots__ = ("position",)

    def __init__(self, position: int) -> None:
        self.position = position


class HandedOverRun:
    """A task run that another process is to execute: it is created, recorded and, in the end, adopted in this one.

    Args:
        task: The task.
        parameters: The arguments by name.
        wait_for: Futures to wait for in addition to those among the parameters.
        dependencies: Dependencies to record in addition to those that the parameters show.
    """

    def __init__(
        self, task: RunnableTask, parameters: dict[str, Any], wait_for: Upstreams = None, dependencies: Links = None
    ) -> None:
        self._wait_for = None if wait_for is None else list(wait_for)
        self._engine = TaskRunEngine(task, parameters, self._wait_for, dependencies)
        self._common = _pack_common(task)
        self._context = contextvars.copy_context()

    @property
    def id(self) -> UUID:
        """The id of the run."""
        return self._engine.fields["id"]

    @property
    def name(self) -> str:
        """The name of the run."""
        return self._engine.fields["name"]

    @property
    def task_name(self) -> str:
        """The name of the task."""
        return self._engine.task.name

    @property
    def state(self) -> State[Any]:
        """The last known state of the run."""
        return self._engine.state

    @property
    def upstreams(self) -> list[PrefectFuture[Any]]:
        """The futures that the run waits for."""
        return self._engine.upstreams

    def pack(self, refer: Callable[[Any], Any] | None = None) -> Package:
        """Return what another process needs to execute the run.

        Futures that are not referred to must be done: their states or values travel with the package.

        Args:
            refer: Returns what is passed to `execute` in place of a value, which must be the final state for a future;
                None for a value that travels.

        Raises:
            UpstreamTaskError: An upstream run did not complete.
        """
        references: list[Any] = []
        parameters = self._context.copy().run(self._prepare, self._engine.parameters, refer, references)
        waits = {"wait_for": self._wait_for} if self._wait_for is not None else {}
        if waits:
            waits = self._context.copy().run(self._prepare, waits, refer, references)
        known = self._engine.flow.failed_runs if self._engine.flow is not None else {}
        names = {future.task_run_id: known.get(future.task_run_id) or _describe(future) for future in self.upstreams}
        # Only what is the user's needs cloudpickle, which takes three times as long.
        values = cloudpickle.dumps((parameters, waits.get("wait_for")))
        run = pickle.dumps((values, self._engine.run, self._engine.journal.owner, names))
        return Package(self._common, run, references)

    def _prepare(self, values: dict[str, Any], refer: Any, references: list[Any]) -> dict[str, Any]:
        """Return values with references in the place of what stays; those without a reference are resolved."""
        prepared: dict[str, Any] = {}
        for name, value in values.items():
            known = len(references)
            replaced = _replace(value, refer, references) if refer is not None else value
            if len(references) == known:
                inputs = collect_inputs({name: value}, None)
                replaced = drive(resolve_inputs({name: value}, inputs, self._engine.flow))[name]
            prepared[name] = replaced
        return prepared

    def adopt(self, run_end: RunEnd) -> State[Any]:
        """Take over how the run has ended in the other process, and return its state."""
        self._engine.adopt_final_state(run_end.state, run_end.recorded)
        return run_end.state

    def retry_elsewhere(self, message: str, error: BaseException) -> float | None:
        """Schedule another attempt because the process has died, if the task has retries left.

        Returns:
            The seconds until then; None when the run is to be ended.
        """
        return self._context.copy().run(lambda: drive(self._engine.retry_elsewhere(message, error)))

    def run_here(self) -> State[Any]:
        """Execute the run in this process; one whose upstream did not complete ends immediately."""
        return self._context.copy().run(run_submitted, self._engine)

    def cancel(self) -> State[Any]:
        """Cancel the run before it starts, and return its state."""
        return cancel_run(self._engine)

    def crash(self, message: str, error: BaseException | None = None) -> State[Any]:
        """End the run as crashed, and return its state."""
        return self._engine.end(StateType.CRASHED, message, error)


def _describe(future: PrefectFuture[Any]) -> str | None:
    """Return what messages call the run of a future, if the future knows its name."""
    name = getattr(future, "run_name", None)
    return f"task run {name!r}" if name else None


def _replace(value: Any, refer: Callable[[Any], Any], references: list[Any]) -> Any:
    """Return a value with futures replaced: by references if `refer` returns one, else by their final states."""

    def visit(item: Any) -> Any:
        if isinstance(item, quote):
            raise StopVisiting
        target = refer(item)
        if target is not None:
            references.append(target)
            return _Reference(len(references) - 1)
        return item.state if isinstance(item, PrefectFuture) else item

    return visit_collection(value, visit_fn=visit, return_data=True)


def _pack_common(task: RunnableTask) -> bytes:
    """Return the task and the context as bytes, which are made once for all runs of a task in a flow run."""
    flow, parent = EngineContext.get(), TaskRunContext.get()
    tags, settings = current_tags(), get_settings_context()
    known: dict[Any, tuple[Any, bytes]] = vars(flow).setdefault("_packed", {}) if flow is not None else {}
    key = (id(task), id(parent), id(settings), frozenset(tags or ()))
    if key not in known:
        # The objects are kept with it, so that none of another identity gets their place.
        known[key] = ((task, parent, settings), cloudpickle.dumps((task, serialize_context())))
    return known[key][1]


@functools.lru_cache(MAX_PACKED_CONTEXTS)
def _unpack_common(packed: bytes) -> tuple[RunnableTask, dict[str, Any], Any]:
    task, context = pickle.loads(packed)
    values = context.pop("settings_context", None)
    settings = SettingsContext.hydrate(values).settings if values else None
    return task, context, settings


def execute(common: bytes, run: bytes, values: Iterable[Any] = ()) -> RunEnd:
    """Execute a run of another process in this one.

    Args:
        common: Of the package.
        run: Of the package.
        values: What the references of the package stand for: final states of runs, and other values.
    """
    with _received(common, run, values) as engine:
        return _end(engine, _run_to_end(engine))


def execute_to_bytes(common: bytes, run: bytes) -> bytes:
    """Execute a run of another process in this one, and return its packed end.

    A run whose value cannot be pickled crashes.
    """
    with _received(common, run, ()) as engine:
        state = _run_to_end(engine)
        try:
            packed = _end(engine, state).pack()
        except Exception as error:  # pickling a user's object may raise anything
            message = f"The result cannot be sent back from the process: {error!r}"
            crashed = State.make(StateType.CRASHED, message=message, details=state.state_details)
            packed = _end(engine, engine.enter_state(crashed)).pack()
        journal.flush()
    return packed


@contextmanager
def _received(common: bytes, run: bytes, values: Iterable[Any]) -> Generator[TaskRunEngine]:
    """Yield the engine of a run of another process, in the context that the run was submitted in."""
    task, context, settings = _unpack_common(common)
    with ExitStack() as stack:
        if settings is not None:
            stack.enter_context(SettingsContext(settings=settings))
        stack.enter_context(hydrated_context(context))
        outbox.use_journal()
        values_of_run, task_run, owner, names = pickle.loads(run)
        parameters, wait_for = pickle.loads(values_of_run)
        known = list(values)
        flow = EngineContext.get()
        if flow is not None:
            flow.failed_runs.update({run_id: name for run_id, name in names.items() if name})
        yield TaskRunEngine.from_recorded_run(task, _fill(parameters, known), task_run, _fill(wait_for, known), owner)


def _run_to_end(engine: TaskRunEngine) -> State[Any]:
    try:
        return run_submitted(engine)
    except BaseException:  # an interruption ends this run, not the process
        return engine.state


def _end(engine: TaskRunEngine, state: State[Any]) -> RunEnd:
    if isinstance(state.data, BaseException):
        try:
            cloudpickle.dumps(state.data)
        except Exception:  # pickling a user's object may raise anything
            state = _with_data(state, RuntimeError(f"{type(state.data).__name__}: {state.data}"))
    return RunEnd(engine.fields["id"], state, engine.record.appended)


def _fill(value: Any, known: list[Any]) -> Any:
    """Return a value with what its references stand for."""
    if not known:
        return value
    return visit_collection(
        value, visit_fn=lambda item: known[item.position] if type(item) is _Reference else item, return_data=True
    )


def _with_data(state: State[Any], data: Any) -> State[Any]:
    own = vars(state)
    return State.make(own["type"], own["name"], own["message"], data, own["state_details"], own["timestamp"], own["id"])


def flush(timeout: float, forward: bool = True) -> None:
    """Write the records of this process within `timeout` seconds.

    Args:
        timeout: How long to wait.
        forward: Whether to wait as well until they are forwarded to the server they are for.
    """
    journal.flush(timeout)
    if forward:
        journal.wait_until_forwarded(timeout)
