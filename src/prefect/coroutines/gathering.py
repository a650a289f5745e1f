"""Task groups that keep the results of their tasks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from contextvars import Context
from typing import Any, NoReturn, TypeVar, TypeVarTuple, Unpack
from uuid import UUID

import anyio
import anyio.abc

from prefect.types import new_id

T = TypeVar("T")
PosArgsT = TypeVarTuple("PosArgsT")


class GatherIncomplete(RuntimeError):
    """The task of a requested result is not done."""


_PENDING = object()


class GatherTaskGroup(anyio.abc.TaskGroup):
    """A task group that keeps the results of its tasks. Use `create_gather_task_group`."""

    def __init__(self, task_group: anyio.abc.TaskGroup) -> None:
        self._task_group = task_group
        self._results: dict[UUID, Any] = {}

    @property
    def cancel_scope(self) -> Any:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The scope that cancels every task of the group."""
        return self._task_group.cancel_scope

    def start_soon(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, func: Callable[[Unpack[PosArgsT]], Awaitable[Any]], *args: *PosArgsT, name: object = None
    ) -> UUID:
        """Start a task and return the key of its result."""
        key = new_id()
        self._results[key] = _PENDING

        async def keep_result() -> None:
            self._results[key] = await func(*args)

        self._task_group.start_soon(keep_result, name=name)
        return key

    # The interface's own signature, without what anyio has added since.
    async def start(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, func: object, *args: object, name: object = None
    ) -> NoReturn:
        """Raise an error: only `start_soon` is supported."""
        raise RuntimeError("A gather task group cannot `start` tasks, only `start_soon`.")

    def create_task(self, coro: Coroutine[Any, Any, T], *, name: object = None, context: Context | None = None) -> Any:
        """Raise an error: only `start_soon` is supported."""
        raise RuntimeError("A gather task group cannot `create_task`, only `start_soon`.")

    def get_result(self, key: UUID) -> Any:
        """Return the result of a task.

        Raises:
            GatherIncomplete: It is not done; leave the group first.
        """
        result = self._results[key]
        if result is _PENDING:
            raise GatherIncomplete("The task is not done: read its result after the task group has ended.")
        return result

    async def __aenter__(self) -> GatherTaskGroup:
        await self._task_group.__aenter__()
        return self

    async def __aexit__(self, *args: Any) -> bool:
        return await self._task_group.__aexit__(*args)


def create_gather_task_group() -> GatherTaskGroup:
    """Return a task group that keeps the results of its tasks, for `async with`."""
    return GatherTaskGroup(anyio.create_task_group())


async def gather(*calls: Callable[[], Coroutine[Any, Any, T]]) -> list[T]:
    """Call async functions concurrently and return their results in order.

    Raises:
        ExceptionGroup: Some of them raised; the others were cancelled.
    """
    keys: list[UUID] = []
    async with create_gather_task_group() as group:
        keys.extend(group.start_soon(call) for call in calls)
    return [group.get_result(key) for key in keys]
