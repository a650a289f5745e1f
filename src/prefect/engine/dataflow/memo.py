"""Completed task runs of a flow run's earlier attempts, which a retry of the flow does not repeat.

A call is identified by its task and its number among the calls of that task in the attempt, and reused only when its
parameters are equal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect._lazy import lazy_from

if TYPE_CHECKING:
    from prefect.schemas.states import State
    from prefect.values import hashable, hashing
else:
    hashable, hashing = lazy_from("prefect.values", "hashable", "hashing")

Position = tuple[str, int]


class AttemptMemo:
    """The completed task runs of one flow run."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._completed: dict[Position, tuple[str, State[Any], Any]] = {}

    def restart(self) -> None:
        """Count the calls of a new attempt from the start."""
        self._counts = {}

    def next_position(self, task_key: str) -> Position:
        """Return the position of the next call of this task."""
        count = self._counts[task_key] = self._counts.get(task_key, -1) + 1
        return task_key, count

    def find(self, position: Position, parameters: dict[str, Any]) -> tuple[State[Any], Any] | None:
        """Return the state and value of the earlier call at this position, if it had the same parameters."""
        known = self._completed.get(position)
        if known is None or known[0] != fingerprint(parameters):
            return None
        return known[1], known[2]

    def remember(self, position: Position, parameters: dict[str, Any], state: State[Any], value: Any) -> None:
        """Remember a completed call, unless its parameters cannot be hashed."""
        mark = fingerprint(parameters)
        if mark is not None:
            self._completed[position] = (mark, state, value)


class RememberedCall:
    """One call of a subflow, whose completed run a retry of the flow run around it does not repeat.

    Args:
        memo: That of the flow run around it; without one, nothing is remembered.
        key: Identifies the subflow.
    """

    def __init__(self, memo: AttemptMemo | None, key: str) -> None:
        self._memo = memo
        self._position: Position = memo.next_position(key) if memo is not None else (key, 0)

    def find(self, parameters: dict[str, Any]) -> tuple[State[Any], Any] | None:
        """Return the state and value of the run in an earlier attempt, if it had the same parameters."""
        return self._memo.find(self._position, parameters) if self._memo is not None else None

    def remember(self, parameters: dict[str, Any], state: State[Any], value: Any) -> None:
        """Remember the completed run."""
        if self._memo is not None:
            self._memo.remember(self._position, parameters, state, value)


def fingerprint(parameters: dict[str, Any]) -> str | None:
    """Return a hash of the parameters; None if they cannot be hashed."""
    try:
        return hashing.hash_objects(hashable.to_hashable(parameters))
    except Exception:  # whatever pickling an object of the user's may raise
        return None
