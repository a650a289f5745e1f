"""The thread that ships: it waits for commits, sends what waits, and removes what was acknowledged.

One process at a time ships an outbox; the others wait for it, since it ships their records too. A server that is away
is asked again after growing pauses. When the process ends, its records get some time to be shipped; what is left stays
in the file.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING, Any
from uuid import UUID

from prefect._io import drive
from prefect.outbox import store
from prefect.outbox.couriers import Courier, courier_for
from prefect.outbox.events import Surroundings
from prefect.outbox.line import Line, NotThere, is_refusal, reason_of
from prefect.outbox.lock import ProcessLock
from prefect.outbox.store import Outbox
from prefect.types import new_id, now

if TYPE_CHECKING:
    import sqlite3

PACE = 0.2
"""Seconds between two deliveries, in which records gather."""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 5.0
"""Seconds before a server that was away is asked again: at first, and at most. A server that is back hears of what is
under way before it looks for runs that fell silent."""
PATIENCE = 10.0
"""Seconds that a process which ends waits for an acknowledgement while the server answers."""
AT_MOST = 60.0
"""Seconds that it waits in all."""
AWAY_PATIENCE = 1.0
"""Seconds that it waits for a server that is away."""
SLOT_LEASE = 300
"""Seconds for which a flow run holds a slot of its deployment unless it renews the lease."""
RENEW = "/v2/concurrency_limits/leases/{lease_id}/renew"
REMEMBERED = 1000
"""Of how many flow runs it is remembered what their task runs' events say of them."""
LOOK = 0.05
"""Seconds between two looks at whether another process has shipped this one's records."""
SHORT_LOOK = 0.002
"""Seconds between two looks at whether this process has shipped them."""
BEAT = 30
"""Seconds between two heartbeats of a flow run, unless `flows.heartbeat_frequency` is set."""
BEATS_MISSED = 3
"""After so many without one, the run counts as dead."""


class Shipper:
    """Ships one outbox, for one process.

    Args:
        outbox: The outbox.
        line: The line to its server.
    """

    def __init__(self, outbox: Outbox, line: Line) -> None:
        self.outbox = outbox
        self.line = line
        self._under_way: dict[str, UUID | None] = {}
        self._surroundings: dict[str, Surroundings] = {}
        self.away: str | None = None
        self._lock = ProcessLock(outbox.path.with_suffix(".lock"))
        self._courier: Courier | None = None
        self._wake = threading.Event()
        self._hurry = threading.Event()
        self._closing = threading.Event()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._dirty = False
        self._shipping = False
        self._behind = False
        self._moved = time.monotonic()
        self._stop_at = float("inf")
        self._beat_at = float("inf")
        flows = line.settings.flows
        self._frequency = flows.heartbeat_frequency if "heartbeat_frequency" in flows.model_fields_set else BEAT

    # --- what the journal asks ----------------------------------------------------------------------------------------

    def committed(self) -> None:
        """Records were committed."""
        self._dirty = True
        self._rouse()

    def waiting(self) -> bool:
        """Whether records wait that will be shipped before long."""
        return (self._dirty or self._shipping) and self.away is None and not self._behind

    def settle(self, timeout: float) -> None:
        """Wait until what was committed is shipped; who has waited in vain does not wait again until it is."""
        end = time.monotonic() + timeout
        while self.waiting() and time.monotonic() < end:
            self._hurry.set()
            time.sleep(SHORT_LOOK)
        self._behind = self.waiting()

    def finish(self) -> None:
        """Ship what waits, within bounds, and say in a line what could not be shipped."""
        self._closing.set()
        self._hurry.set()
        self._wake.set()
        self._moved = time.monotonic()
        self._stop_at = self._moved + AT_MOST
        thread = self._thread
        while thread is not None and thread.is_alive() and self._may_wait(PATIENCE):
            thread.join(LOOK)
        if self._dirty and (thread is None or not thread.is_alive()):
            self.ship_within(PATIENCE, AT_MOST)
        self._say_what_waits()
        self._thread, self._stop_at = None, float("inf")
        self._closing.clear()
        self._hurry.clear()

    def _may_wait(self, patience: float) -> bool:
        """Whether the end of the process may wait for the server any longer."""
        return time.monotonic() < min(self._moved + (AWAY_PATIENCE if self.away else patience), self._stop_at)

    def forked(self) -> Shipper:
        """That of a forked child."""
        self._lock.release()
        return Shipper(self.outbox, Line(self.line.settings))

    # --- what the engine asks -----------------------------------------------------------------------------------------

    def hold(self, run: Surroundings) -> None:
        """A flow run is under way here: say so from time to time, so that the server knows when it no longer is."""
        self._under_way.setdefault(run.id, None)
        self._surroundings[run.id] = run
        if len(self._surroundings) > REMEMBERED:
            self._surroundings.pop(next(iter(self._surroundings)))
        if self._frequency is not None:
            self._beat_at = time.monotonic()
            self._rouse()

    def hold_slot(self, flow_run_id: UUID, lease_id: UUID) -> None:
        """A flow run that is under way here holds a slot of its deployment: renew the lease as long as it does."""
        self._under_way[str(flow_run_id)] = lease_id
        self._beat_at = min(self._beat_at, time.monotonic() + BEAT)
        self._rouse()

    def let_go(self, flow_run_id: UUID) -> None:
        """A flow run is not under way here any more."""
        self._under_way.pop(str(flow_run_id), None)

    # --- the thread ---------------------------------------------------------------------------------------------------

    def _rouse(self) -> None:
        if self._thread is None and not self._closing.is_set():
            with self._starting:
                if self._thread is None:
                    self._start()
        self._wake.set()

    def _start(self) -> None:
        thread = threading.Thread(target=self._run, name="prefect-shipper", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the interpreter is shutting down, and `finish` ships
            return
        self._thread = thread

    def _run(self) -> None:
        failures = 0
        while not self._closing.is_set():
            self._wake.wait(self._until_beat())
            self._wake.clear()
            failures = 0 if self._turn() else failures + 1
            pause = PACE if not failures else min(FIRST_PAUSE * 2 ** (failures - 1), LONGEST_PAUSE)
            if self._dirty:
                self._wake.set()
            self._hurry.wait(pause)
            if not self._closing.is_set():
                self._hurry.clear()

    def _until_beat(self) -> float | None:
        if not self._under_way or self._beat_at == float("inf"):
            return None
        return max(0.0, self._beat_at - time.monotonic())

    def _turn(self) -> bool:
        """Ship what waits and what is due; whether the server took it."""
        try:
            self._beat_if_due()
            if self._dirty:
                self._ship(self._closing.is_set)
        except Exception as error:  # a server that is away, or a bug in it or here: the records wait
            self._note(error)
            return False
        self.away = None
        return True

    # --- shipping -----------------------------------------------------------------------------------------------------

    def ship_within(self, patience: float, at_most: float, told: Callable[[int], None] | None = None) -> bool:
        """Ship what is in the file now; whether all of it was.

        Args:
            patience: Seconds to wait for an acknowledgement.
            at_most: Seconds to wait in all.
            told: Called with how many records wait after each delivery.
        """
        self._moved = time.monotonic()
        self._stop_at = min(self._stop_at, self._moved + at_most)
        with closing(self.outbox.connect()) as connection:
            goal, oldest = store.last(connection), store.first(connection)
            while 0 < oldest <= goal:
                if not self._may_wait(patience):
                    return False
                if not self._attempt(connection):
                    time.sleep(LOOK)
                before, oldest = oldest, store.first(connection)
                if oldest != before:  # whoever shipped it
                    self._moved = time.monotonic()
                    if told is not None:
                        told(self.outbox.waiting())
        self._dirty = False
        return True

    def _attempt(self, connection: sqlite3.Connection) -> bool:
        """Ship one batch, unless another process ships or the server is away."""
        if not self._lock.acquire():
            return False
        try:
            self._deliver_next(connection)
        except Exception as error:  # as in the thread: the records wait
            self._note(error)
            return False
        finally:
            self._lock.release()
        self.away = None
        return True

    def _note(self, error: Exception) -> None:
        self.away = reason_of(error)
        if isinstance(error, NotThere):
            self.line.forget()
            self._courier = None

    def _ship(self, interrupted: Callable[[], bool]) -> None:
        """Ship batch after batch, until it is interrupted, unless another process does."""
        if not self._lock.acquire():
            return
        try:
            self._shipping = True
            self._dirty = False  # what is committed from here on sets it again
            with closing(self.outbox.connect()) as connection:
                while self._deliver_next(connection):
                    if interrupted():
                        self._dirty = True
                        return
            self._behind = False
        except BaseException:
            self._dirty = True
            raise
        finally:
            self._shipping = False
            self._lock.release()

    def _deliver_next(self, connection: sqlite3.Connection) -> bool:
        batch = store.next_batch(connection)
        if batch is None:
            return False
        self._speak().deliver(connection, batch)
        return True

    def _speak(self) -> Courier:
        if self._courier is None:
            self._courier = courier_for(self.line, self._surroundings, self._progress)
        return self._courier

    def _progress(self) -> bool:
        """The server has taken something; whether to go on."""
        self._moved = time.monotonic()
        self._beat_if_due()
        return self._moved < self._stop_at

    # --- saying what is under way -------------------------------------------------------------------------------------

    def _beat_if_due(self) -> None:
        if self._under_way and time.monotonic() >= self._beat_at:
            self._beat()

    def _beat(self) -> None:
        frequency, runs, due = self._frequency or BEAT, dict(self._under_way), self._beat_at
        if self._frequency is not None:
            fields: dict[str, Any] = {"kind": "heartbeat", "at": now().isoformat(), "ttl": frequency * BEATS_MISSED}
            try:
                self._speak().beat([{**fields, "id": str(new_id()), "flow_run_id": run} for run in runs])
            except Exception as error:
                if not is_refusal(error):
                    raise
                # A server that does not take heartbeats still takes records, which come after them.
        for run, lease_id in runs.items():
            if lease_id is not None:
                self._renew(run, lease_id)
        if self._beat_at == due:  # else another run has begun meanwhile, and its first one is due
            self._beat_at = time.monotonic() + frequency

    def _renew(self, run: str, lease_id: UUID) -> None:
        try:
            drive(self.line.ship("POST", RENEW, {"lease_duration": SLOT_LEASE}, lease_id=lease_id))
        except Exception as error:
            if not is_refusal(error):
                raise
            self._under_way[run] = None  # the lease is gone, and the server says in time what follows from that

    def _say_what_waits(self) -> None:
        if not self._dirty:
            return
        waiting = self.outbox.waiting()
        if waiting:
            why = f" {self.away}" if self.away else ""
            sys.stderr.write(
                f"prefect: {waiting:,} records wait in {str(self.outbox.path)!r} for {self.outbox.url}; "
                f"the next run or `prefect journal ship` sends them.{why}\n"
            )
            sys.stderr.flush()
