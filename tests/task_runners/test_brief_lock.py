"""The lock for moments: mutual exclusion, conditions, and threads that wait without holding it."""

import threading
from collections.abc import Callable
from itertools import count, takewhile

import pytest

from prefect._brief_lock import BriefLock
from tests.interrupts import Interrupter, traced, tracing

TIMEOUT_SECONDS = 60.0


def run_in_threads(count: int, work: Callable[[], None]) -> None:
    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(TIMEOUT_SECONDS)
    assert not any(thread.is_alive() for thread in threads)


def test_lock_is_held_by_one_thread_at_a_time():
    lock, inside, most = BriefLock(), 0, 0

    def work() -> None:
        nonlocal inside, most
        for _ in range(2000):
            with lock:
                inside += 1
                most = max(most, inside)
                inside -= 1

    run_in_threads(4, work)
    assert (inside, most) == (0, 1)


def test_acquire_without_blocking_returns_whether_the_lock_was_free():
    lock, found = BriefLock(), []
    assert not lock.locked()
    assert lock.acquire(False)
    assert lock.locked()
    run_in_threads(1, lambda: found.extend([lock.acquire(False), lock.locked()]))
    assert found == [False, True]
    lock.release()
    assert lock.acquire()


@traced
def test_interrupt_while_the_lock_is_acquired_leaves_it_free():
    lock = BriefLock()

    def interrupt(at: int) -> bool:
        trace = Interrupter(at)
        try:
            with tracing(trace), lock:
                pass
        except KeyboardInterrupt:
            return True
        return False

    tried = list(takewhile(lambda at: interrupt(at) and not lock.locked(), count(1)))
    assert len(tried) >= 2
    assert not lock.locked()


@traced
def test_interrupt_while_another_thread_has_the_lock_leaves_it_to_that_thread():
    lock, taken, end = BriefLock(), threading.Event(), threading.Event()

    def hold() -> None:
        with lock:
            taken.set()
            end.wait(TIMEOUT_SECONDS)

    holder = threading.Thread(target=hold)
    holder.start()
    assert taken.wait(TIMEOUT_SECONDS)
    for at in range(1, 20):
        with pytest.raises(KeyboardInterrupt), tracing(Interrupter(at)), lock:
            pass
        assert lock.locked()
    end.set()
    holder.join(TIMEOUT_SECONDS)
    assert not lock.locked()


def test_thread_that_waits_gets_the_lock_when_it_is_released():
    lock, taken = BriefLock(), threading.Event()

    def take() -> None:
        with lock:
            taken.set()

    with lock:
        waiting = threading.Thread(target=take)
        waiting.start()
        assert not taken.is_set()
    assert taken.wait(TIMEOUT_SECONDS)
    waiting.join(TIMEOUT_SECONDS)


def test_condition_frees_the_lock_while_a_thread_waits():
    lock = BriefLock()
    condition, is_ready = lock.condition(), False

    def announce() -> None:
        nonlocal is_ready
        with lock:
            is_ready = True
            condition.notify()

    with lock:
        announcing = threading.Thread(target=announce)
        announcing.start()
        assert condition.wait_for(lambda: is_ready, TIMEOUT_SECONDS)
    announcing.join(TIMEOUT_SECONDS)
