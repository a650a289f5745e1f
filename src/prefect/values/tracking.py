"""The runs that returned values, found by the identity of a value, without keeping it alive."""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from sys import getrefcount
from typing import Any, NamedTuple
from uuid import UUID

MAX_TRACKED_ITEMS = 100
"""The items of a list, tuple or dict with more items are not tracked."""

_CONTAINERS = frozenset({list, tuple, dict})
_UNTRACKED_TYPES = frozenset({bool, type(None), type(Ellipsis), type(NotImplemented)})

type_of: Callable[[Any], type[Any]] = type
"""`type`, typed for a value of unknown type."""


def _find_largest_shared_int() -> int:
    """Return the largest integer that the interpreter has one object for: 256, and 1024 in Python 3.15."""
    number = 256
    while int(str(number + 1)) is int(str(number + 1)):
        number += 1
    return number


_LARGEST_SHARED_INT = _find_largest_shared_int()


def is_trackable(value: Any) -> bool:
    """Return whether `id(value)` identifies the run that returned it; singletons and small ints are shared."""
    kind = type_of(value)
    return kind not in _UNTRACKED_TYPES and not (kind is int and -5 <= value <= _LARGEST_SHARED_INT)


class Origin(NamedTuple):
    """The run that returned a value.

    Attributes:
        holder: The value, or a weak reference to it.
        run_id: The id of the run.
        kind: `task_run` or `flow_run`.
    """

    holder: Any
    run_id: UUID
    kind: str


class _Reference(weakref.ref[Any]):
    __slots__ = ()


_probe = (object(),)
_HELD_BY_TUPLE_ONLY = getrefcount(_probe[0])


class TrackedResults(dict[int, Origin]):
    """The return values of earlier runs by their `id()`.

    A value is referenced weakly where its type allows. Of any other type (numbers, text, lists, dicts) a reference is
    kept, and dropped when it is the last one: each tracked value makes two others be looked at, so that in the end
    only values are kept that the program has as well.
    """

    def __init__(self) -> None:
        super().__init__()
        self._held: deque[int] = deque()

    def track(self, value: Any, run_id: UUID, kind: str) -> None:
        """Remember that a run returned `value`, and the items of a small list, tuple or dict."""
        if not is_trackable(value):
            return
        self._add(value, run_id, kind)
        count = 1
        container = type_of(value)
        if container in _CONTAINERS and len(value) <= MAX_TRACKED_ITEMS:
            items: Iterable[Any] = value.values() if container is dict else value
            for item in items:
                if is_trackable(item):
                    self._add(item, run_id, kind)
                    count += 1
        self._drop_unused(2 * count)

    def find(self, value: Any) -> Origin | None:
        """Return the run that returned this very object, or None."""
        origin = self.get(id(value))
        if origin is None:
            return None
        holder = origin.holder
        return origin if (holder() if type_of(holder) is _Reference else holder) is value else None

    def _add(self, value: Any, run_id: UUID, kind: str) -> None:
        key = id(value)
        if type_of(value).__weakrefoffset__:
            # A callback in C: the exception of a signal (Ctrl+C) that comes in one of Python's is lost.
            holder = _Reference(value, partial(self.pop, key))
        else:
            holder = value
            if key not in self:
                self._held.append(key)
        self[key] = Origin(holder, run_id, kind)

    def _drop_unused(self, count: int) -> None:
        """Check the next `count` tracked values, and drop values without other references."""
        held = self._held
        for _ in range(min(count, len(held))):
            try:
                key = held.popleft()
            except IndexError:  # another thread was faster
                return
            origin = self.get(key)
            if origin is None:
                continue
            if getrefcount(origin[0]) <= _HELD_BY_TUPLE_ONLY:
                del self[key]
            else:
                held.append(key)
