"""Dependencies of a run: futures, states and earlier results among its parameters.

`collect_inputs` finds them, for the record; `resolve_inputs` replaces futures and states by their values before the
body runs. A parameter that holds none of them reaches the body as the same object.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeGuard, cast
from uuid import UUID

from prefect import _io
from prefect._lazy import lazy
from prefect.engine.failures import describe_error
from prefect.exceptions import UpstreamTaskError
from prefect.futures import PrefectFuture, waits_here
from prefect.schemas.states import State, StateType
from prefect.values.annotations import BaseAnnotation, allow_failure, opaque, quote, unmapped
from prefect.values.tracking import TrackedResults, type_of

if TYPE_CHECKING:
    from prefect.context import EngineContext
    from prefect.values import traversal as visiting
else:
    visiting = lazy("prefect.values.traversal")

Upstream: TypeAlias = "PrefectFuture[Any] | State[Any]"  # a string: `State[Any]` would build a model at import
"""A parameter that stands for another run."""

Link = dict[str, Any]
"""A dependency as the API shows it: `{"input_type": "task_run", "id": UUID}`."""

_LEAF_TYPES = frozenset({int, float, bool, type(None), bytes, complex, UUID, str})
_FLAT_COLLECTIONS = frozenset({list, tuple, set, frozenset})


def as_reiterable(wait_for: Any) -> Any:
    """Return `wait_for` as a collection that can be iterated twice."""
    once = hasattr(wait_for, "__next__") and not isinstance(wait_for, list)
    return [*wait_for] if once else cast("Any", wait_for)


def _is_upstream(value: Any) -> TypeGuard[Upstream]:
    return isinstance(value, (PrefectFuture, State))


def _is_annotated(value: Any) -> TypeGuard[BaseAnnotation[Any]]:
    return isinstance(value, BaseAnnotation)


class Inputs(NamedTuple):
    """The dependencies found among the parameters of a run.

    Attributes:
        links: The runs that each parameter depends on, each once.
        futures: All futures, for the task runner.
        is_plain: Whether there is no future, state or annotation to resolve.
    """

    links: dict[str, list[Link]]
    futures: list[PrefectFuture[Any]]
    is_plain: bool


def collect_inputs(parameters: Mapping[str, Any], tracked: TrackedResults | None) -> Inputs:
    """Find the dependencies among the parameters, without waiting for them."""
    links: dict[str, list[Link]] = {}
    futures: list[PrefectFuture[Any]] = []
    plain = True
    for name, value in parameters.items():
        kind = type_of(value)
        if kind in _LEAF_TYPES or _is_single(kind):
            origin = tracked.find(value) if tracked else None
            links[name] = [{"input_type": origin.kind, "id": origin.run_id}] if origin else []
            continue
        finder = _Finder(tracked)
        finder.walk(value)
        links[name] = finder.links
        futures += finder.futures
        plain = plain and finder.is_plain
    return Inputs(links, futures, plain)


@functools.lru_cache
def _is_single(kind: type[Any]) -> bool:
    """Return whether values of a type hold no others and stand for no run, as the object of a method does."""
    return not issubclass(kind, (PrefectFuture, State, BaseAnnotation)) and not visiting.is_collection_type(kind)


def _holds_only_leaves(value: Any) -> bool:
    """Return whether a value is a collection of numbers, texts and the like. Hot path: no Python code runs an item."""
    kind = type_of(value)
    if kind is dict:
        return _LEAF_TYPES.issuperset(map(type, value)) and _LEAF_TYPES.issuperset(map(type, value.values()))
    return kind in _FLAT_COLLECTIONS and _LEAF_TYPES.issuperset(map(type, value))


def _items(collection: Any) -> Iterable[Any]:
    return chain(collection, collection.values()) if type_of(collection) is dict else collection


class _Finder:
    """Finds the dependencies in one parameter."""

    def __init__(self, tracked: TrackedResults | None) -> None:
        self.links: list[Link] = []
        self.futures: list[PrefectFuture[Any]] = []
        self.upstreams: list[Upstream] = []
        self.allowed: set[int] = set()
        self.is_plain = True
        self._tracked = tracked

    def walk(self, value: Any) -> None:
        visiting.visit_collection(value, self._visit)

    def _visit(self, value: Any) -> Any:
        tracked = self._tracked
        if tracked is not None:
            self._link_tracked(tracked, value)
        if _holds_only_leaves(value):
            if tracked is not None and not tracked.keys().isdisjoint(map(id, _items(value))):
                for item in _items(value):
                    self._link_tracked(tracked, item)
            raise visiting.StopVisiting
        if _is_upstream(value):
            self._visit_upstream(value)
            raise visiting.StopVisiting
        if _is_annotated(value):
            self.is_plain = False
            self._visit_annotated(value)
        return value

    def _visit_upstream(self, upstream: Upstream) -> None:
        self.is_plain = False
        self.upstreams.append(upstream)
        if isinstance(upstream, PrefectFuture):
            self.futures.append(upstream)
            self._link("task_run", upstream.task_run_id)
        else:
            self._link_state(upstream)

    def _visit_annotated(self, annotated: BaseAnnotation[Any]) -> None:
        if isinstance(annotated, quote):
            raise visiting.StopVisiting
        inner = annotated.unwrap()
        if isinstance(annotated, allow_failure):
            inside = _Finder(None)
            inside.walk(inner)
            self.allowed.update(map(id, inside.upstreams))
        if isinstance(annotated, opaque):
            if _is_upstream(inner):
                self._visit_upstream(inner)
            raise visiting.StopVisiting

    def _link_tracked(self, tracked: TrackedResults, value: Any) -> None:
        origin = tracked.find(value)
        if origin is not None:
            self._link(origin.kind, origin.run_id)

    def _link(self, kind: str, run_id: UUID) -> None:
        link = {"input_type": kind, "id": run_id}
        if link not in self.links:
            self.links.append(link)

    def _link_state(self, state: State[Any]) -> None:
        details = state.state_details
        if details.task_run_id:
            self._link("task_run", details.task_run_id)
        elif details.flow_run_id:
            self._link("flow_run", details.flow_run_id)


async def resolve_inputs(
    parameters: dict[str, Any], inputs: Inputs, context: EngineContext | None = None
) -> dict[str, Any]:
    """Return the parameters with futures and states replaced by their values and annotations removed.

    Args:
        parameters: The parameters by name.
        inputs: What was found in them.
        context: The flow run that the upstream runs belong to, for the name of one that failed.

    Raises:
        UpstreamTaskError: An upstream run did not complete, and the parameter is not marked with `allow_failure`.
    """
    if inputs.is_plain:
        return parameters
    for future in inputs.futures:
        await wait_for_future(future)
    try:
        return {name: await _resolve_value(value) for name, value in parameters.items()}
    except _UpstreamNotCompleted as error:
        raise UpstreamTaskError(error.describe(context)) from None


async def wait_for_future(future: PrefectFuture[Any]) -> None:
    """Wait until a future is done, without blocking an event loop."""
    if not _io.is_driven() and waits_here(future):
        await future.wait_async()
    else:
        await _io.blocking(future.wait)


async def _resolve_value(value: Any) -> Any:
    kind = type_of(value)
    if kind in _LEAF_TYPES:
        return value
    if _is_annotated(value):
        return await _resolve_annotated(value)
    if _is_upstream(value):
        return await _upstream_value(value, allow=False)
    return await _resolve_inside(value, allow=False)


async def _resolve_annotated(annotated: BaseAnnotation[Any]) -> Any:
    value = annotated.unwrap()
    if isinstance(annotated, quote):
        return value
    if isinstance(annotated, opaque):
        return await _upstream_value(value, allow=False) if _is_upstream(value) else value
    if isinstance(annotated, unmapped):
        return await _resolve_value(value)
    if isinstance(annotated, allow_failure):
        if _is_upstream(value):
            return await _upstream_value(value, allow=True)
        return await _resolve_inside(value, allow=True)
    return value


async def _resolve_inside(value: Any, allow: bool) -> Any:
    """Resolve the futures and states inside a collection. Values are fetched first: visiting is not a coroutine."""
    nested = _Finder(None)
    nested.walk(value)
    values = {id(item): await _upstream_value(item, allow or id(item) in nested.allowed) for item in nested.upstreams}
    return visiting.visit_collection(
        value,
        visit_fn=lambda item: values.get(id(item), item) if _is_upstream(item) else item,
        return_data=True,
        remove_annotations=True,
    )


async def _upstream_value(upstream: Upstream, allow: bool) -> Any:
    state = upstream if isinstance(upstream, State) else upstream.state
    if not state.is_completed() and not (allow and (state.is_failed() or state.is_crashed())):
        raise _UpstreamNotCompleted(upstream, state)
    return await state.aresult(raise_on_failure=False)


class _UpstreamNotCompleted(Exception):
    """An upstream run did not complete."""

    def __init__(self, upstream: Upstream, state: State[Any]) -> None:
        super().__init__()
        self._run_id = (
            upstream.task_run_id if isinstance(upstream, PrefectFuture) else state.state_details.task_run_id
        ) or state.state_details.flow_run_id
        self._state = state

    def describe(self, context: EngineContext | None) -> str:
        """Return which run it is, by its name if the flow run knows it, and why it did not complete."""
        state = self._state
        while context is not None and self._run_id not in context.failed_runs:
            context = context.parent
        known = context.failed_runs[self._run_id] if context is not None else None
        subject = f"Upstream {known or (f'task run {str(self._run_id)!r}' if self._run_id else 'run')}"
        if state.name == "NotReady" and state.message:
            return f"{subject} did not run: {state.message}"
        error = getattr(state.data, "result", state.data)  # a stored result, or the exception itself
        reason = describe_error(error) if isinstance(error, BaseException) else state.message
        outcome = _OUTCOMES.get(state.type) or f"is in state {state.name}"
        return f"{subject} {outcome}: {reason}" if reason else f"{subject} {outcome}."


_OUTCOMES = {StateType.FAILED: "failed", StateType.CRASHED: "crashed", StateType.CANCELLED: "was cancelled"}
