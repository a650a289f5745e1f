"""A pool of threads that run jobs, at most so many at once.

Threads are started when there is work and none is idle: the first few at once, more only while the queue stands still,
so that ten thousand short jobs do not start ten thousand threads and ten thousand sleeping ones do run side by side. A
job that waits for another lends its place out, so waiting never exhausts the pool.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from typing import Any

from prefect.futures import running_in

Job = Callable[["Place"], None]
"""What a pool runs: called with its place, which it gives up while it waits. It must not raise."""

EAGER = 2
"""Threads started without looking whether the running ones keep up: more would only take turns at the interpreter."""
STANDSTILL = 0.002
"""Seconds without a job being taken after which more threads are started."""
IDLE = 10.0
"""Seconds that a thread without work stays."""


class ThreadPool:
    """Runs jobs in threads of its own.

    Args:
        limit: How many jobs run at once; jobs that wait for another do not count. None for no limit.
        name: Names the threads.
        at_end: Called in each thread before it ends.
    """

    def __init__(self, limit: int | None, name: str, at_end: Callable[[], None] | None = None) -> None:
        self._at_end = at_end
        self._limit = limit if limit is not None else 1 << 30
        self._name = name
        self._begin(running=0)
        _pools.add(self)

    def _begin(self, running: int) -> None:
        self._jobs: deque[Job] = deque()
        self._lock = threading.Lock()
        self._work = threading.Condition(self._lock)
        self._resume = threading.Condition(self._lock)
        self._settled = threading.Condition(self._lock)
        self._idle = 0
        self._running = running
        self._resuming = 0
        self._threads = 0
        self._unfinished = running
        self._taken = 0
        self._watched = False
        self._closed = False

    def forked(self) -> None:
        """In the child of a fork: there are no threads and no jobs but the one that forked, if it was one of these."""
        place = running_in.get()
        self._begin(running=int(isinstance(place, Place) and place.is_held_in(self)))

    def announce(self) -> None:
        """Say that a job will be put, or dropped, later: closing waits for it."""
        with self._lock:
            self._unfinished += 1

    def drop(self) -> None:
        """An announced job will not be put."""
        with self._lock:
            self._finished_one()

    def put(self, job: Job) -> None:
        """Queue a job that was announced."""
        with self._lock:
            self._jobs.append(job)
            if self._running + self._resuming < self._limit:
                self._find_thread()

    def close(self) -> None:
        """Wait until all jobs are done, then let the threads go."""
        with self._lock:
            while self._unfinished:
                self._settled.wait()
            self._closed = True
            self._work.notify_all()

    def take_back(self) -> list[Job]:
        """Take back the jobs that have not started. They still count as announced."""
        with self._lock:
            jobs = list(self._jobs)
            self._jobs.clear()
        return jobs

    # --- threads; all with the lock held ------------------------------------------------------------------------------

    def _find_thread(self) -> None:
        """See to it that some thread takes the newest job."""
        # An idle thread that was woken counts as idle until it has taken its job, which is still queued then.
        if len(self._jobs) <= self._idle:
            self._work.notify()
        elif self._threads < EAGER:
            self._start_thread()
        elif not self._watched:
            self._watched = True
            threading.Thread(target=self._watch, name=f"{self._name}-watch", daemon=True).start()

    def _start_thread(self) -> None:
        self._threads += 1
        try:
            threading.Thread(target=self._serve, name=self._name, daemon=True).start()
        except RuntimeError:  # the system has no more threads to give: the ones there are must do
            self._threads -= 1
            if not self._threads:
                raise

    def _watch(self) -> None:
        """Start more threads while jobs wait and none is taken; end when the queue is empty."""
        taken, more = -1, EAGER
        while True:
            time.sleep(STANDSTILL)
            with self._lock:
                free = self._limit - self._running - self._resuming
                if not self._jobs:
                    self._watched = False
                    return
                if self._taken == taken and free > 0 and len(self._jobs) > self._idle:
                    for _ in range(min(more, free, len(self._jobs) - self._idle)):
                        self._start_thread()
                    more *= 2
                else:
                    more = EAGER
                taken = self._taken

    def _serve(self) -> None:
        try:
            while (job := self._take()) is not None:
                place = Place(self)
                job(place)
                with self._lock:
                    place.leave()
                    self._finished_one()
                del job, place
        finally:
            if self._at_end is not None:
                self._at_end()

    def _finished_one(self) -> None:
        self._unfinished -= 1
        if not self._unfinished:
            self._settled.notify_all()

    def _take(self) -> Job | None:
        with self._lock:
            while True:
                if self._jobs and self._running + self._resuming < self._limit:
                    self._running += 1
                    self._taken += 1
                    return self._jobs.popleft()
                if self._closed:
                    self._threads -= 1
                    return None
                self._idle += 1
                woken = self._work.wait(IDLE)
                self._idle -= 1
                if not woken and not self._jobs:
                    self._threads -= 1
                    return None

    # --- places; all with the lock held -------------------------------------------------------------------------------

    def _lend(self) -> None:
        """A running job waits: another may have its place."""
        self._running -= 1
        if self._resuming:
            self._resume.notify()
        elif self._jobs:
            self._find_thread()

    def _reclaim(self) -> None:
        """A job that waited goes on: before any queued job, when there is a place."""
        self._resuming += 1
        try:
            while self._running >= self._limit:
                self._resume.wait()
            self._running += 1
        finally:
            self._resuming -= 1


class Place:
    """The place of one job among those that run.

    Several threads or coroutines of the job may wait at once: the place is free from the first's beginning to the
    last's end. What still waits when the job has ended (a thread that outlived it) has no claim any more.

    Attributes:
        future: The future that the job resolves, for whoever waits in it.
    """

    __slots__ = ("_ended", "_held", "_pool", "_returning", "_waiting", "future")

    def __init__(self, pool: ThreadPool) -> None:
        self._pool = pool
        self._held = True
        self._ended = False
        self._returning = False
        self._waiting = 0
        self.future: Any = None

    def is_held_in(self, pool: ThreadPool) -> bool:
        """Whether the job runs in this pool at present."""
        return self._held and self._pool is pool

    def give_up(self) -> None:
        """The job waits: its place is free."""
        pool = self._pool
        with pool._lock:
            self._waiting += 1
            if self._held:
                self._held = False
                pool._lend()

    def take_again(self) -> None:
        """The job goes on: returns when there is a place for it."""
        pool = self._pool
        with pool._lock:
            self._waiting -= 1
            if self._waiting or self._held or self._returning or self._ended:
                return
            self._returning = True
            try:
                pool._reclaim()
            finally:
                self._returning = False
            if self._waiting or self._ended:
                pool._lend()
            else:
                self._held = True

    def leave(self) -> None:
        """The job has ended; the pool's lock is held."""
        self._ended = True
        if self._held:
            self._held = False
            self._pool._running -= 1
            if self._pool._resuming:
                self._pool._resume.notify()


_pools: weakref.WeakSet[ThreadPool] = weakref.WeakSet()


def _forget_in_child() -> None:
    for pool in list(_pools):
        pool.forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_in_child)
