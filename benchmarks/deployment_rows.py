"""Rows of deployments: from the request of a run to its flow and to its end, on both packages' workers.

Each worker has its own server; this package's worker also runs with the original's server, which does not notify it of
runs, so that it polls.
"""

from __future__ import annotations

import random
import signal
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from benchmarks import measure
from benchmarks.api_calls import call
from benchmarks.measure import MILLISECONDS, SECONDS, Series, Unit
from benchmarks.rows import Budget, Figure, Plan, Row
from benchmarks.server_rows import Serve, Store, Up, baseline, pluperfect
from benchmarks.subjects import Subject
from tools import original

T = TypeVar("T")

RUNS = 20
BASELINE_RUNS = 5
"""Runs one after the other: of this package, and of the original, each of which takes about ten seconds."""

BURST_SIZE = 100
BASELINE_BURST_SIZE = 10
"""Runs that are requested together: of this package, and of the original, whose figure is divided by its number."""

QUEUED = 1000
"""Runs of a deployment with a limit of one that are due before the run of another deployment is requested."""

DEPLOYED = 50
"""Deployments of one `prefect.yaml`."""

MAX_PAUSE_SECONDS = 1.5
"""Between two runs at most; at random, so that they do not keep step with the intervals of a worker that polls."""

TIMEOUT_SECONDS = 300.0

CODE = """
import time
from prefect import flow

@flow
def work(mark, seconds=0.0):
    with open(mark, "w") as file:
        file.write(str(time.time()))
    time.sleep(seconds)
"""

SERVES = """
from flows import work

if __name__ == "__main__":
    work.serve("served")
"""


@dataclass
class Pool:
    """A work pool, the folder of its deployments' code, and a worker; or a program that serves a deployment.

    Attributes:
        up: The server.
        folder: Where the code is, and where flows leave the time at which they began.
        worker: The process of the worker or of the program.
        values: What all its deployments have.
    """

    up: Up
    folder: Path
    worker: subprocess.Popen[bytes]
    values: dict[str, Any] = field(default_factory=dict[str, Any])
    _count: int = field(default=0, init=False)

    def deploy(self, name: str, **values: Any) -> str:
        """Create a deployment of the flow, and return its id."""
        flow = call(self.up, "POST", "/flows/", {"name": "work"})["id"]
        place = {"entrypoint": "flows.py:work", "path": str(self.folder), "work_pool_name": "bench"}
        body = {"flow_id": flow, "name": name, "enforce_parameter_schema": False, **place, **self.values, **values}
        return call(self.up, "POST", "/deployments/", body)["id"]

    def request(self, deployment: str, seconds: float = 0.0) -> tuple[str, Path]:
        """Request a run, and return its id and the file in which its flow leaves the time."""
        self._count += 1
        mark = self.folder / f"mark-{self._count}"
        body = {"parameters": {"mark": str(mark), "seconds": seconds}}
        return call(self.up, "POST", f"/deployments/{deployment}/create_flow_run", body)["id"], mark

    def wait_for_end(self, run: str) -> float:
        """Wait until a run has ended, and return when it did."""
        found = _wait(lambda: (row := call(self.up, "GET", f"/flow_runs/{run}"))["end_time"] and row)
        if found["state_type"] != "COMPLETED":
            raise RuntimeError(f"a run is {found['state']}")
        return time.time()

    def count_completed(self, deployment: str) -> int:
        """Return how many runs of a deployment are completed."""
        body: dict[str, Any] = {"deployments": {"id": {"any_": [deployment]}}}
        return call(
            self.up, "POST", "/flow_runs/count", {**body, "flow_runs": {"state": {"type": {"any_": ["COMPLETED"]}}}}
        )


@contextmanager
def run_pool(
    subject: Subject, up: Up, home: Path, kind: str = "process", variables: dict[str, str] | None = None, **options: Any
) -> Iterator[Pool]:
    """Create a pool and run a worker for it.

    Args:
        subject: Whose worker.
        up: The server.
        home: Its files.
        kind: The type of the pool.
        variables: Environment variables of the worker.
        **options: Further keys of the pool's job template.
    """
    folder = home / "code"
    folder.mkdir(parents=True)
    (folder / "flows.py").write_text(CODE)
    environment = original.variables(home / ".prefect", PREFECT_API_URL=up.url, PREFECT_LOGGING_LEVEL="ERROR")
    environment |= variables or {}
    prefect = subject.python.parent / "prefect"
    create = [prefect, "work-pool", "create", "bench", "--type", kind]
    subprocess.run(create, env=environment, check=True, stdout=subprocess.DEVNULL)
    template = call(up, "GET", "/work_pools/bench")["base_job_template"]
    call(up, "PATCH", "/work_pools/bench", {"base_job_template": {**template, **options}})
    command = [prefect, "worker", "start", "--pool", "bench"]
    with open(home / "worker.log", "wb") as log:
        worker = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=folder)
    try:
        _wait(lambda: call(up, "POST", "/work_pools/bench/workers/filter", {}))
        yield Pool(up, folder, worker)
    finally:
        _end(worker)


@contextmanager
def run_serving(subject: Subject, up: Up, home: Path) -> Iterator[tuple[Pool, str]]:
    """Run a program that serves a deployment, and yield the deployment's id too."""
    folder = home / "code"
    folder.mkdir(parents=True)
    (folder / "flows.py").write_text(CODE)
    (folder / "serves.py").write_text(SERVES)
    environment = original.variables(home / ".prefect", PREFECT_API_URL=up.url, PREFECT_LOGGING_LEVEL="ERROR")
    with open(home / "serve.log", "wb") as log:
        command = [subject.python, "serves.py"]
        program = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=folder)
    try:
        found = _wait(lambda: call(up, "POST", "/deployments/filter", {}))
        yield Pool(up, folder, program), found[0]["id"]
    finally:
        _end(program)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@dataclass(frozen=True)
class Latency:
    """Runs requested one after the other.

    Attributes:
        begun: Seconds from the request of each to the first line of its flow.
        ended: Seconds from the request until it is seen to be completed.
        cpu: CPU seconds a run, of the worker and the processes of the runs.
    """

    begun: list[float]
    ended: list[float]
    cpu: float


def measure_latency(pool: Pool, runs: int, deployment: str | None = None) -> Latency:
    """Request runs one after the other; the first one is not counted."""
    deployment = deployment or pool.deploy("one")
    generator = random.Random(1)
    begun: list[float] = []
    ended: list[float] = []
    cpu = 0.0
    for number in range(runs + 1):
        if number == 1:
            cpu = measure.read_cpu_seconds(pool.worker.pid)
        requested_at = time.time()
        run, mark = pool.request(deployment)
        _wait(lambda mark=mark: mark.exists() and mark.read_text(), 0.005)
        ended.append(pool.wait_for_end(run) - requested_at)
        begun.append(float(mark.read_text()) - requested_at)
        time.sleep(generator.uniform(0.1, MAX_PAUSE_SECONDS))
    time.sleep(1)  # its processes are reaped
    cpu = (measure.read_cpu_seconds(pool.worker.pid) - cpu) / runs
    return Latency(begun[1:], ended[1:], cpu)


def measure_many(pool: Pool, count: int) -> float:
    """Request runs together, and return how many seconds pass until all are completed."""
    deployment = pool.deploy("many")
    begun = time.time()
    for _ in range(count):
        pool.request(deployment)
    _wait(lambda: pool.count_completed(deployment) == count, 0.2)
    return time.time() - begun


def measure_queued(pool: Pool, samples: int = 5) -> list[float]:
    """Return how many seconds a run waits for its flow while runs of a deployment with a limit of one are queued."""
    limited = pool.deploy("limited", concurrency_limit=1)
    other = pool.deploy("other")
    for _ in range(QUEUED):
        pool.request(limited, 0.5)
    found: list[float] = []
    for _ in range(samples):
        requested_at = time.time()
        run, mark = pool.request(other)
        _wait(lambda mark=mark: mark.exists() and mark.read_text(), 0.005)
        found.append(float(mark.read_text()) - requested_at)
        pool.wait_for_end(run)
    return found


def _wait(find: Callable[[], Any], interval: float = 0.05) -> Any:
    """Wait until a function returns something true, and return it."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not (found := find()):
        if time.monotonic() > deadline:
            raise RuntimeError(f"nothing within {TIMEOUT_SECONDS:.0f} seconds")
        time.sleep(interval)
    return found


# --- rows ------------------------------------------------------------------------------------------------------------


def latency(plan: Plan) -> list[Row]:
    """Measure runs one after the other: notified, polling, and in processes with loaded flows."""
    pushed = _measure(plan, plan.pluperfect, pluperfect, lambda pool: measure_latency(pool, RUNS))
    warm = _measure(plan, plan.pluperfect, pluperfect, lambda pool: measure_latency(pool, RUNS), warm_processes=2)
    baseline_figures = polled = None
    if plan.baseline:
        baseline_figures = _measure(plan, plan.baseline, baseline, lambda pool: measure_latency(pool, BASELINE_RUNS))
        polled = _measure(plan, plan.pluperfect, baseline, lambda pool: measure_latency(pool, RUNS))
    other = baseline_figures.begun if baseline_figures else None
    rows = [
        _row(
            "request to flow", MILLISECONDS, pushed.begun, other, Budget("p50 at most 0.6 s", _p50(pushed.begun), 0.6)
        ),
        _row("request to flow, p95", MILLISECONDS, [_p95(pushed.begun)], other and [_p95(other)]),
        _row("request to Completed", MILLISECONDS, pushed.ended, baseline_figures and baseline_figures.ended),
        _row(
            "request to Completed, p95",
            MILLISECONDS,
            [_p95(pushed.ended)],
            baseline_figures and [_p95(baseline_figures.ended)],
        ),
        _row(
            "CPU a run",
            MILLISECONDS,
            [pushed.cpu],
            baseline_figures and [baseline_figures.cpu],
            Budget("at most 0.3 s", pushed.cpu, 0.3),
        ),
        _row(
            "request to flow, warm",
            MILLISECONDS,
            warm.begun,
            other,
            Budget("p50 at most 50 ms", _p50(warm.begun), 0.05),
        ),
        _row("CPU a run, warm", MILLISECONDS, [warm.cpu], baseline_figures and [baseline_figures.cpu]),
    ]
    if polled:
        p95 = _p95(polled.begun)
        rows += [
            _row("request to flow, polling", MILLISECONDS, polled.begun, other),
            _row(
                "request to flow, polling, p95",
                MILLISECONDS,
                [p95],
                other and [_p95(other)],
                Budget("at most 3 s", p95, 3),
            ),
            _row(
                "request to Completed, polling", MILLISECONDS, polled.ended, baseline_figures and baseline_figures.ended
            ),
        ]
    return rows


def many(plan: Plan) -> list[Row]:
    """Measure runs that are requested together."""
    mine = _measure(plan, plan.pluperfect, pluperfect, lambda pool: measure_many(pool, BURST_SIZE))
    baseline_figures = None
    if plan.baseline:
        baseline_figures = [
            _measure(plan, plan.baseline, baseline, lambda pool: measure_many(pool, BASELINE_BURST_SIZE))
            / BASELINE_BURST_SIZE
        ]
    budget = Budget(f"{BURST_SIZE} within 30 s", mine, 30)
    return [
        _row(
            f"a run of {BURST_SIZE} at once (baseline: of {BASELINE_BURST_SIZE})",
            MILLISECONDS,
            [mine / BURST_SIZE],
            baseline_figures,
            budget,
        )
    ]


def queued(plan: Plan) -> list[Row]:
    """Measure a run while those of a full deployment are queued."""
    found = _measure(plan, plan.pluperfect, pluperfect, measure_queued)
    return [
        _row(f"request to flow, {QUEUED:,} queued", MILLISECONDS, found, None, Budget("at most 1 s", max(found), 1))
    ]


def serve(plan: Plan) -> list[Row]:
    """Measure runs of a deployment that a program serves, requested one after the other."""
    mine = _measure_serving(plan, plan.pluperfect, pluperfect, RUNS)
    baseline_figures = _measure_serving(plan, plan.baseline, baseline, BASELINE_RUNS) if plan.baseline else None
    budget = Budget("p50 at most 0.6 s", _p50(mine.begun), 0.6)
    return [
        _row("request to flow, served", MILLISECONDS, mine.begun, baseline_figures and baseline_figures.begun, budget),
        _row(
            "request to flow, served, p95",
            MILLISECONDS,
            [_p95(mine.begun)],
            baseline_figures and [_p95(baseline_figures.begun)],
        ),
        _row("request to Completed, served", MILLISECONDS, mine.ended, baseline_figures and baseline_figures.ended),
        _row("CPU a run, served", MILLISECONDS, [mine.cpu], baseline_figures and [baseline_figures.cpu]),
    ]


def _measure_serving(plan: Plan, subject: Subject, start: Serve, runs: int) -> Latency:
    home = plan.scratch / f"serve-{time.monotonic_ns()}"
    with (
        start(home / "server", Store("SQLite")) as up,
        run_serving(subject, up, home / "program") as (pool, deployment),
    ):
        return measure_latency(pool, runs, deployment)


def deploy_all(plan: Plan) -> list[Row]:
    """Measure `prefect deploy --all`: of new deployments, and of the same ones again."""
    mine = _measure_deploying(plan, plan.pluperfect, pluperfect)
    baseline_figures = _measure_deploying(plan, plan.baseline, baseline) if plan.baseline else [None, None]
    rows: list[Row] = []
    for title, own, other in zip(("new", "again"), mine, baseline_figures, strict=True):
        name = f"prefect deploy --all, {DEPLOYED} deployments, {title}"
        rows.append(_row(name, SECONDS, [own.wall], other and [other.wall]))
        rows.append(_row(f"{name}, CPU of the command", SECONDS, [own.cpu], other and [other.cpu]))
    return rows


def _measure_deploying(plan: Plan, subject: Subject, start: Serve) -> list[measure.Sample]:
    home = plan.scratch / f"deploy-{time.monotonic_ns()}"
    folder = home / "project"
    folder.mkdir(parents=True)
    (folder / "flows.py").write_text(CODE)
    lines = [
        f"- {{name: d{number}, entrypoint: 'flows.py:work', work_pool: {{name: bench}}}}" for number in range(DEPLOYED)
    ]
    (folder / "prefect.yaml").write_text("deployments:\n" + "\n".join(lines) + "\n")
    with start(home / "server", Store("SQLite")) as up:
        environment = original.variables(home / ".prefect", PREFECT_API_URL=up.url, PREFECT_LOGGING_LEVEL="ERROR")
        call(up, "POST", "/work_pools/", {"name": "bench", "type": "process"})
        command = [subject.python.parent / "prefect", "--no-prompt", "deploy", "--all"]
        samples = [measure.run(command, environment, folder) for _ in range(2)]
        if (found := call(up, "POST", "/deployments/count", {})) != DEPLOYED:
            raise RuntimeError(f"there are {found} deployments")
    return samples


MEASURED = (latency, serve, many, queued, deploy_all)


def all_rows(plan: Plan, only: str = "") -> Iterator[Row]:
    """Measure the rows of deployments, or those of functions whose name contains `only`."""
    for measured in MEASURED:
        if only in measured.__name__ or only in "deployments":
            plan.report_progress(f"deployments, {measured.__name__}")
            yield from measured(plan)


def _measure(plan: Plan, subject: Subject, serve: Serve, measure_pool: Callable[[Pool], T], **options: Any) -> T:
    """Measure with a new server, pool and worker."""
    home = plan.scratch / f"deployments-{time.monotonic_ns()}"
    with serve(home / "server", Store("SQLite")) as up, run_pool(subject, up, home / "worker", **options) as pool:
        return measure_pool(pool)


def _row(name: str, unit: Unit, mine: list[float], baseline_figures: list[float] | None, *budgets: Budget) -> Row:
    other = Figure(Series(tuple(baseline_figures))) if baseline_figures else None
    return Row(f"deployment: {name}", unit, Figure(Series(tuple(mine))), other, None, budgets)


def _p50(values: list[float]) -> float:
    return statistics.median(values)


def _p95(values: list[float]) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * 0.95))]
