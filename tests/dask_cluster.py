"""A Dask cluster on this machine for tests, in a process of its own: Dask's threads outlive a cluster."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_ROOT = Path(__file__).parents[1]

_PROGRAM = """
import logging, sys
import distributed

if __name__ == "__main__":
    with distributed.LocalCluster(
        n_workers=int(sys.argv[1]), threads_per_worker=1, host="127.0.0.1", dashboard_address=":0",
        silence_logs=logging.CRITICAL, resources={"machine": 1},
    ) as cluster:
        print(cluster.scheduler_address, flush=True)
        sys.stdin.read()
"""


@contextmanager
def make_cluster(workers: int = 2) -> Iterator[str]:
    """Yield the scheduler's address of a cluster of worker processes with one thread and one `machine` each."""
    program = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, str(workers)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=_ROOT,  # the workers import the functions of tests
    )
    assert program.stdin and program.stdout
    try:
        yield program.stdout.readline().strip()
        program.stdin.close()
        program.wait(timeout=30)
    finally:
        program.kill()
        program.wait()
        program.stdin.close()
        program.stdout.close()
