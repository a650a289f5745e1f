"""Programs that are killed, stopped or left without their server: their runs end as they ended, and soon.

`FAULTS=long` runs the sizes that `docs/reliability.md` reports. The short form runs with a fifth of the intervals.
"""

import os
import signal
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from prefect.schemas import liveness
from tests.faults.test_server import LONG, post, read_all, wait_for
from tests.workers.pools import LOADED_MACHINE_SECONDS
from tools import original, serving

pytestmark = [pytest.mark.timeout(1800 if LONG else 300), pytest.mark.served]

SPEED = 1 if LONG else 5
FASTER = f"""
from prefect.schemas import liveness

for name in ("HEARTBEAT_INTERVAL_SECONDS", "SWEEP_INTERVAL_SECONDS", "CLIENT_RETRY_SECONDS"):
    setattr(liveness, name, getattr(liveness, name) / {SPEED})
"""
"""Run at the start of each Python process of the short form."""

WAITS = """
import sys, threading
from prefect import flow, task

@task
def step():
    print("begun", flush=True)
    sys.stdin.read()

@flow
def program():
    step()

program()
"""

MANY = """
import gc, os, sys, time
from prefect import flow, task

@task
def step(number):
    return number

@flow
def work(number):
    return step(number)

runs, pause = int(sys.argv[1]), float(sys.argv[2])
for number in range(runs):
    work(number)

@flow
def hold(seconds):
    print("holds", flush=True)
    end = time.monotonic() + seconds
    sum(1 for _ in iter(lambda: time.monotonic() < end, False))  # no other thread gets on, as in a long collection

sys.setswitchinterval(1000)
hold(pause)
"""

HUNDRED = """
import sys
from prefect import flow, task

@task
def step(number):
    return number

@flow
def program():
    print("begun", flush=True)
    sys.stdin.readline()
    for number in range(100):
        step(number)

program()
"""


@pytest.fixture
def variables(tmp_path: Path) -> dict[str, str]:
    """Environment variables with which the processes of a test have its intervals."""
    (tmp_path / "sitecustomize.py").write_text(FASTER)
    return {"PYTHONPATH": f"{tmp_path}:{original.ROOT / 'src'}:{original.ROOT}", "PREFECT_LOGGING_LEVEL": "CRITICAL"}


def launch(code: str, home: Path, variables: dict[str, str], *arguments: str) -> "subprocess.Popen[str]":
    environment, pipe = original.variables(home, **variables), subprocess.PIPE
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.Popen(command, env=environment, text=True, stdin=pipe, stdout=pipe, stderr=pipe)


def read_line(program: "subprocess.Popen[str]") -> str:
    assert program.stdout is not None
    return program.stdout.readline()


def report(what: str, seconds: list[float]) -> None:
    print(f"{what}: p50 {statistics.median(seconds):.1f} s, worst of {len(seconds)} {max(seconds):.1f} s")


def test_killed_program_is_crashed_soon_with_a_server(tmp_path: Path, variables: dict[str, str]) -> None:
    count = 50 if LONG else 3
    with serving.server(tmp_path / "server", **variables) as served:
        variables["PREFECT_API_URL"] = served.url
        programs: list[Any] = []
        for number in range(count):
            programs.append(launch(WAITS, tmp_path / f"client {number}", variables))
            assert read_line(programs[-1]) == "begun\n"
        assert wait_for(lambda: post(served.url, "/task_runs/count", {}) == count)
        time.sleep((liveness.CLIENT_RETRY_SECONDS + 3 * liveness.SWEEP_INTERVAL_SECONDS) / SPEED)  # it has just started
        killed: list[float] = []
        for program in programs:
            program.kill()
            program.communicate()
            killed.append(time.monotonic())
            time.sleep(0.2 / SPEED)  # at all times between two heartbeats
        seen: list[float] = []
        while len(seen) < count and time.monotonic() < killed[-1] + 60:
            crashed = post(served.url, "/flow_runs/count", {"flow_runs": {"state": {"type": {"any_": ["CRASHED"]}}}})
            seen += [time.monotonic()] * (crashed - len(seen))
            time.sleep(0.05)
        # Which run is which does not matter for the greatest: all wait for as long at most.
        seconds = [after - before for before, after in zip(killed, seen, strict=True)]
        report("with a server", seconds)
        assert max(seconds) < 30 / SPEED + (2 if LONG else LOADED_MACHINE_SECONDS)
        runs = read_all(served.url, "/task_runs/filter", {"sort": "ID_DESC"})
        assert [run["state_type"] for run in runs] == ["CRASHED"] * count


def test_killed_program_is_crashed_soon_without_a_server(tmp_path: Path, variables: dict[str, str]) -> None:
    """It is found by the next command: the time is that command's."""
    seconds: list[float] = []
    for _ in range(50 if LONG else 2):
        program = launch(WAITS, tmp_path / "home", variables)
        assert read_line(program) == "begun\n"
        time.sleep(0.2)  # the first records are on disk
        program.kill()
        program.communicate()
        killed = time.monotonic()
        command = [sys.executable, "-m", "prefect", "flow-run", "ls", "--limit", "1"]
        shown = subprocess.run(
            command, env=original.variables(tmp_path / "home", **variables), capture_output=True, text=True
        )
        seconds.append(time.monotonic() - killed)
        assert "Crashed" in shown.stdout, shown
    report("without a server", seconds)
    assert max(seconds) < (30 if LONG else 30 + LOADED_MACHINE_SECONDS)


def test_normal_ends_are_never_taken_for_crashes(tmp_path: Path, variables: dict[str, str]) -> None:
    """Each program is also stopped, or lets no other thread run, for most of the time between a heartbeat that is due
    and the end of the lease."""
    processes, runs = (10, 1000) if LONG else (3, 40)
    interval = liveness.HEARTBEAT_INTERVAL_SECONDS / SPEED
    longest = (0.8 if LONG else 0.5) * (liveness.lease_seconds(interval) - interval)
    with serving.server(tmp_path / "server", **variables) as served:
        variables["PREFECT_API_URL"] = served.url
        programs = [
            launch(MANY, tmp_path / f"client {number % 3}", variables, str(runs), str(longest))
            for number in range(processes)
        ]
        with ThreadPoolExecutor() as threads:  # each program is stopped as soon as it holds, whatever the others do
            list(threads.map(lambda odd: stop_while_it_holds(odd, longest), programs[1::2]))
        assert [(program.communicate()[1], program.returncode) for program in programs] == [("", 0)] * processes
        states = [f"{kind}_runs/count" for kind in ("flow", "task")]
        counts = [post(served.url, f"/{path}", {}) for path in states]
        assert counts == [processes * (runs + 1), processes * runs]
        crashed = {"name": {"any_": ["Crashed"]}}
        assert post(served.url, "/flow_runs/count", {"flow_runs": {"state": crashed}}) == 0
        assert (
            post(served.url, "/events/count-by/event", {"filter": {"event": {"name": ["prefect.flow-run.Crashed"]}}})
            == []
        )


def stop_while_it_holds(program: "subprocess.Popen[str]", seconds: float) -> None:
    assert read_line(program) == "holds\n"
    os.kill(program.pid, signal.SIGSTOP)
    time.sleep(seconds)
    os.kill(program.pid, signal.SIGCONT)


def test_stopped_program_is_corrected_when_it_goes_on(tmp_path: Path, variables: dict[str, str]) -> None:
    """A SIGSTOP that is longer than the lease: the run is Crashed meanwhile, and ends as it ended."""
    with serving.server(tmp_path / "server", **variables) as served:
        variables["PREFECT_API_URL"] = served.url
        program: Any = launch(WAITS, tmp_path / "client", variables)
        assert read_line(program) == "begun\n"

        def is_in(name: str) -> bool:
            (row,) = post(served.url, "/flow_runs/filter", {})
            return row["state"]["name"] == name

        os.kill(program.pid, signal.SIGSTOP)
        assert wait_for(lambda: is_in("Crashed"))
        os.kill(program.pid, signal.SIGCONT)
        assert wait_for(lambda: is_in("Running"))
        assert program.communicate("")[1] == ""
        (row,) = post(served.url, "/flow_runs/filter", {})
        assert (row["state"]["name"], row["run_count"]) == ("Completed", 1)
        (task_run,) = post(served.url, "/task_runs/filter", {})
        assert task_run["state"]["name"] == "Completed"


@pytest.mark.parametrize("seconds", [6] if LONG else [2])
def test_rolling_restart_at_the_end_of_a_program_loses_nothing(
    seconds: float, tmp_path: Path, variables: dict[str, str]
) -> None:
    """The program's home is gone afterwards, as a container's is."""
    for number in range(10 if LONG else 1):
        with serving.server(tmp_path / f"server {number}", **variables) as served:
            # It is back in time, however slow this machine is.
            names = {"PREFECT_API_URL": served.url, "PREFECT_CLIENT_EXIT_TIMEOUT_SECONDS": "120"}
            program: Any = launch(HUNDRED, tmp_path / f"client {number}", {**variables, **names})
            assert read_line(program) == "begun\n"
            served.stop()
            program.stdin.write("\n")
            program.stdin.flush()
            time.sleep(seconds)
            served.start()
            _, err = program.communicate()
            assert (program.returncode, "wait in" in err) == (0, False), err
            runs = read_all(served.url, "/task_runs/filter", {"sort": "ID_DESC"})
            assert [run["state_type"] for run in runs] == ["COMPLETED"] * 100
            (flow_run,) = post(served.url, "/flow_runs/filter", {})
            assert flow_run["state_type"] == "COMPLETED"


def test_server_ships_what_an_ended_program_left_in_its_home(tmp_path: Path, variables: dict[str, str]) -> None:
    served = serving.Served(tmp_path / "home", **variables)
    served.start()
    try:
        names = {"PREFECT_API_URL": served.url, "PREFECT_CLIENT_EXIT_TIMEOUT_SECONDS": "0"}
        program: Any = launch(HUNDRED, tmp_path / "home", {**variables, **names})
        assert read_line(program) == "begun\n"
        served.stop()
        assert "wait in" in program.communicate("\n")[1]
        served.start()
        back = time.monotonic()
        assert wait_for(lambda: post(served.url, "/task_runs/count", {}) == 100)
        print(f"shipped within {time.monotonic() - back:.1f} s")
    finally:
        served.stop()
