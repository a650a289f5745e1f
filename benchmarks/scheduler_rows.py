"""Rows of the scheduler: a pass that creates the first runs of all deployments, and one when nothing has changed."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks import measure
from benchmarks.api_calls import call
from benchmarks.measure import SECONDS, Series
from benchmarks.rows import Budget, Figure, Plan, Row
from tools import original

DEPLOYMENTS = 10_000
BASELINE_DEPLOYMENTS = 300
"""How many the original gets, whose figures are multiplied: creating them takes it a third of a second each."""

RUNS_EACH = 3
"""How many runs of an hourly schedule there are ahead."""

UNCHANGED_SECONDS = 20
BASELINE_LOOP_SECONDS = 5
"""For how long the original is watched when nothing has changed, and how often its scheduler passes then."""

TIMEOUT_SECONDS = 300

HOURLY = {"schedule": {"interval": 3600.0, "timezone": "UTC", "anchor_date": "2026-01-01T00:00:00Z"}}


@dataclass(frozen=True)
class _Address:
    url: str


def passes(plan: Plan) -> list[Row]:
    """Measure the CPU of the scheduler's passes."""
    home = plan.scratch / f"scheduler-{time.monotonic_ns()}"
    script = Path(__file__).with_name("scheduler_passes.py")
    command = [sys.executable, script, json.dumps(HOURLY), str(DEPLOYMENTS)]
    done = subprocess.run(command, env=original.variables(home), check=True, stdout=subprocess.PIPE, text=True)
    mine: dict[str, float] = json.loads(done.stdout.splitlines()[-1].removeprefix("BENCH "))
    baseline_figures = _measure_baseline(plan) if plan.baseline else {}
    return [
        _row(
            "first pass", mine["first"], baseline_figures.get("first"), Budget("at most 1 s of CPU", mine["first"], 1)
        ),
        _row(
            "pass, none changed",
            mine["second"],
            baseline_figures.get("second"),
            Budget("at most 1 s", mine["second"], 1),
        ),
    ]


def _measure_baseline(plan: Plan) -> dict[str, float]:
    """Return the CPU of the original's server for its passes, as if it had `DEPLOYMENTS` deployments."""
    home = plan.scratch / f"scheduler-baseline-{time.monotonic_ns()}"
    prefix = "PREFECT_SERVER_SERVICES_SCHEDULER"
    with original.server(home, **{f"{prefix}_ENABLED": "false"}) as (url, _):
        up = _Address(url)
        flow = call(up, "POST", "/flows/", {"name": "bench"})["id"]
        for number in range(BASELINE_DEPLOYMENTS):
            body = {"flow_id": flow, "name": f"d{number}", "schedules": [{**HOURLY, "active": True}]}
            call(up, "POST", "/deployments/", body)
    with original.server(home, **{f"{prefix}_LOOP_SECONDS": str(BASELINE_LOOP_SECONDS)}) as (url, process):
        up = _Address(url)
        begun = measure.read_cpu_seconds(process.pid)
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while call(up, "POST", "/flow_runs/count", {}) < RUNS_EACH * BASELINE_DEPLOYMENTS:
            if time.monotonic() > deadline:
                raise RuntimeError("the original has not created the runs")
            time.sleep(0.5)
        first = measure.read_cpu_seconds(process.pid) - begun
        time.sleep(BASELINE_LOOP_SECONDS)
        begun = measure.read_cpu_seconds(process.pid)
        time.sleep(UNCHANGED_SECONDS)
        second = (measure.read_cpu_seconds(process.pid) - begun) * BASELINE_LOOP_SECONDS / UNCHANGED_SECONDS
    scale = DEPLOYMENTS / BASELINE_DEPLOYMENTS
    return {"first": first * scale, "second": second * scale}


def all_rows(plan: Plan, only: str = "") -> list[Row]:
    """Measure the rows of the scheduler, if their name contains `only`."""
    if only not in "scheduler passes":
        return []
    plan.report_progress("scheduler passes")
    return passes(plan)


def _row(name: str, mine: float, baseline_figures: float | None, budget: Budget) -> Row:
    other = None if baseline_figures is None else Figure(Series((baseline_figures,)))
    return Row(
        f"scheduler: {name}, {DEPLOYMENTS:,} deployments", SECONDS, Figure(Series((mine,))), other, None, (budget,)
    )
