"""Results and transactions of runs inside other runs: what commits with what, and what is read back."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from prefect import flow, task
from prefect.cache_policies import INPUTS
from prefect.client.orchestration import get_client
from prefect.filesystems import LocalFileSystem
from prefect.locking.memory import MemoryLockManager
from prefect.results import ResultStore
from prefect.schemas.states import State
from prefect.transactions import IsolationLevel, get_transaction, transaction


class RowError(Exception):
    """An error of the user's with arguments of its own."""


# --- persisted runs and the retry of their flow -----------------------------------------------------------------------


def attempts(calls: list[Any], *, expected: int) -> None:
    calls.append(1)
    if len(calls) < expected:
        raise ValueError("again")


@pytest.mark.parametrize("is_async", [False, True])
def test_persisted_subflow_is_not_run_again_by_a_retry_of_its_parent(is_async: bool):
    children: list[int] = []
    parents: list[int] = []

    @flow(persist_result=True)
    def child(x: int) -> int:
        children.append(x)
        return 2 * x

    @flow(persist_result=True)
    async def async_child(x: int) -> int:
        children.append(x)
        return 2 * x

    @flow(retries=2)
    def parent() -> list[int]:
        values = [asyncio.run(async_child(x)) if is_async else child(x) for x in (1, 2)]
        state = child(3, return_state=True)
        attempts(parents, expected=3)
        return [*values, state.result()]

    assert parent() == [2, 4, 6]
    assert children == [1, 2, 3]
    with get_client(sync_client=True) as client:
        assert len(client.read_flow_runs()) == 4


@pytest.mark.parametrize("changes", ["parameters", "nothing persisted", "failed"])
def test_subflow_runs_again_when_there_is_no_result_to_reuse(changes: str):
    children: list[int] = []
    parents: list[int] = []

    @flow(persist_result=changes != "nothing persisted")
    def child(x: int) -> int:
        children.append(x)
        if changes == "failed" and len(children) == 1:
            raise ValueError("first")
        return x

    @flow(retries=1)
    def parent() -> int:
        value = child(len(parents) if changes == "parameters" else 7)
        attempts(parents, expected=1 if changes == "failed" else 2)
        return value

    parent()
    assert len(children) == 2


# --- persisted exceptions ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["task", "flow"])
def test_persisted_exception_is_read_back_as_itself(kind: str):
    def body() -> None:
        raise RowError("row", 3)

    run: Any = task(persist_result=True)(body) if kind == "task" else flow(persist_result=True)(body)
    state: State[Any] = run(return_state=True)
    with pytest.raises(RowError):
        run()
    with get_client(sync_client=True) as client:
        read: Any = client.read_task_runs() if kind == "task" else client.read_flow_runs()
    for each in (state, *(found.state for found in read)):
        error = each.result(raise_on_failure=False)
        assert (type(error), error.args) == (RowError, ("row", 3))
        with pytest.raises(RowError):
            each.result()


def test_exception_that_cannot_be_stored_stays_in_memory():
    class LocalError(Exception):
        def __reduce__(self) -> Any:
            raise TypeError("not this one")

    @task(persist_result=True)
    def bad() -> None:
        raise LocalError("x")

    assert type(bad(return_state=True).result(raise_on_failure=False)) is LocalError


def test_failure_is_not_a_cached_result():
    calls: list[int] = []

    @task(persist_result=True, cache_policy=INPUTS)
    def bad() -> int:
        attempts(calls, expected=2)
        return 7

    @flow
    def main() -> int:
        assert bad(return_state=True).is_failed()
        return bad()

    assert main() == 7


# --- tasks inside tasks -----------------------------------------------------------------------------------------------


class Nested:
    """A task that calls another one, which has hooks; the outer one has neither hooks nor a result to store."""

    def __init__(self, way: str, levels: int = 1) -> None:
        self.events: list[str] = []
        events = self.events

        @task
        def inner() -> None:
            events.append("inner")

        inner.on_commit(lambda transaction: events.append("commit"))
        inner.on_rollback(lambda transaction: events.append("rollback"))

        @task
        def middle(level: int) -> None:
            if level > 1:
                middle(level - 1)
            elif way == "call":
                inner()
            else:
                inner.submit().wait()

        @task
        def outer(fails: bool) -> None:
            middle(levels - 1) if levels > 1 else inner() if way == "call" else inner.submit().wait()
            events.append("outer")
            if fails:
                raise ValueError("outer")

        self.outer = outer


@pytest.mark.parametrize("levels", [1, 2, 3])
@pytest.mark.parametrize("submitted", [True, False])
@pytest.mark.parametrize("way", ["call", "submit"])
@pytest.mark.parametrize("fails", [True, False])
def test_task_inside_a_task_commits_and_rolls_back_with_it(way: str, submitted: bool, fails: bool, levels: int):
    nested = Nested(way, levels)

    @flow
    def main() -> None:
        if submitted:
            nested.outer.submit(fails, return_state=True)
        else:
            nested.outer(fails, return_state=True)
        assert get_transaction() is None

    main()
    assert nested.events == ["inner", "outer", "rollback" if fails else "commit"]


def test_task_rolled_back_with_its_retried_caller_commits_with_the_last_attempt():
    nested, calls = Nested("call"), list[int]()

    @task(retries=1)
    def retried() -> None:
        nested.outer(False)
        attempts(calls, expected=2)

    retried()
    assert nested.events == ["inner", "outer", "rollback", "inner", "outer", "commit"]


def test_async_task_inside_an_async_task_commits_with_it():
    events: list[str] = []

    @task
    async def inner() -> None:
        events.append("inner")

    inner.on_commit(lambda transaction: events.append("commit"))

    @task
    async def outer() -> None:
        await asyncio.gather(inner(), inner())
        events.append("outer")

    asyncio.run(outer())
    assert events == ["inner", "inner", "outer", "commit", "commit"]


def test_task_that_ends_after_its_caller_commits_by_itself():
    events: list[str] = []

    @task
    def early() -> int:
        return 1

    early.on_commit(lambda transaction: events.append("early"))

    @task
    def late(release: Any) -> None:
        release.wait(10)
        events.append("late body")

    late.on_commit(lambda transaction: events.append("late"))

    @flow
    def main() -> None:
        import threading

        release = threading.Event()

        @task
        def outer() -> None:
            early()
            late.submit(release)

        outer()
        events.append("outer has ended")
        release.set()

    main()
    assert events == ["early", "outer has ended", "late body", "late"]


# --- serializable transactions ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["call", "submit"])
def test_task_in_a_serializable_transaction_inherits_level_store_and_locks(way: str, tmp_path: Path):
    store = ResultStore(
        lock_manager=MemoryLockManager(), result_storage=LocalFileSystem(basepath=str(tmp_path / "results"))
    )
    seen: list[Any] = []

    @task(persist_result=True, result_storage_key="one-key")
    def step() -> int:
        current = get_transaction()
        assert current is not None and current.store is not None
        seen.append((current.isolation_level, current.store.lock_manager is store.lock_manager))
        return 1

    @flow
    def main() -> None:
        with transaction(key="outer", store=store, isolation_level=IsolationLevel.SERIALIZABLE):
            for _ in range(2):  # the second one does not wait for the lock of the first
                assert (step() if way == "call" else step.submit().result(timeout=10)) == 1
        assert not store.is_locked("one-key")

    main()
    assert seen == [(IsolationLevel.SERIALIZABLE, True)] * 2
    assert (tmp_path / "results" / "one-key").exists()
