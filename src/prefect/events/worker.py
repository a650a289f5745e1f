"""Background thread that adds what is known of the run to emitted events, and appends them to the journal.

Emitting never blocks and never fails. From the journal events get into the local store, or through the outbox to the
server: one that is unavailable gets them when it is back.
"""

from __future__ import annotations

import atexit
import contextvars
import logging
import os
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeAlias

from prefect import outbox, settings
from prefect._io import drive
from prefect._lazy import lazy, lazy_from
from prefect.client.base import ServerType, determine_server_type
from prefect.logging._identity import run_identity
from prefect.settings import PREFECT_API_REQUEST_TIMEOUT, PREFECT_CLIENT_MAX_RETRIES
from prefect.settings.context import SettingsContext

if TYPE_CHECKING:
    import asyncio

    from prefect.client import orchestration
    from prefect.client.orchestration import PrefectClient
    from prefect.events import related
    from prefect.events.clients import EventsClient
    from prefect.schemas.events import Event
else:
    asyncio = lazy("asyncio")
    orchestration, related = lazy_from("prefect", "client.orchestration", "events.related")

logger = logging.getLogger("prefect.events")

BATCH_SIZE = 100
"""Maximum number of events that are handed on at a time."""

GATHER_INTERVAL_SECONDS = 0.01
"""How long the thread waits for further events after the first one."""

LONG_GATHER_INTERVAL_SECONDS = 0.15
"""The same while none of them is urgent: calls of the API wait for what was recorded before them."""

READ_TIMEOUT_SECONDS = 5.0
"""How long the thread waits for an object that an event is related to."""

EXIT_FLUSH_TIMEOUT_SECONDS = 10.0
"""Seconds to wait at exit for queued events to be recorded."""


_Item: TypeAlias = "tuple[Event, contextvars.Context | None]"
"""An event, and the context of the run that it was emitted in."""


def should_emit_events() -> bool:
    """Return whether events are emitted; always true, at least to the local store."""
    return True


def emit_events_to_cloud() -> bool:
    """Return whether events are sent to Prefect Cloud."""
    return determine_server_type() is ServerType.CLOUD


def should_emit_events_to_running_server() -> bool:
    """Return whether events are sent to a server."""
    return determine_server_type() is ServerType.SERVER


def should_emit_events_to_ephemeral_server() -> bool:
    """Return whether events are written to the local store."""
    return determine_server_type() is ServerType.EPHEMERAL


class EventsWorker:
    """Queue of events and the thread that sends them.

    Args:
        client_type: Client that sends the events, instead of API requests.
        client_options: Keyword arguments for it, as pairs.
    """

    _instances: ClassVar[dict[Any, EventsWorker]] = {}
    _override: ClassVar[tuple[type[EventsClient], tuple[tuple[str, Any], ...]] | None] = None
    _lock: ClassVar[Any] = threading.Lock()

    def __init__(
        self, client_type: type[EventsClient] | None = None, client_options: tuple[tuple[str, Any], ...] = ()
    ) -> None:
        self.client_type = client_type
        self.client_options = client_options
        self._settings = settings.get_current_settings()
        self.reset_for_fork()

    def reset_for_fork(self) -> None:
        """Reset the queue and the thread; the parent process sends the events it queued."""
        self._queue: deque[_Item] = deque()
        # Blocks use the lock itself: an interrupt on entering those of a condition may leave it locked.
        self._mutex = threading.RLock()
        self._changed = threading.Condition(self._mutex)
        self._sending = 0
        self._has_urgent = False
        self._flush_now = False
        self._stopped = False
        self._thread: threading.Thread | None = None
        self._client: PrefectClient | None = None
        self._unrecorded: deque[_Item] = deque()

    # --- instances ---

    @classmethod
    def instance(cls, client_type: type[EventsClient] | None = None) -> Self:
        """Return the started worker of the current settings.

        Args:
            client_type: Client that sends the events, instead of API requests.
        """
        options: tuple[tuple[str, Any], ...] = ()
        if client_type is None and cls._override is not None:
            client_type, options = cls._override
        current = settings.get_current_settings()
        key = (client_type, options, current.api.url, current.home)
        with cls._lock:
            worker = cls._instances.get(key)
            if worker is None or worker._stopped:
                worker = cls._instances[key] = cls(client_type, options)
                worker.start()
            return worker  # pyright: ignore[reportReturnType]

    @classmethod
    def set_client_override(cls, client_type: type[EventsClient] | None, **client_kwargs: Any) -> None:
        """Set the client that sends events, for tests; None restores the default.

        Args:
            client_type: The client's class.
            client_kwargs: Keyword arguments for it.
        """
        cls._override = None if client_type is None else (client_type, tuple(client_kwargs.items()))

    @classmethod
    def drain_all(cls, timeout: float | None = None, at_exit: bool = True) -> tuple[set[Any], set[Any]]:
        """Send the queued events of all workers and stop them.

        Args:
            timeout: Maximum number of seconds to wait.
            at_exit: Whether the process is about to exit.

        Returns:
            The workers that finished, and those that did not.
        """
        with cls._lock:
            workers = list(cls._instances.values())
            cls._instances.clear()
        deadline = None if timeout is None else time.monotonic() + timeout
        done: set[Any] = set()
        for worker in workers:
            left = None if deadline is None else max(deadline - time.monotonic(), 0.0)
            if worker._finish(left, at_exit):
                done.add(worker)
        return done, set(workers) - done

    @classmethod
    def reset_instances_for_fork(cls) -> None:
        """Forget the workers of the parent process."""
        cls._lock = threading.Lock()
        cls._instances = {}

    # --- queue ---

    def start(self) -> None:
        """Start the background thread."""
        if self.client_type is None:
            self._journal = outbox.use_journal()
        self._thread = threading.Thread(target=self._run, name="prefect-events", daemon=True)
        self._thread.start()

    def send(self, item: Event, is_urgent: bool = True) -> None:
        """Queue an event; drop it if the queue already has `events.worker_max_queue_size` events.

        Args:
            item: The event.
            is_urgent: Whether it is recorded immediately, instead of together with others.
        """
        limit = self._settings.events.worker_max_queue_size
        in_run = run_identity.get() is not None
        with self._mutex:
            if limit and len(self._queue) >= limit:
                logger.warning("An event was dropped: the queue has %d events (events.worker_max_queue_size).", limit)
                return
            self._queue.append((item, contextvars.copy_context() if in_run else None))
            is_first_urgent = is_urgent and not self._has_urgent
            self._has_urgent = self._has_urgent or is_urgent
            if is_first_urgent or len(self._queue) in (1, BATCH_SIZE):  # the thread takes the others with the first one
                self._changed.notify_all()

    def wait_until_empty(self) -> None:
        """Wait until the queued events are sent or dropped."""
        with self._mutex:
            self._flush_now = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._queue and not self._sending)
            self._flush_now = False

    def drain(self, at_exit: bool = False) -> bool:
        """Send the queued events and stop the worker.

        Args:
            at_exit: Whether the process is about to exit, which limits the wait.

        Returns:
            Whether the worker finished in time.
        """
        return self._finish(EXIT_FLUSH_TIMEOUT_SECONDS if at_exit else None, at_exit)

    def _finish(self, timeout: float | None, at_exit: bool = False) -> bool:
        with self._mutex:
            self._stopped = True
            self._flush_now = not at_exit  # the journal itself waits at exit
            self._changed.notify_all()
        if self._thread is None:
            return True
        self._thread.join(timeout)
        if not self._thread.is_alive():
            return True
        self._record_rest()
        return False

    def _record_rest(self) -> None:
        """Record what the thread has not, because the server does not answer: an event recorded twice counts once."""
        if self.client_type is not None:
            return
        with self._mutex:
            rest = [*self._unrecorded, *self._queue]
            self._queue.clear()
        for item in rest:
            self._record(self._add_related(*item))

    async def attach_related_resources_from_context(self, event: Event) -> None:
        """Add the related resources of the current run to an event."""
        # A process that ends waits for no answers.
        client = None if self._stopped or not related.has_references() else self._get_client()
        exclude = {resource.id for resource in event.involved_resources}
        event.related += await related.related_resources_from_run_context(client, exclude)

    def _get_client(self) -> PrefectClient:
        """Return the client that reads what completes events: an unavailable server must not hold them up."""
        if self._client is None:
            changes = {PREFECT_CLIENT_MAX_RETRIES: 0, PREFECT_API_REQUEST_TIMEOUT: READ_TIMEOUT_SECONDS}
            with SettingsContext(None, settings=self._settings.copy_with_update(changes)):
                self._client = orchestration.get_client(sync_client=True)._operations
        return self._client

    # --- background thread ---

    def _run(self) -> None:
        with SettingsContext(None, settings=self._settings):
            if self.client_type is None:
                self._run_with_journal()
            else:
                asyncio.run(self._run_with_client(self.client_type(**dict(self.client_options))))

    def _run_with_journal(self) -> None:
        while batch := self._take_batch(BATCH_SIZE):
            self._unrecorded.extend(batch)
            while self._unrecorded:
                self._record(self._add_related(*self._unrecorded[0]))
                self._unrecorded.popleft()
            if self._flush_now:
                self._wait_until_delivered()
            self._mark_sent(len(batch))

    async def _run_with_client(self, client: EventsClient) -> None:
        async with client:
            while batch := await asyncio.to_thread(self._take_batch, BATCH_SIZE):
                for item in batch:
                    try:
                        await client.emit(await asyncio.to_thread(self._add_related, *item))
                    except Exception as error:
                        logger.warning("The event %s could not be sent: %s", item[0].event, error)
                self._mark_sent(len(batch))

    def _take_batch(self, count: int) -> list[_Item]:
        """Return the next events; empty when the worker stops."""
        with self._mutex:
            self._changed.wait_for(lambda: self._queue or self._stopped)
            self._changed.wait_for(lambda: self._has_urgent or self._is_due(count), LONG_GATHER_INTERVAL_SECONDS)
            # Waking a thread takes longer than recording an event: those that follow soon are taken with this one.
            self._changed.wait_for(lambda: self._is_due(count), GATHER_INTERVAL_SECONDS)
            batch = [self._queue.popleft() for _ in range(min(count, len(self._queue)))]
            self._sending += len(batch)
            self._has_urgent = bool(self._queue)
            return batch

    def _is_due(self, count: int) -> bool:
        return self._stopped or self._flush_now or len(self._queue) >= count

    def _mark_sent(self, count: int) -> None:
        with self._mutex:
            self._sending -= count
            self._changed.notify_all()

    def _add_related(self, event: Event, context: contextvars.Context | None) -> Event:
        if context is not None:
            try:
                context.run(drive, self.attach_related_resources_from_context(event))
            except Exception as error:
                logger.debug("The related resources of the event %s could not be read: %s", event.event, error)
        return event

    def _record(self, event: Event) -> None:
        """Append an event to the journal: it is stored, or sent to the server, also when that is unavailable now."""
        try:
            self._journal.append({"kind": "event", **event.model_dump(mode="json")})
        except Exception as error:
            logger.warning("The event %s could not be recorded: %s", event.event, error)

    def _wait_until_delivered(self) -> None:
        """Wait until the events are on the disk, and for a while until the server has them."""
        self._journal.flush(EXIT_FLUSH_TIMEOUT_SECONDS)
        self._journal.wait_until_forwarded(EXIT_FLUSH_TIMEOUT_SECONDS)


class ProcessPoolForwardingEventsClient:
    """Forwards events through a queue to the parent process, whose worker sends them.

    Args:
        event_queue: Queue to the parent process.
        item_type: Type tag of the queued items.
    """

    def __init__(self, event_queue: Any, item_type: str = "event") -> None:
        self._queue = event_queue
        self._type = item_type

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        pass

    async def emit(self, event: Event) -> None:
        """Put an event into the queue."""
        self._queue.put((self._type, event))


def _at_exit() -> None:
    EventsWorker.drain_all(EXIT_FLUSH_TIMEOUT_SECONDS)


atexit.register(_at_exit)
try:
    # Children of multiprocessing end without running `atexit`, but not without this.
    getattr(threading, "_register_atexit", atexit.register)(_at_exit)
except RuntimeError:
    pass  # the main thread has ended already; the `atexit` handlers run later
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=EventsWorker.reset_instances_for_fork)
