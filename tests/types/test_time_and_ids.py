"""Ids are unique across threads, processes and forks, sort by time, and do not go back with the clock."""

import subprocess
import sys
import threading
import time
from datetime import timedelta

import pytest

from prefect.types import new_id, now


def test_now_is_aware_and_utc():
    assert now().utcoffset() == timedelta(0)


def test_id_is_version_7_uuid_of_current_time():
    id_ = new_id()
    assert id_.version == 7
    assert id_.variant == "specified in RFC 4122"
    assert abs((id_.int >> 80) / 1000 - time.time()) < 5


def test_ids_sort_by_creation_time(monkeypatch: pytest.MonkeyPatch):
    first = new_id()
    later = time.time_ns() + 10**9
    monkeypatch.setattr(time, "time_ns", lambda: later)
    assert first < new_id()


def test_ids_are_monotonic_when_clock_goes_back(monkeypatch: pytest.MonkeyPatch):
    before = new_id()
    monkeypatch.setattr(time, "time_ns", lambda: 0)
    after = new_id()
    assert after.int >> 80 >= before.int >> 80
    assert after != before


def test_ids_are_unique_across_threads():
    ids: list[int] = []
    start = threading.Barrier(8)

    def make() -> None:
        start.wait()
        ids.extend([new_id().int for _ in range(2000)])

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(ids)) == 16000


def test_ids_are_unique_in_forked_child():
    """Fork in a separate process, because forking a process that has threads is deprecated."""
    program = """
import os
from prefect.types import _ids
parent = _ids._node
pid = os.fork()
if pid == 0:
    os._exit(_ids._node == parent)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
"""
    subprocess.run([sys.executable, "-c", program], check=True)
