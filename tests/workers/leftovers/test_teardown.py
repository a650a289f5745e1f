"""Infrastructure that a killed worker has left is stopped by another worker of the pool, with a real server."""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from prefect import _processes
from tests.workers.pools import Pool, WorkerProcess, wait_until
from tools import serving

pytestmark = [pytest.mark.served, pytest.mark.timeout(240)]

WAITS = """
import os, pathlib, time

@flow
def work(mark):
    pathlib.Path(mark + ".new").write_text(str(os.getpid()))
    os.rename(mark + ".new", mark)
    time.sleep(600)
"""

SETTINGS = {
    "PREFECT_SERVER_SERVICES_CANCELLATION_CLEANUP_CANCELLING_TIMEOUT_SECONDS": "0.5",
    "PREFECT_SERVER_SERVICES_CANCELLATION_CLEANUP_LOOP_SECONDS": "0.5",
    "PREFECT_SERVER_SERVICES_CLEANUP_RECONCILER_LOOP_SECONDS": "0.5",
    "PREFECT_SERVER_WORKER_CHANNEL_CLEANUP_LEASE_SECONDS": "5",
}

HANGS = """
import pathlib, os, anyio
from prefect.workers.process import ProcessWorker

async def hang(self, *args):
    pathlib.Path(os.environ["CLAIMED"]).touch()
    await anyio.sleep_forever()

ProcessWorker.kill_infrastructure = hang
"""
"""A worker that gets a clean-up job and does not end it."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[serving.Served]:
    with serving.server(tmp_path_factory.mktemp("server"), **SETTINGS) as served:
        yield served


@pytest.fixture
def pool(served: serving.Served, tmp_path: Path, request: pytest.FixtureRequest) -> Pool:
    return Pool(served, tmp_path / "code", request.node.name)


@pytest.fixture
def workers(tmp_path: Path, pool: Pool) -> Iterator[Any]:
    started: list[WorkerProcess] = []

    def start(home: str = "home", until: str = "started!", **variables: str) -> WorkerProcess:
        worker = pool.start_worker(tmp_path / home, **variables)
        started.append(worker)
        worker.wait_for_output(until)
        return worker

    yield start
    for worker in started:
        worker.stop(signal.SIGKILL)


class LeftRun:
    """A run that is being cancelled, whose worker was killed and whose process does not react."""

    def __init__(self, pool: Pool, worker: WorkerProcess, directory: Path) -> None:
        mark = directory / "mark"
        self.pool = pool
        self.id = pool.trigger(pool.deploy("waits", WAITS), parameters={"mark": str(mark)})
        wait_until(mark.exists, "the run has not begun")
        self.pid = int(mark.read_text())
        wait_until(lambda: pool.read(self.id)["infrastructure_pid"], "the process is not recorded")
        self.start = _processes.start_mark(self.pid) or ""
        worker.stop(signal.SIGKILL)
        os.kill(self.pid, signal.SIGSTOP)

    def cancel(self) -> None:
        state = {"state": {"type": "CANCELLING", "name": "Cancelling"}}
        self.pool.call("POST", f"/flow_runs/{self.id}/set_state", state)

    def wait_for_end(self) -> None:
        wait_until(lambda: not _processes.is_alive(self.pid, self.start), f"the process {self.pid} is left")
        assert self.pool.read(self.id)["state_name"] == "Cancelled"


@pytest.fixture
def left(pool: Pool, workers: Any, tmp_path: Path) -> Iterator[LeftRun]:
    left = LeftRun(pool, workers(), tmp_path)
    yield left
    if _processes.is_alive(left.pid, left.start):
        os.killpg(left.pid, signal.SIGKILL)


def is_acknowledged(served: serving.Served, run: LeftRun) -> bool:
    with sqlite3.connect(served.home / "pluperfect.db") as database:
        found = database.execute("SELECT count(*) FROM cleanup WHERE target LIKE ?", (f"%{run.id}%",))
        return found.fetchone()[0] == 0


def test_another_worker_stops_the_process_of_a_killed_worker(
    served: serving.Served, left: LeftRun, workers: Any
) -> None:
    other = workers()
    left.cancel()
    left.wait_for_end()
    other.wait_for_output("Stopped the infrastructure")
    wait_until(lambda: is_acknowledged(served, left), "the job is not acknowledged")


def test_worker_of_another_machine_leaves_the_process_to_others(left: LeftRun, workers: Any) -> None:
    elsewhere = workers("elsewhere")
    left.cancel()
    elsewhere.wait_for_output("has started a process")
    workers()
    left.wait_for_end()


def test_job_of_a_worker_that_is_killed_is_done_by_another(left: LeftRun, workers: Any, tmp_path: Path) -> None:
    folder = tmp_path / "hangs"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(HANGS)
    claimed = tmp_path / "claimed"
    path = f"{folder}:{os.environ.get('PYTHONPATH', '')}".strip(":")
    hanging = workers(PYTHONPATH=path, CLAIMED=str(claimed))
    left.cancel()
    wait_until(claimed.exists, "the job is not claimed")
    hanging.stop(signal.SIGKILL)
    workers()
    left.wait_for_end()


def test_job_is_done_once_the_server_is_back(served: serving.Served, left: LeftRun, workers: Any) -> None:
    left.cancel()
    left.pool.wait_for(left.id, "Cancelled")
    served.stop(signal.SIGKILL)
    other = workers(until="cannot be reached yet")
    served.start()
    left.wait_for_end()
    wait_until(lambda: is_acknowledged(served, left), "the job is not acknowledged")
    assert other.output.count("Stopped the infrastructure") == 1
