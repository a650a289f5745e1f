"""A queue of requests for slots, which a thread sends one after the other."""

from __future__ import annotations

import abc
import atexit
from collections.abc import Awaitable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any, ClassVar, Self

from prefect import _forks
from prefect._io import drive, is_async_context
from prefect._lazy import lazy

if TYPE_CHECKING:
    import asyncio
else:
    asyncio = lazy("asyncio")


class RequestService(abc.ABC):
    """Requests for slots of some limits, sent in their order. `instance` returns the one of these limits.

    Args:
        concurrency_limit_names: The limits.
    """

    _instances: ClassVar[dict[tuple[type, tuple[Hashable, ...]], Any]] = {}
    _lock: ClassVar[Any] = _forks.create_lock()

    def __init__(self, concurrency_limit_names: frozenset[str]) -> None:
        self.concurrency_limit_names: list[str] = sorted(concurrency_limit_names)
        self.reset_for_fork()

    def reset_for_fork(self) -> None:
        """Drop the requests that a forked child has inherited; the parent sends them."""
        self._executor: ThreadPoolExecutor | None = None
        self._pending: set[Future[Any]] = set()

    @classmethod
    def reset_instances_for_fork(cls) -> None:
        """Forget all instances."""
        RequestService._instances.clear()

    @classmethod
    def instance(cls, *args: Hashable) -> Self:
        """Return the started instance for these arguments."""
        with cls._lock:
            found = cls._instances.get((cls, args))
            if found is None:
                found = cls._instances[cls, args] = cls(*args)  # pyright: ignore[reportArgumentType]  # its names
                found.start()
            return found

    def start(self) -> None:
        """Start sending requests."""
        if self._executor is None:
            self._executor = ThreadPoolExecutor(1, "prefect-slot-requests")
            atexit.register(self._executor.shutdown, wait=False, cancel_futures=True)

    def send(self, item: Any) -> Future[Any]:
        """Queue a request and return the future of its answer.

        Args:
            item: The arguments of `acquire`.
        """
        self.start()
        assert self._executor is not None
        future = self._executor.submit(lambda: drive(self.acquire(*item)))
        self._pending.add(future)
        future.add_done_callback(self._pending.discard)
        return future

    @abc.abstractmethod
    async def acquire(self, *args: Any, **kwargs: Any) -> Any:
        """Send a request until the slots have been taken, and return the response."""

    def wait_until_empty(self) -> None:
        """Wait until all queued requests have been answered."""
        wait(list(self._pending))

    def drain(self, at_exit: bool = False) -> bool | Awaitable[bool]:
        """Stop when all queued requests have been answered; awaitable in async code."""
        if at_exit or not is_async_context():
            return self._drain()
        return asyncio.to_thread(self._drain)

    def _drain(self) -> bool:
        self.wait_until_empty()
        executor, self._executor = self._executor, None
        if executor is not None:
            executor.shutdown()
        with self._lock:
            for key in [key for key, value in self._instances.items() if value is self]:
                del self._instances[key]
        return True

    @classmethod
    def drain_all(cls, timeout: float | None = None, at_exit: bool = True) -> Any:
        """Stop all instances of this class; return the futures that are done and those that are not.

        Args:
            timeout: Seconds to wait; as long as it takes if None.
            at_exit: Whether to return the futures also in async code, instead of a coroutine.
        """
        mine = [value for (kind, _), value in list(cls._instances.items()) if kind is cls]
        if at_exit or not is_async_context():
            return cls._drain_each(mine, timeout)
        return asyncio.to_thread(cls._drain_each, mine, timeout)

    @staticmethod
    def _drain_each(services: list[Any], timeout: float | None) -> Any:
        with ThreadPoolExecutor(max(1, len(services))) as executor:
            done, pending = wait([executor.submit(service._drain) for service in services], timeout)
            return set(done), set(pending)
