"""Workers whose server, process or machine fails: each run ends once, soon, and as the pool says.

`FAULTS=long` runs the sizes that `docs/reliability.md` reports. The short form runs with a fifth of the intervals.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.faults.test_liveness import FASTER
from tests.faults.test_server import LONG, full_disk
from tests.gates import Gate, Mode, open_gate
from tests.workers.pools import LOADED_MACHINE_SECONDS, Pool, WorkerProcess, wait_until
from tools import serving

pytestmark = [pytest.mark.timeout(1800 if LONG else 300), pytest.mark.served]

PRINTS = """
@flow
def work(): ...
"""

WAITS = """
import os, pathlib, time

@flow
def work(mark):
    pathlib.Path(mark).write_text(str(os.getpid()))
    time.sleep(60)
"""

COUNTS = """
import os, time

@flow
def work(folder):
    run = os.environ["PREFECT__FLOW_RUN_ID"]
    with open(f"{folder}/{run}", "a") as file:
        file.write("begun\\n")
    time.sleep(0.05)
"""

SERVES = """
import pathlib, time
from prefect import flow

@flow
def work(mark=None):
    while mark and not pathlib.Path(mark).exists():
        time.sleep(0.05)

if __name__ == "__main__":
    work.serve("served")
"""

RECOVERY_SECONDS = 5.0
"""How long after a server's return a worker may take to go on."""


@pytest.fixture
def faster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the intervals of liveness in all processes that are started."""
    folder = tmp_path / "faster"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(FASTER)
    monkeypatch.setenv("PYTHONPATH", f"{folder}:{os.environ.get('PYTHONPATH', '')}".strip(":"))


@pytest.fixture
def served(tmp_path: Path, faster: None) -> Iterator[serving.Served]:
    with serving.server(tmp_path / "server", PYTHONPATH=os.environ["PYTHONPATH"]) as served:
        yield served


@pytest.fixture
def started(tmp_path: Path) -> Iterator[list[WorkerProcess]]:
    workers: list[WorkerProcess] = []
    yield workers
    for worker in workers:
        worker.stop(signal.SIGKILL)


def start(pool: Pool, started: list[WorkerProcess], home: Path, *arguments: str, **variables: str) -> WorkerProcess:
    worker = pool.start_worker(home, *arguments, **variables)
    started.append(worker)
    return worker


def start_runner(pool: Pool, started: list[WorkerProcess], home: Path, url: str) -> WorkerProcess:
    """Start a program that serves a deployment `work/served`, and wait until it does."""
    home.mkdir()
    (home / "program.py").write_text(SERVES)
    variables = {"PREFECT_HOME": str(home), "PREFECT_API_URL": url, "PREFECT_RUNNER_POLL_FREQUENCY": "5"}
    runner = WorkerProcess.start([sys.executable, str(home / "program.py")], home, variables)
    started.append(runner)
    runner.wait_for_output("being served")
    return runner


def test_worker_goes_on_after_a_restart_of_the_server(
    served: serving.Served, started: list[WorkerProcess], tmp_path: Path
) -> None:
    pool = Pool(served, tmp_path / "code")
    deployment = pool.deploy("prints", PRINTS)
    worker = start(pool, started, tmp_path / "worker")
    worker.wait_for_output("started!")
    pool.wait_for(pool.trigger(deployment), "Completed")
    served.stop(signal.SIGKILL)
    wait_until(lambda: "cannot be reached" in worker.output, "the worker has not noticed")
    served.start()
    recovered = time.monotonic()
    run = pool.wait_for(pool.trigger(deployment), "Completed")
    assert time.monotonic() - recovered < (RECOVERY_SECONDS + 2 if LONG else LOADED_MACHINE_SECONDS), run["state"]


def test_log_of_a_worker_has_the_time_without_its_server(
    served: serving.Served, started: list[WorkerProcess], tmp_path: Path
) -> None:
    pool = Pool(served, tmp_path / "code")
    served.stop()
    worker = start(pool, started, tmp_path / "worker", "--type", "process", "--name", "one")
    worker.wait_for_output("cannot be reached yet")
    served.start()
    pool.wait_for_worker_log("one", "cannot be reached yet", "started!")
    served.stop(signal.SIGKILL)
    wait_until(lambda: worker.output.count("cannot be reached") > 1, "the worker has not noticed")
    served.start()
    lines = pool.wait_for_worker_log("one", "cannot be reached (", "answers again")
    assert len(lines) == len(set(lines)), lines


def test_log_of_a_killed_worker_has_its_lines_and_those_of_the_next_one(
    served: serving.Served, started: list[WorkerProcess], tmp_path: Path
) -> None:
    pool = Pool(served, tmp_path / "code")
    first = start(pool, started, tmp_path / "worker", "--name", "one")
    pool.wait_for_worker_log("one", "started!")
    first.stop(signal.SIGKILL)
    second = start(pool, started, tmp_path / "worker", "--name", "one", "--limit", "2")
    third = start(pool, started, tmp_path / "other", "--name", "one", "--limit", "3")  # at the same time
    pool.wait_for_worker_log("one", "at most 2 flow runs", "at most 3 flow runs")
    second.stop()
    third.stop(signal.SIGINT)
    lines = pool.read_worker_log("one")  # what an orderly end has logged is there when the process has ended
    counts = {text: sum(text in line for line in lines) for text in ("started!", "SIGTERM", "SIGINT", "stopped!")}
    assert counts == {"started!": 3, "SIGTERM": 1, "SIGINT": 1, "stopped!": 2}


@pytest.mark.skipif(sys.platform != "linux", reason="limits another process")
def test_worker_goes_on_while_the_disk_of_the_server_is_full(
    served: serving.Served, started: list[WorkerProcess], tmp_path: Path
) -> None:
    pool = Pool(served, tmp_path / "code")
    deployment = pool.deploy("prints", PRINTS)
    first = start(pool, started, tmp_path / "worker", "--name", "one")
    pool.wait_for_worker_log("one", "started!")
    with full_disk(served):
        first.stop()  # its last lines wait on its disk
        worker = start(pool, started, tmp_path / "worker", "--name", "one", "--limit", "2")
        worker.wait_for_output("started!")
    pool.wait_for(pool.trigger(deployment), "Completed")
    pool.wait_for_worker_log("one", "stopped!", "at most 2 flow runs")


def test_worker_started_before_its_server_waits_for_it(
    served: serving.Served, started: list[WorkerProcess], tmp_path: Path
) -> None:
    pool = Pool(served, tmp_path / "code")
    run_id = pool.trigger(pool.deploy("prints", PRINTS))
    served.stop()
    inferred = start(pool, started, tmp_path / "one")
    inferred.wait_for_output("cannot be reached yet")
    named = start(pool, started, tmp_path / "two", "--type", "process")
    named.wait_for_output("cannot be reached yet")
    served.start()
    pool.wait_for(run_id, "Completed")
    inferred.wait_for_output("started!")


def test_worker_ends_within_ten_seconds_without_a_server(
    served: serving.Served, started: list[WorkerProcess], tmp_path: Path
) -> None:
    pool = Pool(served, tmp_path / "code")
    mark = tmp_path / "mark"
    worker = start(pool, started, tmp_path / "worker")
    worker.wait_for_output("started!")
    pool.trigger(pool.deploy("waits", WAITS), parameters={"mark": str(mark)})
    wait_until(mark.exists, worker.output)
    served.stop(signal.SIGKILL)
    assert worker.stop() < (10 if LONG else LOADED_MACHINE_SECONDS)
    assert worker.process.returncode == 0


@pytest.mark.parametrize("on_lost", ["crash", "retry"])
def test_run_that_a_killed_worker_was_starting_is_not_lost(
    on_lost: str, served: serving.Served, started: list[WorkerProcess], tmp_path: Path
) -> None:
    pool = Pool(served, tmp_path / "code", on_lost=on_lost)
    run_id = pool.trigger(pool.deploy("prints", PRINTS))
    claim = {"Prefect-Claim": f"{run_id}/{run_id}/{5 if LONG else 1}"}
    pool.call("POST", f"/flow_runs/{run_id}/set_state", {"state": {"type": "PENDING"}}, **claim)
    if on_lost == "crash":
        assert pool.wait_for(run_id, "Crashed")["run_count"] == 0
        return
    pool.wait_for(run_id, "AwaitingRetry")
    assert (
        pool.call("POST", f"/flow_runs/{run_id}/set_state", {"state": {"type": "RUNNING"}}, **claim)["status"]
        == "ABORT"
    )
    start(pool, started, tmp_path / "worker")
    assert pool.wait_for(run_id, "Completed")["run_count"] == 1


def test_run_of_a_killed_machine_is_tried_again_where_the_pool_enables_it(
    served: serving.Served, started: list[WorkerProcess], tmp_path: Path
) -> None:
    pool = Pool(served, tmp_path / "code", on_lost="retry")
    mark = tmp_path / "mark"
    first = start(pool, started, tmp_path / "worker")
    run_id = pool.trigger(pool.deploy("waits", WAITS), parameters={"mark": str(mark)})
    process = int(wait_until(lambda: mark.exists() and mark.read_text(), first.output))
    pool.wait_for(run_id, "Running")
    first.stop(signal.SIGKILL)
    os.kill(process, signal.SIGKILL)
    pool.wait_for(run_id, "AwaitingRetry")
    mark.unlink()
    start(pool, started, tmp_path / "worker")
    wait_until(mark.exists, "the run is not started again")
    assert pool.wait_for(run_id, "Running")["run_count"] == 2


@pytest.fixture
def gate(served: serving.Served) -> Iterator[Gate]:
    with open_gate(served.port) as gate:
        yield gate


ALL_FAILURES = [Mode.REFUSE, Mode.HANG, Mode.HALF_OPEN, Mode.FAIL]


def failures(short: Mode) -> pytest.MarkDecorator:
    """Return the parameter `mode`: all failures, or in the short form one of them."""
    return pytest.mark.parametrize("mode", ALL_FAILURES if LONG else [short])


@failures(Mode.HANG)
def test_worker_goes_on_after_a_failure_of_the_connection(
    mode: Mode, served: serving.Served, gate: Gate, started: list[WorkerProcess], tmp_path: Path
) -> None:
    pool = Pool(served, tmp_path / "code")
    deployment = pool.deploy("prints", PRINTS)
    worker = start(pool, started, tmp_path / "worker", PREFECT_API_URL=gate.url)
    pool.wait_for(pool.trigger(deployment), "Completed")
    gate.set_mode(mode)
    wait_until(lambda: "cannot be reached" in worker.output, "the worker has not noticed")
    run_id = pool.trigger(deployment)
    gate.set_mode(Mode.PASS)
    recovered = time.time()
    run = pool.wait_for(run_id, "Completed")
    begun = datetime.fromisoformat(run["start_time"]).timestamp() - recovered
    assert begun < (RECOVERY_SECONDS if LONG else LOADED_MACHINE_SECONDS)
    assert run["run_count"] == 1


@failures(Mode.HALF_OPEN)
def test_runner_goes_on_after_a_failure_of_the_connection(
    mode: Mode, served: serving.Served, gate: Gate, started: list[WorkerProcess], tmp_path: Path
) -> None:
    pool = Pool(served, tmp_path / "code")
    runner = start_runner(pool, started, tmp_path / "runner", gate.url)
    deployment = pool.call("GET", "/deployments/name/work/served")["id"]
    pool.wait_for(pool.trigger(deployment), "Completed")
    gate.set_mode(mode)
    wait_until(lambda: "cannot be reached" in runner.output, "the runner has not noticed")
    run_id = pool.trigger(deployment)
    gate.set_mode(Mode.PASS)
    recovered = time.time()
    run = pool.wait_for(run_id, "Completed")
    begun = datetime.fromisoformat(run["start_time"]).timestamp() - recovered
    assert begun < (RECOVERY_SECONDS if LONG else LOADED_MACHINE_SECONDS)
    assert run["run_count"] == 1


@failures(Mode.FAIL)
@pytest.mark.parametrize("kind", ["worker", "runner"])
def test_run_is_not_lost_when_the_connection_fails_during_it(
    kind: str, mode: Mode, served: serving.Served, gate: Gate, started: list[WorkerProcess], tmp_path: Path
) -> None:
    pool = Pool(served, tmp_path / "code")
    mark = tmp_path / "mark"
    if kind == "worker":
        start(pool, started, tmp_path / "worker", PREFECT_API_URL=gate.url)
        deployment = pool.deploy("holds", HOLDS)
    else:
        start_runner(pool, started, tmp_path / "runner", gate.url)
        deployment = pool.call("GET", "/deployments/name/work/served")["id"]
    run_id = pool.trigger(deployment, parameters={"mark": str(mark)})
    pool.wait_for(run_id, "Running")
    gate.set_mode(mode)
    gate.wait_until_stopped()
    mark.touch()
    gate.wait_until_stopped(2)
    gate.set_mode(Mode.PASS)
    assert pool.wait_for(run_id, "Completed", "Crashed", "Failed")["state_name"] == "Completed"


@failures(Mode.HALF_OPEN)
@pytest.mark.parametrize("kind", ["worker", "runner"])
def test_sigterm_ends_within_ten_seconds_in_any_state_of_the_connection(
    kind: str, mode: Mode, served: serving.Served, gate: Gate, started: list[WorkerProcess], tmp_path: Path
) -> None:
    pool = Pool(served, tmp_path / "code")
    if kind == "worker":
        process = start(pool, started, tmp_path / "worker", PREFECT_API_URL=gate.url)
        process.wait_for_output("started!")
        deployment = pool.deploy("holds", HOLDS)
    else:
        process = start_runner(pool, started, tmp_path / "runner", gate.url)
        deployment = pool.call("GET", "/deployments/name/work/served")["id"]
    run_id = pool.trigger(deployment, parameters={"mark": str(tmp_path / "mark")})
    pool.wait_for(run_id, "Running")
    gate.set_mode(mode)
    gate.wait_until_stopped()
    assert process.stop() < (10 if LONG else LOADED_MACHINE_SECONDS)


HOLDS = """
import pathlib, time

@flow
def work(mark):
    while not pathlib.Path(mark).exists():
        time.sleep(0.05)
"""


@pytest.mark.parametrize("same_queue", [True, False] if LONG else [False])
def test_queued_runs_of_a_full_deployment_delay_no_other(
    same_queue: bool, served: serving.Served, started: list[WorkerProcess], tmp_path: Path
) -> None:
    """More runs than a page of the API are due before, in the same queue or in one that comes first."""
    pool = Pool(served, tmp_path / "code")
    first = pool.call("POST", f"/work_pools/{pool.name}/queues", {"name": "first", "priority": 1})["name"]
    limited = pool.deploy("holds", HOLDS, concurrency_limit=1, work_queue_name=first)
    other = pool.deploy("prints", PRINTS, work_queue_name=first if same_queue else "default")
    mark = tmp_path / "mark"
    queued = [pool.trigger(limited, parameters={"mark": str(mark)}) for _ in range(1000 if LONG else 210)]
    start(pool, started, tmp_path / "worker")
    pool.wait_for(queued[0], "Running")
    run = pool.wait_for(pool.trigger(other), "Completed")
    assert pool.read(queued[1])["run_count"] == 0
    if LONG:
        seconds = [run["estimated_start_time_delta"]]
        for _ in range(9):
            seconds.append(pool.wait_for(pool.trigger(other), "Completed")["estimated_start_time_delta"])
        assert sorted(seconds)[-2] < 1
    mark.touch()
    pool.wait_for(queued[1], "Completed")


def test_killed_workers_runs_and_servers_run_nothing_twice(
    served: serving.Served, started: list[WorkerProcess], tmp_path: Path
) -> None:
    """Two workers, and at random moments one of them, the process of a run or the server is killed."""
    pool = Pool(served, tmp_path / "code")
    effects = tmp_path / "effects"
    effects.mkdir()
    deployment = pool.deploy("counts", COUNTS)
    ids = [pool.trigger(deployment, parameters={"folder": str(effects)}) for _ in range(300 if LONG else 20)]
    workers = [start(pool, started, tmp_path / f"worker-{number}", "--limit", "4") for number in range(2)]
    generator, ended = random.Random(7), {"Completed", "Crashed", "Failed"}
    victims: list[str] = []

    def read_open() -> list[dict[str, Any]]:
        body = {"flow_runs": {"id": {"any_": ids}}, "limit": 200}
        pages = [pool.call("POST", "/flow_runs/filter", {**body, "offset": at}) for at in range(0, len(ids), 200)]
        return [run for page in pages for run in page if run["state_name"] not in ended]

    for _ in range(30 if LONG else 3):
        time.sleep(generator.uniform(0.3, 1.5))
        victims.append(victim := generator.choice(["worker", "run", "server"]))
        if victim == "worker":
            number = generator.randrange(2)
            workers[number].stop(signal.SIGKILL)
            workers[number] = start(pool, started, tmp_path / f"worker-{number}", "--limit", "4")
        elif victim == "server":
            served.stop(signal.SIGKILL)
            served.start()
        elif running := [run for run in read_open() if run["infrastructure_pid"]]:
            try:
                os.kill(int(running[0]["infrastructure_pid"]), signal.SIGKILL)
            except ProcessLookupError:
                continue
    deadline = time.monotonic() + (600 if LONG else 200)
    while left := read_open():
        assert time.monotonic() < deadline, [(run["id"], run["state_name"]) for run in left]
        time.sleep(0.5)
    begun = {file.name: file.read_text().count("begun") for file in effects.iterdir()}
    assert set(begun.values()) <= {1}
    ended_as = {id_: pool.read(id_)["state_name"] for id_ in ids}
    assert {id_ for id_, name in ended_as.items() if name == "Completed"} <= set(begun)
    print(len(begun), "of", len(ids), "runs have begun;", Counter(ended_as.values()), Counter(victims))
