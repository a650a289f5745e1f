"""The shipper: a thread that waits for commits, sends waiting records, and removes what was acknowledged.

One process at a time ships an outbox, including the records of the others. An unavailable server is tried again with a
backoff. A process that ends gives its records some time to be shipped; what is left stays in the file.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING
from uuid import UUID

from prefect import _forks
from prefect._lazy import lazy
from prefect.client.failures import describe_error, is_timeout
from prefect.outbox.api_connection import ApiConnection, ApiMissingError
from prefect.outbox.delivery import Delivery, create_delivery
from prefect.outbox.events import RunContext
from prefect.outbox.heartbeats import Heartbeats
from prefect.outbox.process_lock import ProcessLock
from prefect.outbox.store import Outbox

if TYPE_CHECKING:
    import sqlite3
else:
    sqlite3 = lazy("sqlite3")

SHIP_INTERVAL_SECONDS = 0.2
"""Between two deliveries, while records are collected for the next batch."""
FIRST_RETRY_SECONDS, MAX_RETRY_SECONDS = 0.5, 5.0
"""The first and the longest pause before another attempt to reach an unavailable server, which must receive heartbeats
before it searches for runs without them."""
ACK_TIMEOUT_SECONDS = 10.0
"""Maximum wait of an exiting process for one acknowledgement of a server that answers."""
MIN_TOTAL_TIMEOUT_SECONDS = 60.0
"""Maximum total wait of an exiting process, or twice the setting `client.exit_timeout_seconds` if that is longer."""
INFRASTRUCTURE_EXIT_TIMEOUT_SECONDS = 300.0
"""The same for a process that was started for one flow run, unless that setting is set: the outbox may be deleted with
its container."""
LEAVE_TIMEOUT_SECONDS = 1.0
"""Maximum wait for a server of a process that is being stopped."""
UNAVAILABLE_TIMEOUT_SECONDS = 1.0
"""Maximum wait for an unavailable server of a command that ships."""
EXIT_RETRY_SECONDS = 1.0
"""Between two attempts of an exiting process to reach an unavailable server."""
EXIT_NOTICE_SECONDS = 1.0
"""Delay after which an exiting process prints that it waits."""
LEFTOVER_INTERVAL_SECONDS = 3.0
"""Between two checks of an idle process for records that other processes left."""
MAX_RUN_CONTEXTS = 1000
"""Maximum number of flow runs that are cached for the events of their task runs."""
POLL_INTERVAL_SECONDS = 0.05
"""Between two checks whether another process has shipped the records of this process."""
SETTLE_POLL_SECONDS = 0.002
"""Between two checks whether this process has shipped its records."""


class Shipper:
    """Ships one outbox, for one process.

    Args:
        outbox: The outbox.
        api: The connection to its server.

    Attributes:
        unavailable_reason: The error of the last request; None if the server answered.
        is_hanging: Whether the server accepted the last request and did not answer in time.
        has_warned: Whether a run has logged a warning about the unavailable server.
    """

    def __init__(self, outbox: Outbox, api: ApiConnection) -> None:
        self.outbox = outbox
        self.api = api
        self._run_contexts: dict[str, RunContext] = {}
        self.unavailable_reason: str | None = None
        self.is_hanging = False
        self.has_warned = False
        self._lock = ProcessLock(outbox.path.with_suffix(".lock"))
        self._delivery: Delivery | None = None
        self._wake = threading.Event()
        self._urgent = threading.Event()
        self._closing = threading.Event()
        self._starting = _forks.create_lock()
        self._thread: threading.Thread | None = None
        self._has_unshipped = False
        self._shipping = False
        self._behind = False
        self._stopped_waiting = False
        self._last_progress = time.monotonic()
        self._deadline = self._notice_due = float("inf")
        self._heartbeats = Heartbeats(api, self._get_delivery)

    # --- the journal's forwarder --------------------------------------------------------------------------------------

    def committed(self) -> None:
        """Note that records were committed."""
        self._has_unshipped = True
        self._wake_thread()

    def has_waiting(self) -> bool:
        """Return whether records wait that will be shipped before long."""
        return (self._has_unshipped or self._shipping) and self.unavailable_reason is None and not self._behind

    def wait_until_forwarded(self, timeout: float) -> None:
        """Wait until committed records are shipped. After a timeout it does not wait again until they are."""
        end = time.monotonic() + timeout
        while self.has_waiting() and time.monotonic() < end and not self._stopped_waiting:
            self._urgent.set()
            time.sleep(SETTLE_POLL_SECONDS)
        self._behind = self.has_waiting()

    def finish(self) -> None:
        """Ship waiting records within the exit timeouts, and print what could not be shipped."""
        self._closing.set()
        self._urgent.set()
        self._wake.set()
        self._last_progress = time.monotonic()
        self._deadline = self._last_progress + max(MIN_TOTAL_TIMEOUT_SECONDS, 2 * self._exit_timeout)
        self._notice_due = self._last_progress + EXIT_NOTICE_SECONDS
        thread = self._thread
        try:
            while thread is not None and thread.is_alive() and self._may_wait(ACK_TIMEOUT_SECONDS):
                thread.join(POLL_INTERVAL_SECONDS)
            if _forks.has_forked() and self.outbox.has_waiting():
                self._has_unshipped = True  # children leave what they record to this process when they are terminated
            if self._has_unshipped and (thread is None or not thread.is_alive()):
                self.ship_within(ACK_TIMEOUT_SECONDS, float("inf"))
        except KeyboardInterrupt:
            self._stopped_waiting = True  # the records are on disk
        self._stopped_waiting = self._stopped_waiting or self.unavailable_reason is not None
        self._report_waiting()
        self._thread, self._deadline, self._notice_due = None, float("inf"), float("inf")
        # A thread that still waits for its server ends when it is answered: it has the events that are set.
        self._closing, self._urgent = threading.Event(), threading.Event()

    def stop_waiting(self) -> None:
        """Leave what a server does not take immediately on disk, without waiting at the end of the process."""
        self._stopped_waiting = True
        self.api.ship_timeout = LEAVE_TIMEOUT_SECONDS

    def _may_wait(self, timeout: float) -> bool:
        """Return whether the end of the process may wait for the server any longer; say so when it takes a while."""
        at, url = time.monotonic(), self.outbox.url
        if self._stopped_waiting:
            timeout = min(timeout, LEAVE_TIMEOUT_SECONDS)
        if self.unavailable_reason:
            timeout = self._exit_timeout if self._closing.is_set() else min(timeout, UNAVAILABLE_TIMEOUT_SECONDS)
            if self._stopped_waiting or not self.outbox.has_records():
                return False
            if at >= self._notice_due:
                self._notice_due = float("inf")
                _print(
                    f"waiting up to {timeout:g} s for {url} to take {self._count_waiting()}. "
                    "Ctrl+C leaves them in the outbox."
                )
        return at < min(self._last_progress + timeout, self._deadline)

    @property
    def _exit_timeout(self) -> float:
        """Seconds for which the end of the process waits for an unavailable server."""
        client = self.api.settings.client
        if "PREFECT__FLOW_RUN_ID" in os.environ and "exit_timeout_seconds" not in client.model_fields_set:
            return INFRASTRUCTURE_EXIT_TIMEOUT_SECONDS
        return client.exit_timeout_seconds

    def forked(self) -> Shipper:
        """Return the shipper of a forked child."""
        return Shipper(self.outbox, ApiConnection(self.api.settings))

    def abandon(self) -> None:
        """Release, in a forked child, what it inherited: the parent has the lock for itself."""
        self._lock.release()

    # --- runs of this process -----------------------------------------------------------------------------------------

    def start_heartbeat(self, run: RunContext) -> None:
        """Send heartbeats of a flow run from now on, so that the server notices when its process is gone."""
        self._run_contexts[run.id] = run
        if len(self._run_contexts) > MAX_RUN_CONTEXTS:
            self._run_contexts.pop(next(iter(self._run_contexts)))
        self._heartbeats.start(run.id)
        self._wake_thread()

    def renew_slot_lease(self, flow_run_id: UUID, lease_id: UUID) -> None:
        """Renew the lease of a deployment's slot as long as the flow run runs in this process."""
        self._heartbeats.renew_slot(str(flow_run_id), lease_id)
        self._wake_thread()

    def stop_heartbeat(self, flow_run_id: UUID) -> None:
        """Stop the heartbeats of a flow run, and the renewal of its lease."""
        self._heartbeats.stop(str(flow_run_id))

    # --- the thread ---------------------------------------------------------------------------------------------------

    def _wake_thread(self) -> None:
        if self._thread is None and not self._closing.is_set():
            with self._starting:
                if self._thread is None:
                    self._start()
        self._wake.set()

    def _start(self) -> None:
        thread = threading.Thread(
            target=self._run, args=(self._closing, self._urgent), name="prefect-shipper", daemon=True
        )
        try:
            thread.start()
        except RuntimeError:  # the interpreter is shutting down, and `finish` ships
            return
        self._thread = thread

    def _run(self, closing: threading.Event, urgent: threading.Event) -> None:
        failures = 0
        while not closing.is_set():
            due = self._heartbeats.seconds_until_due()
            is_woken = self._wake.wait(
                LEFTOVER_INTERVAL_SECONDS if due is None else min(due, LEFTOVER_INTERVAL_SECONDS)
            )
            if not is_woken and self.outbox.has_waiting():
                self._has_unshipped = True
            if not closing.is_set():
                self._wake.clear()
            failures = 0 if self._run_once(closing) else failures + 1
            pause = (
                SHIP_INTERVAL_SECONDS
                if not failures
                else min(FIRST_RETRY_SECONDS * 2 ** (failures - 1), MAX_RETRY_SECONDS)
            )
            if self._has_unshipped:
                self._wake.set()
            urgent.wait(pause)
            if not closing.is_set():
                urgent.clear()

    def _run_once(self, closing: threading.Event) -> bool:
        """Ship what waits and what is due; whether the server took it."""
        try:
            has_answered = self._heartbeats.send_due()
            if self._has_unshipped:
                has_answered = self._ship(closing.is_set) or has_answered
        except Exception as error:  # an unavailable server, or a bug in it or here: the records wait
            self.record_failure(error)
            self._name_server()
            return False
        if has_answered:
            self._record_answer()
        return True

    def _name_server(self) -> None:
        """Write the server's URL into the file, so that other processes can ship what this one may leave in it."""
        try:
            self.outbox.find_range()
        except (sqlite3.Error, OSError):
            return  # a full disk: the next failure tries again

    def ship_leftovers(self) -> None:
        """Ship what other processes left, unless one of them ships or the server is unavailable."""
        self._has_unshipped = True
        self._run_once(self._closing)

    # --- shipping -----------------------------------------------------------------------------------------------------

    def ship_within(
        self, ack_timeout: float, total_timeout: float, on_progress: Callable[[int], None] | None = None
    ) -> bool:
        """Ship the records that are in the file now, and return whether all of them were shipped.

        Args:
            ack_timeout: Seconds to wait for an acknowledgement.
            total_timeout: Seconds to wait in all.
            on_progress: Called after each delivery with the number of records that wait.
        """
        if not self._closing.is_set():
            self._last_progress = time.monotonic()
            self._deadline = self._last_progress + total_timeout
        oldest, goal = self.outbox.find_range()
        while 0 < oldest <= goal:
            if not self._try_batch():
                if not self._may_wait(ack_timeout):
                    return False
                time.sleep(EXIT_RETRY_SECONDS if self.unavailable_reason else POLL_INTERVAL_SECONDS)
            before, oldest = oldest, self.outbox.find_range()[0]
            if oldest != before:  # shipped by this process or another one
                self._last_progress = time.monotonic()
                if on_progress is not None:
                    on_progress(self.outbox.count_waiting())
        self._has_unshipped = False
        return True

    def _try_batch(self) -> bool:
        """Ship one batch, unless another process ships or the server is unavailable."""
        if not self._lock.acquire():
            return False
        try:
            self._deliver_next()
        except Exception as error:  # as in the thread: the records wait
            self.record_failure(error)
            return False
        finally:
            self._lock.release()
        self._record_answer()
        return True

    def record_failure(self, error: Exception) -> None:
        """Note why the server does not answer."""
        self.unavailable_reason, self.is_hanging = describe_error(error), is_timeout(error)
        if isinstance(error, ApiMissingError):
            self.api.forget_capabilities()
            self._delivery = None

    def _record_answer(self) -> None:
        self.unavailable_reason, self.is_hanging, self.has_warned = None, False, False
        self._stopped_waiting = False

    def _ship(self, interrupted: Callable[[], bool]) -> bool:
        """Ship batches until there are none or `interrupted` returns true, unless another process ships.

        Returns:
            Whether the server has acknowledged any.
        """
        if not self._lock.acquire():
            return False
        has_shipped = False
        try:
            self._shipping = True
            self._has_unshipped = False  # what is committed from here on sets it again
            while self._deliver_next():
                has_shipped = True
                self._heartbeats.send_due()
                if interrupted():
                    self._has_unshipped = True
                    return True
            self._behind = False
            return has_shipped
        except BaseException:
            self._has_unshipped = True
            raise
        finally:
            self._shipping = False
            self._lock.release()

    def _deliver_next(self) -> bool:
        batch = self.outbox.read_batch()
        if batch is None:
            return False
        self._get_delivery().deliver(self.outbox, batch)
        return True

    def _get_delivery(self) -> Delivery:
        if self._delivery is None:
            self._delivery = create_delivery(self.api, self._run_contexts, self._progress)
        return self._delivery

    def _progress(self) -> bool:
        """Note that the server has recorded something; return whether to go on."""
        self._last_progress = time.monotonic()
        self._heartbeats.send_due()
        return self._last_progress < self._deadline

    def _count_waiting(self) -> str:
        waiting = self.outbox.count_waiting()
        return f"{waiting:,} record{'' if waiting == 1 else 's'}"

    def _report_waiting(self) -> None:
        # A delivery may be under way that the end of the process does not wait for.
        if (self._has_unshipped or self._shipping) and (waiting := self.outbox.count_waiting()):
            why = f" {self.unavailable_reason}" if self.unavailable_reason else ""
            verb = "waits" if waiting == 1 else "wait"
            _print(
                f"{self._count_waiting()} {verb} in {str(self.outbox.path)!r} for {self.outbox.url}; "
                f"the next run or `prefect journal ship` sends them.{why}"
            )


def _print(message: str) -> None:
    sys.stderr.write(f"prefect: {message}\n")
    sys.stderr.flush()
