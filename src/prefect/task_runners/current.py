"""The task runner of the current flow, and the shared one of tasks that are submitted outside of flows."""

from __future__ import annotations

import atexit
import functools
import threading
from typing import Any

from prefect import _forks
from prefect.context import EngineContext
from prefect.task_runners.base import TaskRunner
from prefect.task_runners.threads import ThreadPoolTaskRunner

_default: TaskRunner[Any] | None = None
_default_lock = _forks.create_lock()


def current_task_runner() -> TaskRunner[Any]:
    """Return the running flow's task runner; outside of a flow, a thread pool that the process shares."""
    global _default
    flow = EngineContext.get()
    if flow is not None and flow.task_runner is not None:
        return flow.task_runner
    with _default_lock:
        if _default is None:
            _default = ThreadPoolTaskRunner().__enter__()
            _close_at_exit()
        return _default


@functools.cache
def _close_at_exit() -> None:
    """Run what was submitted before the process ends, as the pools of the standard library do."""
    # `atexit` handlers run later, when threads can no longer be relied on.
    try:
        getattr(threading, "_register_atexit", atexit.register)(close_default_task_runner)
    except RuntimeError:  # the main thread has ended already
        atexit.register(close_default_task_runner)


def close_default_task_runner() -> None:
    """Wait for the tasks that were submitted outside of flows; the next one gets a new runner."""
    global _default
    with _default_lock:
        runner, _default = _default, None
    if runner is not None:
        runner.__exit__(None, None, None)


__all__ = ["close_default_task_runner", "current_task_runner"]
