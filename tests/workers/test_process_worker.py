"""The process worker and `prefect worker start`, with a real server."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from prefect.types import new_id
from tests.workers.pools import LOADED_MACHINE_SECONDS, Pool, WorkerProcess, wait_until
from tools import serving

pytestmark = [pytest.mark.served, pytest.mark.timeout(240)]

PRINTS = """
@flow(log_prints=True)
def work(name="nobody"):
    print(f"Hello {name}!")
"""

WAITS = """
import pathlib, time

@flow
def work(mark):
    pathlib.Path(mark).touch()
    time.sleep(60)
"""

IGNORES_SIGTERM = """
import pathlib, signal, time

@flow
def work(mark):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    pathlib.Path(mark).touch()
    time.sleep(60)
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[serving.Served]:
    with serving.server(tmp_path_factory.mktemp("server")) as served:
        yield served


@pytest.fixture
def pool(served: serving.Served, tmp_path: Path, request: pytest.FixtureRequest) -> Pool:
    return Pool(served, tmp_path / "code", f"pool-{request.node.name}-{time.monotonic_ns()}")


@pytest.fixture
def workers(tmp_path: Path, pool: Pool) -> Iterator[Any]:
    started: list[WorkerProcess] = []

    def start(*arguments: str, **variables: str) -> WorkerProcess:
        worker = pool.start_worker(tmp_path / "worker", *arguments, **variables)
        started.append(worker)
        worker.wait_for_output("started!")
        return worker

    yield start
    for worker in started:
        worker.stop(signal.SIGKILL)


def test_worker_runs_a_deployment_to_its_end(pool: Pool, workers: Any) -> None:
    worker = workers("--name", "first")
    run_id = pool.trigger(pool.deploy("hello", PRINTS), parameters={"name": "you"})

    run = pool.wait_for(run_id, "Completed")
    pool.wait_for_log(run_id, "Hello you!")
    assert run["infrastructure_pid"] and run["run_count"] == 1
    found = pool.call("POST", f"/work_pools/{pool.name}/workers/filter", {})
    assert [(one["name"], one["status"]) for one in found] == [("first", "ONLINE")]
    assert worker.stop() < LOADED_MACHINE_SECONDS
    assert "Worker 'first' stopped!" in worker.output


def test_code_that_cannot_be_imported_crashes_its_run_with_the_traceback(pool: Pool, workers: Any) -> None:
    workers()
    broken = pool.trigger(pool.deploy("broken", "import nothing_of_this_name\n\n@flow\ndef work(): ...\n"))
    well = pool.trigger(pool.deploy("well", PRINTS))

    run = pool.wait_for(broken, "Crashed")
    assert "nothing_of_this_name" in run["state"]["message"]
    pool.wait_for_log(broken, "Traceback")
    pool.wait_for(well, "Completed")


def test_cancelled_run_that_ignores_sigterm_is_killed(pool: Pool, workers: Any, tmp_path: Path) -> None:
    worker = workers()
    mark = tmp_path / "mark"
    run_id = pool.trigger(pool.deploy("ignores", IGNORES_SIGTERM), parameters={"mark": str(mark)})
    wait_until(mark.exists, worker.output)
    pool.call("POST", f"/flow_runs/{run_id}/set_state", {"state": {"type": "CANCELLING"}})
    run = pool.wait_for(run_id, "Cancelled")
    assert "SIGKILL" in run["state"]["message"]


@pytest.mark.parametrize("signals", [1, 2])
def test_stopped_worker_ends_its_runs(signals: int, pool: Pool, workers: Any, tmp_path: Path) -> None:
    worker = workers()
    mark = tmp_path / "mark"
    run_id = pool.trigger(pool.deploy("waits", WAITS), parameters={"mark": str(mark)})
    wait_until(mark.exists, worker.output)
    for _ in range(signals - 1):
        worker.process.send_signal(signal.SIGTERM)
        worker.wait_for_output("Stopping worker")
    assert worker.stop() < LOADED_MACHINE_SECONDS
    if signals == 1:
        assert pool.read(run_id)["state_name"] == "Crashed"


def test_run_once_runs_what_is_due_and_ends(pool: Pool, tmp_path: Path) -> None:
    run_id = pool.trigger(pool.deploy("hello", PRINTS))
    worker = pool.start_worker(tmp_path / "worker", "--run-once")
    assert worker.process.wait(60) == 0, worker.output
    assert pool.read(run_id)["state_name"] == "Completed"
    pool_id = pool.call("GET", f"/work_pools/{pool.name}")["id"]
    about = {"event": {"prefix": ["prefect.worker."]}, "related": {"id": [f"prefect.work-pool.{pool_id}"]}}
    emitted = pool.call("POST", "/events/filter", {"filter": {**about, "order": "ASC"}, "limit": 50})["events"]
    assert [event["event"] for event in emitted] == [
        "prefect.worker.started",
        "prefect.worker.submitted-flow-run",
        "prefect.worker.executed-flow-run",
        "prefect.worker.stopped",
    ]
    shown = pool.call("POST", f"/work_pools/{pool.name}/workers/filter", {})
    assert [each["status"] for each in shown] == ["OFFLINE"]


def test_fork_server_can_be_turned_off(pool: Pool, workers: Any) -> None:
    code = """
import os, sys

@flow(log_prints=True)
def work():
    print("parent", os.getppid(), "loaded by", "fork_server" if "prefect.runner.fork_server" in sys.modules else "exec")
"""
    worker = workers(PREFECT_RUNNER_FORK_SERVER="false")
    run_id = pool.trigger(pool.deploy("parent", code))
    pool.wait_for(run_id, "Completed")
    pool.wait_for_log(run_id, f"parent {worker.process.pid}")


def test_claim_of_another_worker_cannot_start_a_run(pool: Pool) -> None:
    run_id = pool.trigger(pool.deploy("hello", PRINTS))
    mine, other = f"{run_id}/{new_id()}", f"{run_id}/{new_id()}"

    def propose(claim: str, type_: str) -> str:
        body = {"state": {"type": type_}}
        return pool.call("POST", f"/flow_runs/{run_id}/set_state", body, **{"Prefect-Claim": claim})["status"]

    assert propose(mine, "PENDING") == "ACCEPT"
    assert propose(other, "PENDING") in ("REJECT", "ABORT")
    assert propose(other, "RUNNING") == "ABORT"
    assert propose(mine, "RUNNING") == "ACCEPT"
    assert "claim" not in str(pool.call("GET", f"/flow_run_states/?flow_run_id={run_id}"))


def test_flow_run_why_names_the_reason(pool: Pool) -> None:
    deployment_id = pool.deploy("hello", PRINTS)
    run_id = pool.trigger(deployment_id)

    def why(id_: str = run_id) -> tuple[str, str]:
        answer = pool.call("GET", f"/flow_runs/{id_}/why")
        return answer["reason"], answer["message"]

    assert why()[0] == "no_worker"
    assert "has never had one" in why()[1]
    pool.call("PATCH", f"/work_pools/{pool.name}", {"is_paused": True})
    assert why()[0] == "pool_paused"
    pool.call("PATCH", f"/work_pools/{pool.name}", {"is_paused": False})
    pool.call("POST", f"/work_pools/{pool.name}/workers/heartbeat", {"name": "one"})
    assert why()[0] == "queue_not_polled"
    pool.call("POST", f"/work_pools/{pool.name}/get_scheduled_flow_runs", {})
    assert "a worker is about to take it" in why()[1]
    second = pool.trigger(deployment_id)
    assert "1 run is before it" in why(second)[1]
    headers = {"Prefect-Claim": f"{run_id}/{run_id}", "X-Prefect-Worker-Name": "one"}
    pool.call("POST", f"/flow_runs/{run_id}/set_state", {"state": {"type": "PENDING"}}, **headers)
    assert "by the worker 'one'" in why()[1]
    assert why(second)[0] == "next" and "the worker 'one' (1 run) is online" in why(second)[1]
    pool.call("PATCH", f"/work_pools/{pool.name}", {"concurrency_limit": 1})
    assert why(second)[0] == "pool_limit"


WARM = """
import os, pathlib

FOLDER = pathlib.Path(__file__).parent
TEXT = "before"
(FOLDER / f"loaded-{os.getpid()}").touch()

@flow(log_prints=True)
def work(name):
    print(f"{TEXT} {name} in {os.getpid()}")
"""


def reads_pipe(pid: str) -> bool:
    """Return whether a process waits for a run."""
    try:
        return any(os.readlink(link).endswith("/run") for link in Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return False


def test_warm_process_takes_a_run_until_the_code_changes(
    served: serving.Served, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    pool = Pool(served, tmp_path / "code", f"warm-{time.monotonic_ns()}", warm_processes=1)
    worker = pool.start_worker(tmp_path / "worker")
    request.addfinalizer(lambda: worker.stop(signal.SIGKILL))
    deployment = pool.deploy("warm", WARM)

    def find_loaded() -> set[str]:
        return {file.name.partition("-")[2] for file in pool.directory.glob("loaded-*")}

    first = pool.trigger(deployment, parameters={"name": "first"})
    pool.wait_for(first, "Completed")
    wait_until(lambda: any(map(reads_pipe, find_loaded())), "no process has loaded the flow")
    waiting = find_loaded()
    second = pool.trigger(deployment, parameters={"name": "second"})
    pool.wait_for(second, "Completed")
    wait_until(lambda: any(f"before second in {pid}" in pool.read_logs(second) for pid in waiting), worker.output)

    wait_until(lambda: any(map(reads_pipe, find_loaded() - waiting)), "no process has loaded the flow again")
    code = pool.directory / "warm.py"
    code.write_text(code.read_text().replace('"before"', '"after"'))
    third = pool.trigger(deployment, parameters={"name": "third"})
    pool.wait_for(third, "Completed")
    pool.wait_for_log(third, "after third")
    assert worker.stop() < LOADED_MACHINE_SECONDS
