"""A pool of threads that run jobs, at most so many at once.

Threads are started when there is work and none is idle: the first few at once, more only while the queue stands still,
so that ten thousand short jobs do not start ten thousand threads and ten thousand sleeping ones do run side by side. A
thread that waits for another job lends its place out, so waiting never exhausts the pool.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable

from prefect.futures import waiting_slot

Job = Callable[[], None]

EAGER = (os.cpu_count() or 1) * 4
"""Threads started without looking whether the running ones keep up."""
STANDSTILL = 0.002
"""Seconds without a job being taken after which more threads are started."""
IDLE = 10.0
"""Seconds that a thread without work stays."""


class ThreadPool:
    """Runs jobs in threads of its own.

    Args:
        limit: How many jobs run at once; jobs that wait for another do not count. None for no limit.
        name: Names the threads.
    """

    def __init__(self, limit: int | None, name: str) -> None:
        self._limit = limit if limit is not None else 1 << 30
        self._name = name
        self._jobs: deque[Job] = deque()
        self._lock = threading.Lock()
        self._work = threading.Condition(self._lock)
        self._resume = threading.Condition(self._lock)
        self._settled = threading.Condition(self._lock)
        self._idle = 0
        self._running = 0
        self._resuming = 0
        self._threads = 0
        self._unfinished = 0
        self._taken = 0
        self._watched = False
        self._closed = False

    def put(self, job: Job) -> None:
        """Queue a job. It must not raise."""
        with self._lock:
            self._jobs.append(job)
            self._unfinished += 1
            self._find_thread()

    def close(self) -> None:
        """Wait until all jobs are done, then let the threads go."""
        with self._lock:
            while self._unfinished:
                self._settled.wait()
            self._closed = True
            self._work.notify_all()

    def cancel(self) -> list[Job]:
        """Take back the jobs that have not started."""
        with self._lock:
            jobs = list(self._jobs)
            self._jobs.clear()
            self._unfinished -= len(jobs)
            self._settled.notify_all()
        return jobs

    # --- threads; all with the lock held ------------------------------------------------------------------------------

    def _find_thread(self) -> None:
        if self._running + self._resuming >= self._limit:
            return
        if self._idle:
            self._work.notify()
        elif self._threads < EAGER:
            self._start_thread()
        elif not self._watched:
            self._watched = True
            threading.Thread(target=self._watch, name=f"{self._name}-watch", daemon=True).start()

    def _start_thread(self) -> None:
        self._threads += 1
        threading.Thread(target=self._serve, name=self._name, daemon=True).start()

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
                if self._taken == taken and free > 0 and not self._idle:
                    for _ in range(min(more, free, len(self._jobs))):
                        self._start_thread()
                    more *= 2
                else:
                    more = EAGER
                taken = self._taken

    def _serve(self) -> None:
        waiting_slot.slot = _Slot(self)
        while True:
            job = self._take()
            if job is None:
                return
            job()
            with self._lock:
                self._running -= 1
                self._unfinished -= 1
                if self._resuming:
                    self._resume.notify()
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

    # --- slots --------------------------------------------------------------------------------------------------------

    def lend(self) -> None:
        """The calling thread's job waits for another: its place is free."""
        with self._lock:
            self._running -= 1
            if self._jobs or self._resuming:
                if self._resuming:
                    self._resume.notify()
                elif self._idle:
                    self._work.notify()
                else:
                    self._start_thread()

    def reclaim(self) -> None:
        """The calling thread's job goes on: before any queued job, when there is a place."""
        with self._lock:
            self._resuming += 1
            while self._running >= self._limit:
                self._resume.wait()
            self._resuming -= 1
            self._running += 1


class _Slot:
    """The place of one thread in its pool."""

    __slots__ = ("_pool",)

    def __init__(self, pool: ThreadPool) -> None:
        self._pool = pool

    def give_up(self) -> None:
        self._pool.lend()

    def take_again(self) -> None:
        self._pool.reclaim()
