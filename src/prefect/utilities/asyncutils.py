"""Public path of calls between sync and async code; see `prefect.coroutines`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect._lazy import exports
from prefect.coroutines.calls import (
    BACKGROUND_TASKS,
    EVENT_LOOP_GC_REFS,
    RUNNING_ASYNC_FLAG,
    RUNNING_IN_RUN_SYNC_LOOP_FLAG,
    Async,
    LazySemaphore,
    PosArgsT,
    Sync,
    add_event_loop_shutdown_callback,
    asyncnullcontext,
    background_task_lock,
    call_with_mark,
    create_task,
    get_thread_limiter,
    in_async_main_thread,
    in_async_worker_thread,
    is_async_fn,
    is_async_gen_fn,
    mark_as_worker_thread,
    run_async_from_worker_thread,
    run_async_in_new_loop,
    run_coro_as_sync,
    run_sync_in_worker_thread,
    sync,
    sync_compatible,
)

if TYPE_CHECKING:
    from prefect.coroutines.gathering import GatherIncomplete, GatherTaskGroup, create_gather_task_group, gather

__all__ = [
    "Async",
    "BACKGROUND_TASKS",
    "EVENT_LOOP_GC_REFS",
    "GatherIncomplete",
    "GatherTaskGroup",
    "LazySemaphore",
    "PosArgsT",
    "RUNNING_ASYNC_FLAG",
    "RUNNING_IN_RUN_SYNC_LOOP_FLAG",
    "Sync",
    "add_event_loop_shutdown_callback",
    "asyncnullcontext",
    "background_task_lock",
    "call_with_mark",
    "create_gather_task_group",
    "create_task",
    "gather",
    "get_thread_limiter",
    "in_async_main_thread",
    "in_async_worker_thread",
    "is_async_fn",
    "is_async_gen_fn",
    "mark_as_worker_thread",
    "run_async_from_worker_thread",
    "run_async_in_new_loop",
    "run_coro_as_sync",
    "run_sync_in_worker_thread",
    "sync",
    "sync_compatible",
]

# They subclass anyio's types, which are imported when they are used.
_EXPORTS = {"prefect.coroutines.gathering": "GatherIncomplete GatherTaskGroup create_gather_task_group gather"}

__getattr__, __dir__ = exports(__name__, _EXPORTS)
