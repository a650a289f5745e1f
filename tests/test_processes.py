"""Whether a process still runs."""

import subprocess
import sys

import pytest

from prefect import _processes

PROGRAM = """
import ctypes, pathlib, sys, threading
def wait():
    while "State:\\tZ" not in pathlib.Path("/proc/self/status").read_text():
        pass
    print(flush=True)
    sys.stdin.read()
threading.Thread(target=wait).start()
ctypes.CDLL(None).pthread_exit(None)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the first thread of a process ends alone on Linux only")
def test_is_alive_until_the_last_thread_has_ended() -> None:
    with subprocess.Popen([sys.executable, "-c", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        mark = _processes.start_mark(process.pid)
        assert mark is not None and process.stdout is not None
        assert process.stdout.readline() == b"\n"
        assert _processes.is_alive(process.pid, mark)
    assert not _processes.is_alive(process.pid, mark)


def test_is_alive_distinguishes_processes_with_the_same_id() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        mark = _processes.start_mark(process.pid)
        assert mark is not None
        assert _processes.is_alive(process.pid, mark)
        assert not _processes.is_alive(process.pid, f"1{mark}")
