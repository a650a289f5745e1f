"""Rows of slots and of background tasks with a server: our client and server, and the original's."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from benchmarks import rows
from benchmarks.measure import MILLISECONDS, Series
from benchmarks.rows import Budget, Figure, Plan, Row
from benchmarks.server_rows import Store, pluperfect
from benchmarks.subjects import Subject

DELAYED = 50
"""Background tasks that are submitted, one after the other."""

DELAYED_BY_BASELINE = 20


def served_slots(plan: Plan) -> list[Row]:
    """Measure a slot that nobody else wants, and one that many wait for."""
    free = rows.per_task(plan, "slot of a limit, taken and released, with a server", "slots", 200, 20, None)
    wanted = rows.per_task(
        plan, "slot held for 50 ms, 20 threads over 2 slots, with a server", "contended_slots", 20, 20, None
    )
    at_most = Budget("at most 5 ms", free.pluperfect.wall.median * 1e3, 5)
    in_time = Budget("20 in less than a second", wanted.pluperfect.wall.median * 20, 1)
    return [
        rows.with_budgets(free, *rows.faster(free, 5), at_most),
        rows.with_budgets(wanted, *rows.faster(wanted, 5), in_time),
    ]


def served_background_tasks(plan: Plan) -> list[Row]:
    """Measure the time from `delay` to the start of the task in a worker that waits for it."""
    mine = _delays(plan.pluperfect, DELAYED)
    other = _delays(plan.baseline, DELAYED_BY_BASELINE) if plan.baseline else None
    found: list[Row] = []
    for position, (text, limit) in enumerate((("p50", 50.0), ("p95", 100.0))):
        budgets = [Budget(f"at most {limit:g} ms", mine[position] * 1e3, limit)]
        baseline_figure = None
        if other is not None:
            baseline_figure = Figure(Series((other[position],)))
            ratio = other[position] / mine[position]
            budgets.append(Budget("at least 5 x faster than the original", ratio, 5, at_least=True))
        figure = Figure(Series((mine[position],)))
        name = f"background task, delay to start, with a server, {text}"
        found.append(Row(name, MILLISECONDS, figure, baseline_figure, None, tuple(budgets)))
    return found


def _delays(subject: Subject, count: int) -> tuple[float, float]:
    """Return the median and the 95th percentile."""
    facts = subject.program("delayed", count).facts
    return facts["wall"] / count, facts["p95"]


def all_rows(plan: Plan, only: str = "") -> list[Row]:
    """Measure the rows whose name contains `only`."""
    chosen = [each for each in (served_slots, served_background_tasks) if only in each.__name__.replace("_", " ")]
    if not chosen:
        return []
    found: list[Row] = []
    with pluperfect(plan.scratch / "served-slots", Store("SQLite")) as up:
        served = Subject("pluperfect-served", Path(sys.executable), plan.scratch, up.pid, {"PREFECT_API_URL": up.url})
        for each in chosen:
            plan.report_progress(each.__name__.replace("_", " "))
            found += each(replace(plan, pluperfect=served))
    return found
