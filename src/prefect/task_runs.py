"""Waiting for task runs that other processes execute."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Self, cast
from uuid import UUID

from prefect import _forks
from prefect._io import drive
from prefect.futures.distributed import wait_for_task_run
from prefect.logging.loggers import get_logger

if TYPE_CHECKING:
    from prefect.schemas.states import State


class TaskRunWaiter:
    """Waits for task runs. All parts of a process share the one that `instance` returns."""

    _instance: ClassVar[TaskRunWaiter | None] = None
    _lock: ClassVar[Any] = _forks.create_lock()

    def __init__(self) -> None:
        self.logger = get_logger("TaskRunWaiter")
        self._is_started = False

    @classmethod
    def instance(cls) -> Self:
        """Return the started waiter of this process."""
        with cls._lock:
            if cls._instance is None:
                cls._instance = cls()
            cls._instance.start()
            return cast("Self", cls._instance)

    def start(self) -> None:
        """Start calling callbacks."""
        self._is_started = True

    def stop(self) -> None:
        """Stop calling callbacks."""
        self._is_started = False
        with self._lock:
            if TaskRunWaiter._instance is self:
                TaskRunWaiter._instance = None

    @classmethod
    async def wait_for_task_run(cls, task_run_id: UUID, timeout: float | None = None) -> State[Any] | None:
        """Return the final state of a task run as soon as it has ended.

        Args:
            task_run_id: The task run.
            timeout: Seconds to wait at most; as long as it takes if None.

        Returns:
            The state; None if the run has not ended in time.
        """
        return await wait_for_task_run(task_run_id, timeout)

    @classmethod
    def add_done_callback(cls, task_run_id: UUID, callback: Callable[[], None]) -> None:
        """Call a function in a new thread when a task run has ended."""
        waiter = cls.instance()

        def wait_and_call() -> None:
            try:
                drive(wait_for_task_run(task_run_id))
                if waiter._is_started:
                    callback()
            except Exception:
                waiter.logger.exception("The callback of task run %r failed.", str(task_run_id))

        context = contextvars.copy_context()
        name = f"prefect-wait-{task_run_id}"
        threading.Thread(target=cast("Any", context.run), args=(wait_and_call,), name=name, daemon=True).start()
