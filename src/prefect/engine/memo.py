"""What a flow run's earlier attempt completed, so that a retry of the flow does not do it again.

A call is recognized by its task and by being the n-th call of that task in the attempt, and it is only taken over when
its parameters are the same: a flow that took another path calls its tasks anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect._lazy import lazy

if TYPE_CHECKING:
    from prefect.schemas.states import State
    from prefect.values import hashing
else:
    hashing = lazy("prefect.values.hashing")

Position = tuple[str, int]


class AttemptMemo:
    """The completed task runs of one flow run, over its attempts."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._completed: dict[Position, tuple[str, State[Any], Any]] = {}

    def restart(self) -> None:
        """Another attempt begins: count the calls from the start."""
        self._counts = {}

    def next_position(self, task_key: str) -> Position:
        """The place of the next call of this task."""
        count = self._counts[task_key] = self._counts.get(task_key, -1) + 1
        return task_key, count

    def find(self, place: Position, parameters: dict[str, Any]) -> tuple[State[Any], Any] | None:
        """The state and value of the earlier call at this place, if it had the same parameters."""
        known = self._completed.get(place)
        if known is None or known[0] != fingerprint(parameters):
            return None
        return known[1], known[2]

    def remember(self, place: Position, parameters: dict[str, Any], state: State[Any], value: Any) -> None:
        """Remember a completed call. Parameters that cannot be told apart are not remembered."""
        mark = fingerprint(parameters)
        if mark is not None:
            self._completed[place] = (mark, state, value)


def fingerprint(parameters: dict[str, Any]) -> str | None:
    """A hash of the parameters, or None where they have none."""
    try:
        return hashing.hash_objects(parameters)
    except Exception:  # whatever pickling an object of the user's may raise
        return None
