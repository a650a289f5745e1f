"""The thread pool: it respects its limit, runs every job that can run, and does not deadlock while jobs wait."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prefect.futures import PrefectTaskRunFuture, current_slot
from prefect.schemas.states import Completed
from prefect.task_runners import pool as pool_module
from prefect.task_runners.pool import PoolSlot, ThreadPool
from prefect.types import new_id
from tests.interrupts import list_python_calls

TIMEOUT_SECONDS = 60.0


class Gate:
    """Counts the threads inside of it, and their maximum."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.inside = 0
        self.most = 0
        self.total = 0

    def __enter__(self) -> None:
        with self._lock:
            self.inside += 1
            self.total += 1
            self.most = max(self.most, self.inside)

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self.inside -= 1


def submit_job(pool: ThreadPool, job: Callable[[PoolSlot], Any]) -> PrefectTaskRunFuture[Any]:
    """Submit a job as the task runner does, and return the future that it resolves."""
    future: PrefectTaskRunFuture[Any] = PrefectTaskRunFuture(new_id())

    def run(slot: PoolSlot) -> None:
        token = current_slot.set(slot)
        slot.future = future
        try:
            job(slot)
        finally:
            current_slot.reset(token)
            future.resolve(Completed())

    pool.reserve_job()
    pool.put(run)
    return future


def close_and_check(pool: ThreadPool) -> None:
    """Close the pool, and check that no job is left running or counted."""
    pool.close()
    with pool._lock:
        assert (pool._running, pool._resuming, pool._unfinished, len(pool._jobs)) == (0, 0, 0, 0)


def test_interrupt_at_the_end_of_a_pool_is_not_lost():
    pools = [ThreadPool(1, "test")]
    assert list_python_calls(pools.clear) == []


@pytest.mark.parametrize("limit", [1, 2, 7])
def test_pool_respects_its_limit(limit: int):
    pool, gate = ThreadPool(limit, "test"), Gate()
    for _ in range(200):
        submit_job(pool, lambda _: gate.__enter__() or gate.__exit__())
    close_and_check(pool)
    assert gate.total == 200
    assert gate.most <= limit


@pytest.mark.parametrize("count", [2, 5, 40, 200])
def test_pool_without_a_limit_runs_all_jobs_concurrently(count: int):
    pool, barrier = ThreadPool(None, "test"), threading.Barrier(count, timeout=TIMEOUT_SECONDS)
    for _ in range(count):
        submit_job(pool, lambda _: barrier.wait())
    close_and_check(pool)
    assert not barrier.broken


def test_woken_thread_is_not_assigned_two_jobs():
    pool = ThreadPool(None, "test")
    for _ in range(50):
        submit_job(pool, lambda _: None).wait()  # leaves an idle thread behind
        barrier = threading.Barrier(3, timeout=TIMEOUT_SECONDS)
        for _ in range(3):
            submit_job(pool, lambda _, barrier=barrier: barrier.wait())
        assert not barrier.broken
    close_and_check(pool)


def test_short_jobs_do_not_start_many_threads():
    pool = ThreadPool(None, "test")
    for _ in range(5000):
        submit_job(pool, lambda _: None)
    pool.close()
    assert pool._taken == 5000
    assert pool._threads <= pool_module.EAGER_THREADS * 4


@pytest.mark.parametrize("limit", [1, 2])
@pytest.mark.parametrize("depth", [1, 30])
def test_pool_respects_its_limit_with_nested_waiting(limit: int, depth: int):
    pool, gate = ThreadPool(limit, "test"), Gate()

    def nest(level: int) -> Callable[[PoolSlot], None]:
        def job(_: PoolSlot) -> None:
            with gate:
                pass
            if level:
                submit_job(pool, nest(level - 1)).wait()
            with gate:
                pass

        return job

    submit_job(pool, nest(depth)).wait(TIMEOUT_SECONDS)
    close_and_check(pool)
    assert gate.total == 2 * (depth + 1)
    assert gate.most <= limit


def test_resumed_job_goes_before_queued_jobs():
    pool, order = ThreadPool(1, "test"), list[str]()
    go = threading.Event()

    def parent(_: PoolSlot) -> None:
        child = submit_job(pool, lambda _: order.append("child"))
        go.wait(TIMEOUT_SECONDS)
        child.wait()
        order.append("parent")

    submit_job(pool, parent)
    go.set()
    close_and_check(pool)
    assert order == ["child", "parent"]


def test_thread_that_outlives_its_job_takes_no_slot():
    pool = ThreadPool(1, "test")
    release, waiting, back = threading.Event(), threading.Event(), threading.Event()

    def job(slot: PoolSlot) -> None:
        def stray() -> None:
            slot.release()
            waiting.set()
            release.wait(TIMEOUT_SECONDS)
            slot.reacquire()
            back.set()

        threading.Thread(target=stray).start()
        waiting.wait(TIMEOUT_SECONDS)

    submit_job(pool, job).wait(TIMEOUT_SECONDS)
    assert pool._running == 0
    blocked = threading.Event()
    submit_job(pool, lambda _: blocked.wait(TIMEOUT_SECONDS))
    release.set()
    assert back.wait(TIMEOUT_SECONDS), "it must not wait for a slot that it does not need"
    blocked.set()
    close_and_check(pool)


def test_take_pending_jobs_removes_jobs_that_have_not_started():
    pool, go, started = ThreadPool(1, "test"), threading.Event(), threading.Event()
    submit_job(pool, lambda _: (started.set(), go.wait(TIMEOUT_SECONDS)))
    started.wait(TIMEOUT_SECONDS)
    for _ in range(3):
        submit_job(pool, lambda _: pytest.fail("it was taken back"))
    assert len(pool.take_pending_jobs()) == 3
    for _ in range(3):
        pool.cancel_reservation()
    go.set()
    close_and_check(pool)


def test_close_waits_for_reserved_jobs():
    pool, ran = ThreadPool(1, "test"), threading.Event()
    pool.reserve_job()
    closing = threading.Thread(target=pool.close)
    closing.start()
    assert closing.is_alive()
    pool.put(lambda _: ran.set())
    closing.join(TIMEOUT_SECONDS)
    assert ran.is_set()


def test_pool_continues_when_no_thread_can_be_started(monkeypatch: pytest.MonkeyPatch):
    pool, threads, start = ThreadPool(None, "test"), list[Any](), threading.Thread.start

    def limited(self: threading.Thread) -> None:
        if len(threads) >= 2 and self.name == "test":
            raise RuntimeError("can't start new thread")
        threads.append(self)
        start(self)

    monkeypatch.setattr(threading.Thread, "start", limited)
    ran = list[int]()
    for number in range(50):
        submit_job(pool, lambda _, number=number: ran.append(number))
    close_and_check(pool)
    assert sorted(ran) == list(range(50))


Tree = list[Any]
trees: st.SearchStrategy[Tree] = st.recursive(st.just([]), lambda inner: st.lists(inner, max_size=4), max_leaves=25)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(tree=trees, limit=st.one_of(st.none(), st.integers(1, 4)), wait_first=st.booleans(), twice=st.booleans())
def test_pool_completes_any_tree_of_jobs(tree: Tree, limit: int | None, wait_first: bool, twice: bool):
    """Each job submits its children and waits for them, one by one or in reverse, also with its slot released."""
    pool, gate = ThreadPool(limit, "test"), Gate()

    def node(children: Tree) -> Callable[[PoolSlot], None]:
        def job(slot: PoolSlot) -> None:
            with gate:
                pass
            if wait_first:
                for child in children:
                    submit_job(pool, node(child)).wait()
            else:
                futures = [submit_job(pool, node(child)) for child in children]
                if twice:
                    slot.release()
                for future in reversed(futures):
                    future.wait()
                if twice:
                    slot.reacquire()
            with gate:
                pass

        return job

    def size(node: Tree) -> int:
        return 1 + sum(map(size, node))

    future = submit_job(pool, node(tree))
    future.wait(TIMEOUT_SECONDS)
    assert future.done, "dead-locked"
    close_and_check(pool)
    assert gate.total == 2 * size(tree)
    assert limit is None or gate.most <= limit
