"""From what a task or flow returns to the state it ends in.

A state made by the body is the run's state. A collection of nothing but states (futures count as their states, and a
state of another run counts as a collection of one) decides by the worst of them. Anything else is a result: the run
completed.
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
"""What most tasks return, and what holds neither states nor futures."""
_COLLECTIONS = (list, tuple, set, frozenset)


class FinalState(NamedTuple):
    """What a returned value means.

    Attributes:
        state: The state the run ends in.
        value: The value with futures replaced by their states.
        plain: The value holds no state: it is a result like any other.
    """

    state: State[Any]
    value: Any
    is_plain: bool


async def state_from_return(value: Any, details: StateDetails, in_memory: bool = True) -> FinalState:
    """The end of a run whose body returned `value`; futures in it are waited for."""
    if type(value) in _PLAIN:
        return _completed(value, details, in_memory)
    if _holds_futures(value):
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
    return _completed(value, details, in_memory)


def _completed(value: Any, details: StateDetails, in_memory: bool) -> FinalState:
    data = InMemory(value) if in_memory else None
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


def _holds_futures(value: Any) -> bool:
    if isinstance(value, PrefectFuture):
        return True
    items = _items(value)
    return items is not None and any(map(_holds_futures, items))


def _items(value: Any) -> Collection[Any] | None:
    """What a collection that may hold futures or states consists of; None for anything else."""
    if isinstance(value, dict):
        return cast("dict[Any, Any]", value).values()
    return cast("Collection[Any]", value) if isinstance(value, _COLLECTIONS) else None


def _collection_of_states(value: Any) -> list[State[Any]] | None:
    """The states that `value` is made of, or None if it is anything but states."""
    if isinstance(value, State):
        return [cast("State[Any]", value)]
    items = None if isinstance(value, dict) else _items(value)
    return list(items) if items and all(isinstance(item, State) for item in items) else None
