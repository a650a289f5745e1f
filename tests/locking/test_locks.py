"""Lock managers: behaviour that all share, then locks in memory and lock files with crashed holders."""

import asyncio
import json
import os
import pickle
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from prefect import _processes
from prefect.locking.filesystem import FileSystemLockManager
from prefect.locking.memory import MemoryLockManager
from prefect.locking.protocol import LockManager


@pytest.fixture(params=["memory", "filesystem"])
def locks(request, tmp_path):
    if request.param == "filesystem":
        return FileSystemLockManager(tmp_path / "locks")
    manager = MemoryLockManager()
    manager._reset()
    return manager


def test_manager_implements_lock_manager(locks):
    assert isinstance(locks, LockManager)


def test_lock_has_one_holder_at_a_time(locks):
    assert not locks.is_locked("k")
    assert locks.acquire_lock("k", "me")
    if isinstance(locks, FileSystemLockManager):
        assert locks.is_locked("k", use_cache=True)
    assert locks.is_locked("k") and locks.is_lock_holder("k", "me") and not locks.is_lock_holder("k", "you")
    assert not locks.acquire_lock("k", "you", acquire_timeout=0)
    assert locks.acquire_lock("other", "you", acquire_timeout=0)
    locks.release_lock("k", "me")
    assert not locks.is_locked("k") and not locks.is_lock_holder("k", "me")
    assert locks.acquire_lock("k", "you", acquire_timeout=0)


def test_lock_is_reentrant_for_its_holder(locks):
    assert locks.acquire_lock("k", "me") and locks.acquire_lock("k", "me", acquire_timeout=0)


@pytest.mark.parametrize("held_by", [None, "you"])
def test_release_lock_raises_for_other_holders(locks, held_by):
    if held_by:
        locks.acquire_lock("k", held_by)
    with pytest.raises(ValueError, match="No lock held by me for transaction with key k"):
        locks.release_lock("k", "me")
    assert locks.is_locked("k") is bool(held_by)


def test_waiting_ends_at_the_timeout(locks):
    locks.acquire_lock("k", "me")
    assert not locks.acquire_lock("k", "you", acquire_timeout=0.02)
    assert not locks.wait_for_lock("k", timeout=0.02)


def test_wait_for_lock_returns_immediately_when_the_lock_is_free(locks):
    assert locks.wait_for_lock("k", timeout=0)


def test_lock_is_free_after_its_hold_timeout(locks):
    assert locks.acquire_lock("k", "me", hold_timeout=0.02)
    assert locks.acquire_lock("k", "you", acquire_timeout=5)
    assert not locks.is_lock_holder("k", "me")
    with pytest.raises(ValueError, match="No lock held by me"):
        locks.release_lock("k", "me")


def test_wait_for_lock_returns_when_the_lock_expires(locks):
    assert locks.acquire_lock("k", "me", hold_timeout=0.02)
    assert locks.wait_for_lock("k", timeout=5)


def test_waiting_thread_gets_the_lock_after_release(locks):
    locks.acquire_lock("k", "me")
    got = []
    thread = threading.Thread(target=lambda: got.append(locks.acquire_lock("k", "you", acquire_timeout=10)))
    thread.start()
    locks.release_lock("k", "me")
    thread.join()
    assert got == [True] and locks.is_lock_holder("k", "you")


async def test_waiting_coroutine_gets_the_lock_without_blocking_the_loop(locks):
    await locks.aacquire_lock("k", "me")
    waiting = asyncio.create_task(locks.aacquire_lock("k", "you"))
    free = asyncio.create_task(locks.await_for_lock("k", timeout=10))
    done, _ = await asyncio.wait([waiting], timeout=0.02)
    assert not done
    locks.release_lock("k", "me")
    assert await waiting
    locks.release_lock("k", "you")
    assert await free


async def test_sync_methods_block_inside_a_coroutine(locks):
    assert locks.acquire_lock("k", "me") is True
    assert locks.acquire_lock("k", "you", acquire_timeout=0.01) is False
    assert locks.wait_for_lock("k", timeout=0.01) is False


async def test_cancelled_waiter_does_not_take_the_lock(locks):
    await locks.aacquire_lock("k", "me")
    waiting = asyncio.create_task(locks.aacquire_lock("k", "you"))
    await asyncio.wait([waiting], timeout=0.02)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    locks.release_lock("k", "me")
    assert not locks.is_locked("k")


def test_lock_excludes_threads(locks):
    inside, seen = [], []

    def work(name):
        for _ in range(5):
            assert locks.acquire_lock("k", name, acquire_timeout=30)
            inside.append(name)
            seen.append(len(inside))
            inside.remove(name)
            locks.release_lock("k", name)

    threads = [threading.Thread(target=work, args=(f"t{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [1] * 20


def test_memory_locks_are_shared_within_a_process():
    manager = MemoryLockManager()
    manager._reset()
    assert MemoryLockManager() is manager
    manager.acquire_lock("k", "me")
    assert pickle.loads(pickle.dumps(manager)) is manager and manager.is_locked("k")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_memory_locks_are_free_in_a_forked_child():
    program = (
        "import os\n"
        "from prefect.locking.memory import MemoryLockManager as M\n"
        "M().acquire_lock('k', 'me')\n"
        "pid = os.fork()\n"
        "if not pid: os._exit(0 if M().acquire_lock('k', 'you', acquire_timeout=0) else 1)\n"
        "assert os.waitpid(pid, 0)[1] == 0 and M().is_lock_holder('k', 'me')\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


# --- the directory ---------------------------------------------------------------------------------------------------


@pytest.fixture
def directory(tmp_path) -> Path:
    return tmp_path / "locks"


def write(directory: Path, key: str, **lock):
    directory.mkdir(exist_ok=True)
    (directory / f"{key}.lock").write_text(json.dumps({"holder": "them", "expiration": None, **lock}))


def test_file_locks_are_shared_between_managers_of_a_directory(directory):
    one, two = FileSystemLockManager(directory), FileSystemLockManager(directory)
    one.acquire_lock("k", "me")
    assert two.is_lock_holder("k", "me") and not two.acquire_lock("k", "you", acquire_timeout=0)


@pytest.mark.parametrize("key", ["a/b", "../../etc/x", "/abs", "x" * 300, "ünï", ".hidden", ""])
def test_file_lock_stays_in_the_directory_for_any_key(directory, key):
    locks = FileSystemLockManager(directory)
    assert locks.acquire_lock(key, "me") and locks.is_locked(key)
    assert [path.parent for path in directory.glob("*.lock")] == [directory]
    locks.release_lock(key, "me")
    assert not list(directory.glob("*.lock"))


def test_file_lock_written_by_prefect_is_held_until_it_expires(directory):
    locks = FileSystemLockManager(directory)
    write(directory, "k")
    assert locks.is_lock_holder("k", "them") and not locks.acquire_lock("k", "me", acquire_timeout=0)
    write(directory, "old", expiration="2020-11-22 10:29:14.039266+00:00")
    assert not locks.is_locked("old") and locks.acquire_lock("old", "me", acquire_timeout=0)


def test_lock_file_has_the_prefect_format(directory):
    FileSystemLockManager(directory).acquire_lock("k", "me", hold_timeout=60)
    lock = json.loads((directory / "k.lock").read_text())
    assert lock["holder"] == "me" and lock["expiration"].endswith("+00:00")


def test_file_lock_is_free_when_its_process_has_ended(directory):
    program = (
        "import os, sys\nfrom pathlib import Path\n"
        "from prefect.locking.filesystem import FileSystemLockManager\n"
        "assert FileSystemLockManager(Path(sys.argv[1])).acquire_lock('k', 'crashed')\n"
        "os._exit(9)\n"
    )
    subprocess.run([sys.executable, "-c", program, str(directory)])
    locks = FileSystemLockManager(directory)
    assert json.loads((directory / "k.lock").read_text())["holder"] == "crashed"
    assert not locks.is_locked("k")
    assert locks.acquire_lock("k", "me", acquire_timeout=0)


def test_file_lock_of_another_host_is_held(directory):
    write(directory, "k", pid=1, start="0@x/y", host="elsewhere")
    assert FileSystemLockManager(directory).is_locked("k")


def test_file_lock_is_free_when_its_pid_was_reused(directory):
    mark = _processes.start_mark()
    assert mark is not None
    write(directory, "k", pid=os.getpid(), start="1" + mark, host=_processes.host())
    assert not FileSystemLockManager(directory).is_locked("k")


def test_half_written_file_lock_is_held_until_a_timeout(directory):
    directory.mkdir()
    path = directory / "k.lock"
    path.write_text("")
    locks = FileSystemLockManager(directory)
    assert not locks.acquire_lock("k", "me", acquire_timeout=0)
    long_ago = time.time() - 60
    os.utime(path, (long_ago, long_ago))
    assert locks.acquire_lock("k", "me", acquire_timeout=0)


def test_file_lock_excludes_processes(directory, tmp_path):
    program = (
        "import os, sys\nfrom pathlib import Path\n"
        "from prefect.locking.filesystem import FileSystemLockManager\n"
        "locks = FileSystemLockManager(Path(sys.argv[1])); counter = Path(sys.argv[2])\n"
        "for _ in range(20):\n"
        "    assert locks.acquire_lock('k', str(os.getpid()), acquire_timeout=30)\n"
        "    counter.write_text(str(int(counter.read_text()) + 1))\n"
        "    locks.release_lock('k', str(os.getpid()))\n"
    )
    counter = tmp_path / "counter"
    counter.write_text("0")
    workers = [subprocess.Popen([sys.executable, "-c", program, str(directory), str(counter)]) for _ in range(3)]
    assert [worker.wait() for worker in workers] == [0, 0, 0]
    assert counter.read_text() == "60"
    assert [path.name for path in directory.iterdir()] == [".guard"]


def test_file_lock_works_without_hard_links(directory, monkeypatch):
    def refuse(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    locks = FileSystemLockManager(directory)
    assert locks.acquire_lock("k", "me") and locks.is_lock_holder("k", "me")
    assert not locks.acquire_lock("k", "you", acquire_timeout=0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the platform has no fork")
def test_forked_child_finds_memory_locks_free_and_may_release_its_own():
    manager = MemoryLockManager()
    manager.acquire_lock("held", "me")
    try:
        child = os.fork()
        if child == 0:
            try:
                free = not manager.is_locked("held") and manager.acquire_lock("held", "other", acquire_timeout=0)
                manager.release_lock("held", "me")  # what the interrupted block does at its end
                raised = False
                try:
                    manager.release_lock("held", "me")
                except ValueError:
                    raised = True
                os._exit(0 if free and raised and manager.is_lock_holder("held", "other") else 1)
            finally:
                os._exit(2)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert manager.is_lock_holder("held", "me")
    finally:
        manager.release_lock("held", "me")
