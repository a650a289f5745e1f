"""The original's worker with our server, and ours with its server."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from prefect.outbox.store import Outbox
from tests.workers.pools import LOADED_MACHINE_SECONDS, Pool
from tools import original, serving

pytestmark = [pytest.mark.timeout(240), pytest.mark.served]

CODE = """
@flow(log_prints=True)
def work(name):
    print(f"Hello {name}!")
"""


@pytest.fixture(scope="module", autouse=True)
def the_original() -> None:
    if not original.is_available():
        pytest.skip("needs the original: `make compat` installs it")


class Addressed(serving.Served):
    """A server that others have started."""

    def __init__(self, url: str, home: Path) -> None:
        super().__init__(home)
        self.url = url


def start_original_worker(pool: Pool, home: Path) -> subprocess.Popen[bytes]:
    home.mkdir()
    variables = original.variables(home, PREFECT_API_URL=pool.served.url, PREFECT_WORKER_QUERY_SECONDS="1")
    command = [original.python(), "-m", "prefect", "worker", "start", "--pool", pool.name]
    with open(home / "worker.log", "wb") as log:
        return subprocess.Popen(command, env=variables, stdout=log, stderr=log, start_new_session=True)


def test_original_worker_takes_runs_from_pluperfect_server(tmp_path: Path) -> None:
    with serving.server(tmp_path / "server") as served:
        pool = Pool(served, tmp_path / "code")
        run_id = pool.trigger(pool.deploy("hello", CODE), parameters={"name": "you"})
        worker = start_original_worker(pool, tmp_path / "worker")
        try:
            pool.wait_for(run_id, "Completed")
            pool.wait_for_log(run_id, "Hello you!")
            (shown,) = pool.call("GET", f"/ui/pages/work-pool/{pool.name}")["workers"]
            assert shown["status"] == "ONLINE" and shown["facts"]["host"] is None  # it does not say
            # What it says about a run has its id as well; one line links to its page, by that id.
            pool.wait_for_log(run_id, f"/work-pools/work-pool/{pool.name}/worker/{shown['id']}")
            lines = pool.call("GET", f"/ui/pages/worker/{shown['id']}/logs")["lines"]
            assert any("submitting flow run" in line["message"] for line in lines)
        finally:
            worker.send_signal(signal.SIGTERM)
            worker.wait(60)


@pytest.fixture
def their_server(tmp_path: Path) -> Iterator[serving.Served]:
    with original.server(tmp_path / "theirs") as (url, _):
        yield Addressed(url, tmp_path / "theirs")


def test_pluperfect_worker_takes_runs_from_original_server(their_server: serving.Served, tmp_path: Path) -> None:
    pool = Pool(their_server, tmp_path / "code")
    run_id = pool.trigger(pool.deploy("hello", CODE), parameters={"name": "you"})
    worker = pool.start_worker(tmp_path / "worker")
    try:
        pool.wait_for(run_id, "Completed")
        pool.wait_for_log(run_id, "Hello you!")
        assert worker.stop() < LOADED_MACHINE_SECONDS
        outbox = Outbox(tmp_path / "worker", their_server.url)  # that server keeps no logs of workers
        assert (outbox.has_waiting(), outbox.read_refused()) == (False, [])
    finally:
        worker.stop(signal.SIGKILL)
