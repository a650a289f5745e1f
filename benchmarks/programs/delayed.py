"""Background tasks, from `delay` to the start of the task in a worker: the median, for each."""

import json
import os
import statistics
import subprocess
import sys
import time

from prefect import task

TIMEOUT_SECONDS = 60


@task
def started():
    return time.time()


def wait(future):
    """Return the result of a background task; the original's future may fail before the run has a state."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while True:
        try:
            return future.result(timeout=TIMEOUT_SECONDS)
        except RuntimeError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def run(n):
    command = [sys.executable, "-m", "prefect", "task", "serve", f"{__file__}:started"]
    worker = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait(started.delay())
        before = os.times()
        durations = []
        for _ in range(n):
            begun = time.time()
            durations.append(wait(started.delay()) - begun)
        p95 = sorted(durations)[int(n * 0.95)]
        facts = {"wall": statistics.median(durations) * n, "p95": p95, "cpu_before": before.user + before.system}
        print("BENCH " + json.dumps(facts), flush=True)
    finally:
        worker.terminate()
        worker.wait()


if __name__ == "__main__":
    run(int(sys.argv[1]))
