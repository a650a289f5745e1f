"""A pool of threads with a limit of running jobs.

Threads are started when there is work and none is idle: the first few immediately, more only while the queue does not
move, so that ten thousand short jobs do not start ten thousand threads and ten thousand sleeping ones do run side by
side. A job that waits for another frees its slot, so waiting never exhausts the pool.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from typing import Any

from prefect._brief_lock import BriefLock
from prefect.futures import current_slot

Job = Callable[["PoolSlot"], None]
"""A job of a pool: called with its slot, which it releases while it waits. It must not raise."""

EAGER_THREADS = 2
"""Threads started without checking whether the running ones keep up: more would only compete for the interpreter."""
STALL_INTERVAL_SECONDS = 0.002
"""If no job was taken for so long, more threads are started."""
IDLE_TIMEOUT_SECONDS = 10.0
"""A thread without work ends after this time."""


class ThreadPool:
    """Runs jobs in threads.

    Args:
        limit: The maximum number of running jobs; jobs that wait for another do not count. None for no limit.
        name: Names the threads.
        at_end: Called in each thread before it ends.
    """

    def __init__(self, limit: int | None, name: str, at_end: Callable[[], None] | None = None) -> None:
        self._at_end = at_end
        self._limit = limit if limit is not None else 1 << 30
        self._name = name
        self._reset(running=0)
        # A callback in C: the exception of a signal that comes in one of Python's is lost.
        _pools.add(weakref.ref(self, _pools.discard))

    def _reset(self, running: int) -> None:
        self._jobs: deque[Job] = deque()
        self._lock = lock = BriefLock()
        self._work, self._resume, self._settled = lock.condition(), lock.condition(), lock.condition()
        self._idle = 0
        self._running = running
        self._resuming = 0
        self._threads = 0
        self._starting = 0
        self._unfinished = running
        self._taken = 0
        self._watched = False
        self._closed = False

    def reset_after_fork(self) -> None:
        """Reset the pool in a forked child, where only the forking thread exists, which may run one of the jobs."""
        slot = current_slot.get()
        self._reset(running=int(isinstance(slot, PoolSlot) and slot.is_running_in(self)))

    def reserve_job(self) -> None:
        """Announce a job that will be put or cancelled later; closing waits for it."""
        with self._lock:
            self._unfinished += 1

    def cancel_reservation(self) -> None:
        """Cancel the reservation of a job."""
        with self._lock:
            self._count_finished_job()

    def put(self, job: Job) -> None:
        """Queue a job that was reserved."""
        with self._lock:
            thread = self._queue_job(job)
        self._start(thread)

    def submit(self, job: Job) -> None:
        """Reserve a job and queue it."""
        with self._lock:
            self._unfinished += 1
            thread = self._queue_job(job)
        self._start(thread)

    def close(self) -> None:
        """Wait until all jobs are done and no thread is about to start, then end the threads."""
        with self._lock:
            while self._unfinished or self._starting:
                self._settled.wait()
            self._closed = True
            self._work.notify_all()

    def count_unfinished(self) -> int:
        """Return how many jobs wait or run."""
        return self._unfinished

    def take_pending_jobs(self) -> list[Job]:
        """Remove and return the jobs that have not started. Their reservations stay."""
        with self._lock:
            jobs = list(self._jobs)
            self._jobs.clear()
        return jobs

    # --- threads; all with the lock held ------------------------------------------------------------------------------

    def _queue_job(self, job: Job) -> threading.Thread | None:
        self._jobs.append(job)
        return self._provide_thread() if self._running + self._resuming < self._limit else None

    def _provide_thread(self) -> threading.Thread | None:
        """Wake a thread for the newest job, or return one that is to be started without the lock."""
        # An idle thread that was woken counts as idle until it has taken its job, which is still queued then.
        if len(self._jobs) <= self._idle:
            self._work.notify()
        elif self._threads < EAGER_THREADS:
            return self._add_thread()
        elif not self._watched:
            self._watched = True
            self._starting += 1
            return threading.Thread(target=self._watch_for_stalls, name=f"{self._name}-watch", daemon=True)
        return None

    def _add_thread(self) -> threading.Thread:
        self._threads += 1
        self._starting += 1
        return threading.Thread(target=self._run_jobs, name=self._name, daemon=True)

    def _start(self, thread: threading.Thread | None) -> None:
        """Start a thread that was added, without the lock: a start waits until the thread runs."""
        if thread is None:
            return
        try:
            thread.start()
        except RuntimeError:  # the system allows no more threads: go on with the running ones
            with self._lock:
                if thread.name == self._name:
                    self._threads -= 1
                else:
                    self._watched = False
                if not self._threads:
                    raise
        finally:
            with self._lock:
                self._starting -= 1
                if not self._starting:
                    self._settled.notify_all()

    def _watch_for_stalls(self) -> None:
        """Start more threads while jobs wait and none is taken; end when the queue is empty."""
        taken, more = -1, EAGER_THREADS
        while True:
            time.sleep(STALL_INTERVAL_SECONDS)
            added: list[threading.Thread] = []
            with self._lock:
                free = self._limit - self._running - self._resuming
                if not self._jobs:
                    self._watched = False
                    return
                if self._taken == taken and free > 0 and len(self._jobs) > self._idle:
                    added = [self._add_thread() for _ in range(min(more, free, len(self._jobs) - self._idle))]
                    more *= 2
                else:
                    more = EAGER_THREADS
                taken = self._taken
            for thread in added:
                self._start(thread)

    def _run_jobs(self) -> None:
        try:
            slot = None
            while (job := self._take_job(slot)) is not None:
                slot = PoolSlot(self)
                job(slot)
                del job
        finally:
            if self._at_end is not None:
                self._at_end()

    def _count_finished_job(self) -> None:
        self._unfinished -= 1
        if not self._unfinished:
            self._settled.notify_all()

    def _take_job(self, ended: PoolSlot | None) -> Job | None:
        """Free the slot of the job that has ended, and return the next job; None when the thread is to end."""
        with self._lock:
            if ended is not None:
                ended.end()
                self._count_finished_job()
            while True:
                if self._jobs and self._running + self._resuming < self._limit:
                    self._running += 1
                    self._taken += 1
                    return self._jobs.popleft()
                if self._closed:
                    self._threads -= 1
                    return None
                self._idle += 1
                woken = self._work.wait(IDLE_TIMEOUT_SECONDS)
                self._idle -= 1
                if not woken and not self._jobs:
                    self._threads -= 1
                    return None

    # --- slots; all with the lock held --------------------------------------------------------------------------------

    def _free_slot(self) -> threading.Thread | None:
        """Free the slot of a running job that waits; return a thread that is to be started for the next job."""
        self._running -= 1
        if self._resuming:
            self._resume.notify()
        elif self._jobs:
            return self._provide_thread()
        return None

    def _reclaim_slot(self) -> None:
        """Take a slot for a job that waited, before any queued job."""
        self._resuming += 1
        try:
            while self._running >= self._limit:
                self._resume.wait()
            self._running += 1
        finally:
            self._resuming -= 1


class PoolSlot:
    """The slot of one running job.

    Several threads or coroutines of the job may wait at the same time: the slot is free while any of them waits. A
    thread that still waits when the job has ended does not get the slot again.

    Attributes:
        future: The future that the job resolves.
    """

    __slots__ = ("_ended", "_held", "_pool", "_returning", "_waiting", "future")

    def __init__(self, pool: ThreadPool) -> None:
        self._pool = pool
        self._held = True
        self._ended = False
        self._returning = False
        self._waiting = 0
        self.future: Any = None

    def is_running_in(self, pool: ThreadPool) -> bool:
        """Return whether the job runs in this pool at present."""
        return self._held and self._pool is pool

    def release(self) -> None:
        """Free the slot, because the job waits."""
        pool = self._pool
        thread = None
        with pool._lock:
            self._waiting += 1
            if self._held:
                self._held = False
                thread = pool._free_slot()
        pool._start(thread)

    def reacquire(self) -> None:
        """Wait for a slot, because the job continues."""
        pool = self._pool
        thread = None
        with pool._lock:
            self._waiting -= 1
            if self._waiting or self._held or self._returning or self._ended:
                return
            self._returning = True
            try:
                pool._reclaim_slot()
            finally:
                self._returning = False
            if self._waiting or self._ended:
                thread = pool._free_slot()
            else:
                self._held = True
        pool._start(thread)

    def end(self) -> None:
        """Free the slot of a job that has ended. The pool's lock is held."""
        self._ended = True
        self.future = None
        if self._held:
            self._held = False
            self._pool._running -= 1
            if self._pool._resuming:
                self._pool._resume.notify()


_pools: set[weakref.ref[ThreadPool]] = set()


def _reset_in_child() -> None:
    for reference in list(_pools):
        if (pool := reference()) is not None:
            pool.reset_after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_in_child)
