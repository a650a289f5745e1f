"""An event loop in a separate thread, which the sync code of the process shares.

Coroutines run on one event loop, so that their connections stay open from one to the next. The path of a run does not
use it: its I/O is driven (`prefect._io`).
"""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from prefect import _forks
from prefect._lazy import lazy

if TYPE_CHECKING:
    import asyncio
    import concurrent.futures
else:
    asyncio = lazy("asyncio")

R = TypeVar("R")


class LoopThread:
    """An event loop in a separate thread, started at its first use, which ends with the process."""

    def __init__(self) -> None:
        self._lock = _forks.create_lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self.thread: threading.Thread | None = None

    def submit(self, coroutine: Coroutine[Any, Any, R]) -> concurrent.futures.Future[R]:
        """Run a coroutine on the loop, with the context variables of this thread."""
        context = contextvars.copy_context()

        async def in_context() -> R:
            return await asyncio.get_running_loop().create_task(coroutine, context=context)

        return asyncio.run_coroutine_threadsafe(in_context(), self._running())

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            # A fork has the loop but not the thread.
            if self._loop is None or self.thread is None or not self.thread.is_alive():
                self._loop = asyncio.new_event_loop()
                self.thread = threading.Thread(
                    target=self._loop.run_forever, name="RunSyncEventLoopThread", daemon=True
                )
                self.thread.start()
            return self._loop


shared_loop_thread = LoopThread()
