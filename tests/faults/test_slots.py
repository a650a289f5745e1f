"""Processes that hold slots are killed at random moments: never more holders than slots, and no slot left taken."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from prefect.client.orchestration import get_client
from prefect.concurrency.sync import concurrency

CYCLES = 1000 if os.environ.get("FAULTS") == "long" else 8
PROCESSES = 4
LIMIT = 2
TIMEOUT_SECONDS = 60.0

PROGRAM = """
import fcntl, os, sys, time
from prefect.concurrency.sync import concurrency
folder = sys.argv[1]
print(flush=True)
while True:
    with concurrency("db"):
        # A lock of the kernel's ends with its process: the test counts those that are held.
        for name in os.listdir(folder):
            file = open(os.path.join(folder, name))
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                file.close()
        else:
            open(sys.argv[2], "w").close()
        time.sleep(0.002)
        file.close()
"""
"""Holds a slot and, in it, one of as many files as there are slots; if none is free there are too many holders."""


@pytest.mark.timeout(3600)
def test_killed_and_cancelled_holders_leave_no_slot_taken(home: Path, tmp_path: Path) -> None:
    get_client(sync_client=True).upsert_global_concurrency_limit_by_name("db", LIMIT)
    folder, too_many = tmp_path / "slots", tmp_path / "too-many"
    folder.mkdir()
    for number in range(LIMIT):
        (folder / str(number)).touch()
    chance = random.Random(1)
    running = [start(folder, too_many) for _ in range(PROCESSES)]
    try:
        for _ in range(CYCLES):
            time.sleep(chance.random() * 0.1)  # the moment is what the test is about
            victim = running.pop(chance.randrange(PROCESSES))
            victim.send_signal(chance.choice((signal.SIGKILL, signal.SIGINT)))
            end(victim)
            running.append(start(folder, too_many))
    finally:
        for process in running:
            process.kill()
            end(process)
    assert not too_many.exists()
    with concurrency("db", occupy=LIMIT, timeout_seconds=TIMEOUT_SECONDS):  # all slots are free, at once
        pass
    assert get_client(sync_client=True).read_global_concurrency_limit_by_name("db").active_slots == 0


def start(folder: Path, too_many: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", PROGRAM, str(folder), str(too_many)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    process.stdout.readline()  # it is about to take slots
    return process


def end(process: subprocess.Popen[bytes]) -> None:
    assert process.stdout is not None
    process.stdout.close()
    process.wait()
