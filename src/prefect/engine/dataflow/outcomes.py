"""The final state that follows from the return value of a task or flow.

A state made by the body is the run's state, if a run can end or wait in it. Of a collection that holds only states, the
worst counts; futures count as their states, also in dicts and nested collections of nothing but futures, and a state of
another run counts as a collection of one. Any other value is a result: the run completed.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from prefect import _io
from prefect._lazy import lazy
from prefect.futures import PrefectFuture, resolve_futures_to_states
from prefect.schemas.states import InMemory, State, StateDetails, StateType
from prefect.types import new_id

if TYPE_CHECKING:
    from prefect.schemas import outcomes as groups
else:
    groups = lazy("prefect.schemas.outcomes")

_PLAIN = frozenset({int, float, str, bool, bytes, type(None)})
"""Types that hold neither states nor futures; most tasks return one of them."""
_COLLECTIONS = (list, tuple, set, frozenset)


class FinalState(NamedTuple):
    """The final state of a run, with its value.

    Attributes:
        state: The state.
        value: The value with futures replaced by their states.
        is_plain: Whether the value is a result rather than a state or a collection of states.
    """

    state: State[Any]
    value: Any
    is_plain: bool


async def state_from_return(value: Any, details: StateDetails) -> FinalState:
    """Return the final state of a run whose body returned `value`; wait for the futures in it."""
    if type(value) in _PLAIN:
        return _completed(value, details)
    futures: list[PrefectFuture[Any]] = []
    if _collect_futures(value, futures):
        value = await _io.blocking(resolve_futures_to_states, value)
        group = groups.StateGroup([future.state for future in futures])
        return FinalState(_worst_state(group, value, details), value, is_plain=False)
    if futures:
        value = await _io.blocking(resolve_futures_to_states, value)
    made = cast("State[Any] | None", value if isinstance(value, State) else None)
    if made is not None and not _belongs_to_run(made):
        own = {"flow_run_id": details.flow_run_id, "task_run_id": details.task_run_id}
        state = made.model_copy(update={"id": new_id(), "state_details": made.state_details.model_copy(update=own)})
        if state.data is None and state.is_final():
            state.data = InMemory(None)  # returned without a value, which is not the same as a value that was lost
        return FinalState(state, value, is_plain=False)
    states = _collection_of_states(value)
    if states is not None:
        return FinalState(_worst_state(groups.StateGroup(states), value, details), value, is_plain=False)
    return _completed(value, details)


def fail_unfinished(state: State[Any], kind: str) -> State[Any]:
    """Return the failed state of a run whose body returned a state that neither ends the run nor lets it wait.

    Args:
        state: The state.
        kind: `task` or `flow`.
    """
    message = f"The {kind} returned the state {state}, which is not final."
    return State.make(StateType.FAILED, "Failed", message=message, details=state.state_details)


def _completed(value: Any, details: StateDetails) -> FinalState:
    data = InMemory(value)  # until it is persisted: otherwise nobody could read it
    return FinalState(State.make(StateType.COMPLETED, "Completed", data=data, details=details), value, is_plain=True)


def _belongs_to_run(state: State[Any]) -> bool:
    return state.state_details.task_run_id is not None or state.state_details.flow_run_id is not None


def _worst_state(group: groups.StateGroup, value: Any, details: StateDetails) -> State[Any]:
    if group.all_completed():
        kind, message = StateType.COMPLETED, "All states completed."
    elif group.any_cancelled():
        kind, message = StateType.CANCELLED, f"{group.cancelled_count}/{group.total_count} states cancelled."
    elif group.any_paused():
        kind, message = StateType.PAUSED, f"{group.paused_count}/{group.total_count} states paused."
    elif group.any_failed():
        kind, message = StateType.FAILED, f"{group.fail_count}/{group.total_count} states failed."
    else:
        kind, message = StateType.FAILED, f"{group.not_final_count}/{group.total_count} states are not final."
    return State.make(kind, message=message, data=InMemory(value), details=details)


def _collect_futures(value: Any, found: list[PrefectFuture[Any]]) -> bool:
    """Collect the futures inside a value; return whether it is a future, or a collection of nothing but futures."""
    if isinstance(value, PrefectFuture):
        found.append(cast("PrefectFuture[Any]", value))
        return True
    items = _items(value)
    are_futures = [_collect_futures(item, found) for item in items or ()]  # of all items: each may hold futures
    return bool(are_futures) and all(are_futures)


def _items(value: Any) -> Collection[Any] | None:
    """Return the items of a collection that may hold futures or states; None for any other value."""
    if isinstance(value, dict):
        return cast("dict[Any, Any]", value).values()
    return cast("Collection[Any]", value) if isinstance(value, _COLLECTIONS) else None


def _collection_of_states(value: Any) -> list[State[Any]] | None:
    """Return the states of a value that holds only states; None for any other value."""
    if isinstance(value, State):
        return [cast("State[Any]", value)]
    items = None if isinstance(value, dict) else _items(value)
    return list(items) if items and all(isinstance(item, State) for item in items) else None
