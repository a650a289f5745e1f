"""Rows of task runs on clusters of Dask and Ray, beside bare tasks of the same cluster in the same process.

Ray is measured where `make ray` has installed it. The original runs the same program with its integrations.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from benchmarks.measure import MILLISECONDS, Series
from benchmarks.rows import Budget, Figure, Plan, Row
from benchmarks.subjects import Subject
from tools import original

COUNT, BASELINE_COUNT = 500, 100
PARTS = ("one after the other", "mapped")
MAX_OVERHEAD_MS, MAX_OVERHEAD_TIMES = 1.5, 2.0
"""How much more a task run may take than a bare task: the larger of both."""
RAY_PYTHON = original.CACHE / "venv-ray" / "bin" / "python"


def all_rows(plan: Plan, only: str = "") -> Iterator[Row]:
    """Measure the rows of the clusters whose names contain `only`."""
    for cluster, python in (("dask", plan.pluperfect.python), ("ray", RAY_PYTHON)):
        if only in f"{cluster} task runs" and python.exists():
            plan.report_progress(f"{cluster} task runs")
            yield from _measure(plan, cluster, python)


def _measure(plan: Plan, cluster: str, python: Path) -> Iterator[Row]:
    own = _run(replace(plan.pluperfect, python=python), cluster, COUNT)
    baseline = None
    if plan.baseline is not None:
        installed = original.environment(f"original-{cluster}", (*original.REQUIREMENTS, f"prefect-{cluster}"))
        baseline = _run(replace(plan.baseline, python=installed), cluster, BASELINE_COUNT)
    for part in PARTS:
        bare, runs = own["bare", part].wall, own["task runs", part].wall
        limit = max(MAX_OVERHEAD_MS, MAX_OVERHEAD_TIMES * bare.median * 1e3)
        overhead = (runs.median - bare.median) * 1e3
        text = f"at most {limit:.2g} ms over a bare one: {MAX_OVERHEAD_MS} ms or {MAX_OVERHEAD_TIMES:g} x"
        name = f"task on {cluster.capitalize()}, {part}"
        baseline_seconds = baseline["task runs", part] if baseline is not None else None
        yield Row(name, MILLISECONDS, own["task runs", part], baseline_seconds, bare, (Budget(text, overhead, limit),))


def _run(subject: Subject, cluster: str, count: int) -> dict[tuple[str, str], Figure]:
    """Return the figures of a task, bare and as a task run, of each part."""
    facts = subject.program("cluster_tasks", cluster, count, home=subject.fresh()).facts
    found: dict[tuple[str, str], Figure] = {}
    for kind in ("bare", "task runs"):
        for part in PARTS:
            walls, cpus = zip(*(one_round[part] for one_round in facts[kind]), strict=True)
            found[kind, part] = Figure(Series(walls), Series(cpus))
    return found
