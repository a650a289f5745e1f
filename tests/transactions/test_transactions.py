"""Transactions: commit and rollback, nesting, isolation levels, in sync and async code."""

import asyncio
import contextlib
import logging
import subprocess
import sys
import threading

import pytest

from prefect.exceptions import ConfigurationError
from prefect.filesystems import LocalFileSystem
from prefect.locking.memory import MemoryLockManager
from prefect.results import ResultStore
from prefect.transactions import (
    AsyncTransaction,
    CommitMode,
    IsolationLevel,
    Transaction,
    TransactionState,
    atransaction,
    get_transaction,
    transaction,
)


class Recorder:
    """A store, and hooks that record the order of their calls."""

    def __init__(self, path):
        self.path = path
        self.calls: list[str] = []

    def store(self, **options) -> ResultStore:
        return ResultStore(result_storage=LocalFileSystem(basepath=str(self.path)), **options)

    def note(self, what):
        def hook(txn):
            self.calls.append(f"{what} {txn.key}")

        return hook

    def stage(self, txn, value="v"):
        txn.stage(
            value,
            on_commit_hooks=[self.note("commit1"), self.note("commit2")],
            on_rollback_hooks=[self.note("undo1"), self.note("undo2")],
        )

    def exists(self, key):
        return self.store().exists(key)


@pytest.fixture
def recorder(tmp_path):
    return Recorder(tmp_path)


def broken(txn):
    raise RuntimeError("broken hook")


# --- alone -----------------------------------------------------------------------------------------------------------


def test_commit_runs_hooks_then_writes(recorder):
    seen = []
    with transaction(key="k", store=recorder.store()) as txn:
        assert txn.state is TransactionState.ACTIVE and txn.is_active() and get_transaction() is txn
        recorder.stage(txn, 5)
        txn.stage(6, on_commit_hooks=[lambda txn: seen.append((txn.state.value, recorder.exists("k")))])
        assert txn.is_staged() and not recorder.exists("k")
    assert txn.is_committed() and get_transaction() is None
    assert recorder.calls == ["commit1 k", "commit2 k"] and seen == [("STAGED", False)]
    record = txn.read()
    assert record is not None and record.result == 6 and recorder.exists("k")


def test_transaction_begins_committed_when_its_key_has_a_result(recorder):
    recorder.store().write("old", key="k")
    with transaction(key="k", store=recorder.store()) as txn:
        assert txn.is_committed()
        recorder.stage(txn, "new")
    assert recorder.calls == [] and recorder.store().read("k").result == "old"
    with transaction(key="k", store=recorder.store(), overwrite=True) as txn:
        assert txn.is_active()
        recorder.stage(txn, "new")
    assert recorder.store().read("k").result == "new"


def test_transaction_replaces_an_unreadable_result(recorder, caplog):
    (recorder.path / "k").write_text("garbage")
    with transaction(key="k", store=recorder.store(), logger=logging.getLogger("test")) as txn:
        assert txn.is_active()
        txn.stage("new")
    assert recorder.store().read("k").result == "new"
    assert "'k'" in caplog.text and "ignored" in caplog.text


@pytest.mark.parametrize("error", [ValueError("x"), KeyboardInterrupt(), SystemExit(1)])
def test_exception_rolls_back_the_transaction(recorder, error):
    with pytest.raises(type(error)), transaction(key="k", store=recorder.store()) as txn:
        recorder.stage(txn)
        raise error
    assert txn.is_rolled_back() and recorder.calls == ["undo2 k", "undo1 k"] and not recorder.exists("k")
    assert get_transaction() is None


def test_transaction_writes_nothing_without_a_key(recorder):
    with transaction() as txn:
        assert txn.store is None
        recorder.stage(txn)
    assert recorder.calls == ["commit1 None", "commit2 None"] and txn.read() is None


def test_transaction_writes_nothing_without_write_on_commit(recorder):
    with transaction(key="k", store=recorder.store(), write_on_commit=False) as txn:
        recorder.stage(txn)
    assert txn.is_committed() and recorder.calls and not recorder.exists("k")


def test_transaction_writes_staged_records_unchanged(recorder):
    store = recorder.store(serializer="json")
    with transaction(key="k", store=recorder.store()) as txn:
        txn.stage(store.create_result_record({"a": 1}, key="k"))
    assert recorder.store().read("k").serializer.type == "json"


def test_commit_and_rollback_can_be_called_directly(recorder):
    with transaction(key="k", store=recorder.store()) as txn:
        recorder.stage(txn)
        assert txn.commit() and not txn.commit() and not txn.rollback()
    assert recorder.calls == ["commit1 k", "commit2 k"]
    with transaction(key="j", store=recorder.store()) as txn:
        recorder.stage(txn)
        assert txn.rollback() and not txn.rollback() and not txn.commit()
    assert txn.is_rolled_back() and not recorder.exists("j")


def test_off_mode_rolls_back_at_the_end(recorder):
    with transaction(key="k", store=recorder.store(), commit_mode=CommitMode.OFF) as txn:
        recorder.stage(txn)
    assert txn.is_rolled_back() and recorder.calls == ["undo2 k", "undo1 k"] and not recorder.exists("k")


def test_failing_commit_hook_rolls_back_the_transaction(recorder, caplog):
    with transaction(key="k", store=recorder.store(), logger=logging.getLogger("test")) as txn:
        txn.stage(1, on_commit_hooks=[broken])
        recorder.stage(txn)
    assert txn.is_rolled_back() and recorder.calls == ["undo2 k", "undo1 k"] and not recorder.exists("k")
    assert "commit hook 'broken'" in caplog.text and "committing transaction 'k'" in caplog.text


def test_failing_rollback_hook_does_not_hide_the_error(recorder, caplog):
    with (
        pytest.raises(ValueError, match="first"),
        transaction(key="k", store=recorder.store(), logger=logging.getLogger("test")) as txn,
    ):
        txn.stage(1, on_rollback_hooks=[broken])
        raise ValueError("first")
    assert "rolling back transaction 'k'" in caplog.text and get_transaction() is None


def test_unserializable_value_rolls_back_the_transaction(recorder, caplog):
    with transaction(key="k", store=recorder.store(), logger=logging.getLogger("test")) as txn:
        recorder.stage(txn, threading.Lock())
    assert txn.is_rolled_back() and recorder.calls[-1] == "undo1 k"
    assert "will not be committed" in caplog.text and "'lock'" in caplog.text


def test_sync_transaction_runs_async_hooks(recorder):
    async def hook(txn):
        await asyncio.sleep(0)
        recorder.calls.append(f"async {txn.key}")

    with transaction(key="k", store=recorder.store()) as txn:
        txn.stage(1, on_commit_hooks=[hook])
    assert recorder.calls == ["async k"]


def test_transaction_has_default_fields_and_rejects_unknown_ones():
    txn = Transaction(key="x", overwrite=True)
    assert txn.is_pending() and txn.overwrite and txn.isolation_level is IsolationLevel.READ_COMMITTED
    assert txn.children == [] and txn.commit_mode is None and txn.write_on_commit
    as_text = Transaction(commit_mode="EAGER", isolation_level="SERIALIZABLE")  # pyright: ignore
    assert as_text.commit_mode is CommitMode.EAGER and as_text.isolation_level is IsolationLevel.SERIALIZABLE
    with pytest.raises(TypeError, match="undefined"):
        Transaction(undefined=1)  # pyright: ignore


# --- nested ----------------------------------------------------------------------------------------------------------


def nest(recorder, fail=False, **modes):
    with contextlib.suppress(ZeroDivisionError):
        with transaction(key="p", store=recorder.store(), commit_mode=modes.get("p")) as parent:
            recorder.stage(parent)
            for key in ("c1", "c2"):
                with transaction(key=key, store=recorder.store(), commit_mode=modes.get(key)) as child:
                    recorder.stage(child)
                    if key == "c1":
                        with transaction(key="g", store=recorder.store()) as grandchild:
                            recorder.stage(grandchild)
            if fail:
                1 / 0
    return parent


def keys(recorder, what):
    return [call.split()[1] for call in recorder.calls if call.startswith(what)]


def test_nested_transactions_commit_innermost_first(recorder):
    parent = nest(recorder)
    assert keys(recorder, "commit1") == ["g", "c1", "c2", "p"] and not keys(recorder, "undo")
    assert [child.key for child in parent.children] == ["c1", "c2"]
    assert all(recorder.exists(key) for key in ("p", "c1", "c2", "g"))


def test_nested_transactions_roll_back_when_the_outermost_fails(recorder):
    parent = nest(recorder, fail=True)
    assert keys(recorder, "undo1") == ["p", "c2", "c1", "g"] and not keys(recorder, "commit")
    assert parent.is_rolled_back() and not any(recorder.exists(key) for key in ("p", "c1", "c2", "g"))


def test_eager_child_stays_committed_when_its_parent_fails(recorder):
    nest(recorder, fail=True, c1=CommitMode.EAGER)
    assert keys(recorder, "commit1") == ["g", "c1"] and keys(recorder, "undo1") == ["p", "c2"]
    assert recorder.exists("c1") and recorder.exists("g") and not recorder.exists("c2")


def test_child_inherits_the_commit_mode(recorder):
    nest(recorder, fail=True, p=CommitMode.EAGER)
    assert keys(recorder, "commit1") == ["g", "c1", "c2"] and keys(recorder, "undo1") == ["p"]


def test_off_child_commits_with_its_parent(recorder):
    nest(recorder, c2=CommitMode.OFF)
    assert recorder.exists("c2")


def test_failed_child_rolls_back_its_parent(recorder):
    with transaction(key="p", store=recorder.store()) as parent:
        recorder.stage(parent)
        with contextlib.suppress(ValueError), transaction(key="c", store=recorder.store()) as child:
            recorder.stage(child)
            raise ValueError
        assert parent.is_rolled_back()
    assert recorder.calls == ["undo2 c", "undo1 c", "undo2 p", "undo1 p"] and not recorder.exists("p")


def test_failed_child_commit_rolls_back_only_the_child(recorder):
    with transaction(key="p", store=recorder.store()) as parent:
        recorder.stage(parent)
        with transaction(key="c", store=recorder.store(), logger=logging.getLogger("test")) as child:
            child.stage(1, on_commit_hooks=[broken], on_rollback_hooks=[recorder.note("undo")])
    assert parent.is_committed() and child.is_rolled_back() and recorder.exists("p") and not recorder.exists("c")


def test_get_parent_and_get_active_return_enclosing_transactions(recorder):
    with transaction() as outer:
        with Transaction() as inner:
            assert inner.get_parent() is outer and Transaction.get_active() is inner
        assert get_transaction() is outer and outer.get_parent() is None


# --- values ----------------------------------------------------------------------------------------------------------


def test_get_copies_values_of_enclosing_transactions():
    with transaction() as outer:
        outer.set("v", [1])
        outer.get("v").append(2)
        with transaction() as inner:
            assert inner.get("v") == [1]
            inner.set("v", [7])
            inner.set("w", 1)
            assert inner.get("v") == [7] and outer.get("v") == [1]
        with pytest.raises(ValueError, match="unknown key: w"):
            outer.get("w")
        assert outer.get("w", None) is None and outer.get("w", "d") == "d"
    assert outer.get("v") == [1] and inner.get("w") == 1


# --- isolation -------------------------------------------------------------------------------------------------------


@pytest.fixture
def locked(recorder):
    MemoryLockManager()._reset()
    return recorder.store(lock_manager=MemoryLockManager())


def test_serializable_isolation_requires_a_lock_manager(recorder):
    with pytest.raises(ConfigurationError, match="SERIALIZABLE is not supported"):
        with transaction(key="k", store=recorder.store(), isolation_level=IsolationLevel.SERIALIZABLE):
            pass
    assert get_transaction() is None


@pytest.mark.parametrize("end", ["commit", "error", "hit", "off"])
def test_serializable_isolation_holds_the_lock_for_the_block(locked, end):
    if end == "hit":
        locked.write(1, key="k")
    mode = CommitMode.OFF if end == "off" else None
    with contextlib.suppress(ZeroDivisionError):
        with transaction("k", locked, mode, IsolationLevel.SERIALIZABLE) as txn:
            assert locked.is_locked("k") and txn.is_committed() is (end == "hit")
            txn.stage(1)
            if end == "error":
                1 / 0
    assert not locked.is_locked("k")


def test_nested_lock_is_held_until_the_outermost_transaction_ends(locked):
    with transaction():
        with transaction("k", locked, isolation_level=IsolationLevel.SERIALIZABLE) as txn:
            txn.stage(1)
        assert locked.is_locked("k")
    assert not locked.is_locked("k")


def test_serializable_transaction_waits_and_finds_the_result(locked):
    started, states = threading.Event(), []

    def second():
        started.set()
        with transaction("k", locked, isolation_level=IsolationLevel.SERIALIZABLE) as txn:
            states.append(txn.state)

    with transaction("k", locked, isolation_level=IsolationLevel.SERIALIZABLE) as txn:
        thread = threading.Thread(target=second)
        thread.start()
        started.wait()
        txn.stage("mine")
    thread.join()
    assert states == [TransactionState.COMMITTED]


def test_child_inherits_the_isolation_level(locked):
    with transaction("k", locked, isolation_level=IsolationLevel.SERIALIZABLE):
        with transaction("j", locked) as inner:
            assert inner.isolation_level is IsolationLevel.SERIALIZABLE and locked.is_locked("j")


def test_failed_begin_releases_the_lock(locked, monkeypatch):
    async def fails(self, key):
        raise OSError("unavailable")

    monkeypatch.setattr(ResultStore, "afind", fails)
    serializable = transaction("k", locked, isolation_level=IsolationLevel.SERIALIZABLE)
    with pytest.raises(OSError, match="unavailable"), serializable:
        pass
    assert not locked.is_locked("k") and get_transaction() is None


# --- async -----------------------------------------------------------------------------------------------------------


async def test_async_transactions_commit_innermost_first(recorder):
    async def hook(txn):
        await asyncio.sleep(0)
        recorder.calls.append(f"async {txn.key}")

    async with atransaction(key="p", store=recorder.store()) as parent:
        assert type(parent) is AsyncTransaction and get_transaction() is parent
        parent.stage(1, on_commit_hooks=[hook])
        async with atransaction(key="c", store=recorder.store()) as child:
            recorder.stage(child)
    assert recorder.calls == ["commit1 c", "commit2 c", "async p"]
    record = await parent.read()
    assert record is not None and record.result == 1 and child.is_committed()


async def test_exception_rolls_back_the_async_transaction(recorder):
    with pytest.raises(ValueError):
        async with atransaction(key="k", store=recorder.store()) as txn:
            recorder.stage(txn)
            raise ValueError
    assert txn.is_rolled_back() and recorder.calls == ["undo2 k", "undo1 k"]
    assert not await txn.commit() and not await txn.rollback()


async def test_async_serializable_transactions_run_one_after_another(locked):
    order = []

    async def work(name):
        async with atransaction("k", locked, isolation_level=IsolationLevel.SERIALIZABLE) as txn:
            order.append(f"{name} {txn.state.value}")
            await asyncio.sleep(0)
            txn.stage(name)

    await asyncio.gather(*(work(str(number)) for number in range(3)))
    assert order == ["0 ACTIVE", "1 COMMITTED", "2 COMMITTED"] and not locked.is_locked("k")


async def test_sync_transaction_commits_in_async_code(recorder):
    with transaction(key="k", store=recorder.store()) as txn:
        recorder.stage(txn)
    assert txn.is_committed() and recorder.exists("k")


# --- cost ------------------------------------------------------------------------------------------------------------


def test_transaction_without_a_store_imports_no_heavy_modules():
    program = (
        "import sys\nfrom prefect.transactions import Transaction\n"
        "with Transaction() as txn: txn.stage(1)\n"
        "print([m for m in ('pydantic', 'asyncio', 'cloudpickle') if m in sys.modules])\n"
    )
    run = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert run.stdout == "[]\n"


def test_transactions_are_equal_by_options_and_state():
    assert Transaction(key="a") == Transaction(key="a")
    assert Transaction(key="a") != Transaction(key="b")
    assert Transaction(key="a") != AsyncTransaction(key="a")
    assert Transaction() != 5
    with Transaction(key="a") as active:
        assert active != Transaction(key="a")
    with pytest.raises(TypeError, match="unhashable"):
        hash(active)
