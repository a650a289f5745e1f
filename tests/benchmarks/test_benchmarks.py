"""The benchmark measures correctly, and distinguishes PASS from MISS."""

import dataclasses
import os
import re
import sys
from pathlib import Path

import pytest

from benchmarks import floors, guard, measure, rows, subjects, table, versions
from benchmarks.measure import MICROSECONDS, MILLISECONDS, Series

BURN = "sum(i * i for i in range(3_000_000))"


def row(pluperfect: float, baseline: float | None = None, *budgets: rows.Budget) -> rows.Row:
    figure = rows.Figure(Series((baseline,))) if baseline is not None else None
    return rows.Row("name", MILLISECONDS, rows.Figure(Series((pluperfect,))), figure, None, budgets)


def test_measure_includes_cpu_of_children(tmp_path: Path):
    alone = measure.run([sys.executable, "-c", BURN], os.environ, tmp_path)
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {BURN!r}])"
    with_child = measure.run([sys.executable, "-c", child], os.environ, tmp_path)
    assert with_child.cpu > alone.cpu * 0.7
    assert alone.wall > 0


def test_measure_reads_printed_facts(tmp_path: Path):
    command = [sys.executable, "-c", "print('other'); print('BENCH {\"wall\": 2}')"]
    assert measure.run(command, os.environ, tmp_path).facts == {"wall": 2}


def test_failed_program_error_has_its_output(tmp_path: Path):
    with pytest.raises(RuntimeError, match="this one"):
        measure.run([sys.executable, "-c", "raise ValueError('this one')"], os.environ, tmp_path)


def test_units_depend_on_the_value():
    assert MICROSECONDS.show(12e-6) == "12 µs"
    assert MICROSECONDS.show(0.05) == "50 ms"
    assert Series((12.0, 11.0, 14.0)).show(MILLISECONDS) == "12 s (11..14)"


def test_budget_verdicts():
    at_most, at_least = rows.Budget("", 2.0, 1.0), rows.Budget("", 2.0, 1.0, at_least=True)
    assert (at_most.kept, at_least.kept) == (False, True)
    shown = table.verdicts([row(1, 2, at_most, at_least)])
    assert (shown.count("MISS"), shown.count("PASS")) == (1, 1)


def test_ratio_is_speedup():
    assert row(0.5, 10.0).ratio == 20
    assert row(0.5).ratio is None
    assert "20 x" in table.render([row(0.5, 10.0)])


def test_differences_name_the_rows_that_are_slower_than_the_limit_allows():
    quick, slow = row(1.04, 1.0), dataclasses.replace(row(1.06, 1.0), name="slow one")
    text, slower = versions.differences([quick, slow])
    assert slower == ["slow one"]
    assert "+6.0%" in text and text.count("SLOWER") == 1


def test_another_version_gets_samples_of_the_same_number_and_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    calls: list[tuple[str, int]] = []

    def program(self: subjects.Subject, name: str, *arguments: int, home: Path | None = None) -> measure.Sample:
        calls.append((self.name, arguments[0]))
        return measure.Sample(1.0, 1.0, {"wall": 1.0, "cpu_before": 0.0})

    monkeypatch.setattr(subjects.Subject, "program", program)
    other = subjects.version(tmp_path, tmp_path)
    plan = rows.Plan(subjects.this(tmp_path), other, other, tmp_path, 3, print, against_version=True)
    rows.per_task(plan, "", "sequential", 5_000, 100, None)
    assert calls == [("pluperfect", 5_000), ("baseline", 5_000)] * 3


def test_cpu_ratio_includes_server_cpu():
    pluperfect, baseline, server = Series((1.0,)), Series((4.0,)), Series((6.0,))
    measured = rows.Row("", MILLISECONDS, rows.Figure(pluperfect, pluperfect), rows.Figure(baseline, baseline, server))
    assert (measured.ratio, measured.cpu_ratio) == (4, 10)


def test_floors_are_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(floors, "CALLS", 1000)
    monkeypatch.setattr(floors, "ROWS", 2000)
    assert 0 < floors.bare_call(1).median < floors.batched_row(tmp_path, 1).median < 1


def test_guard_rows_exist():
    measured = {"import, flow and task used", "first flow of three tasks, fresh home", "empty flow"}
    assert measured <= guard.LIMITS.keys()


PUBLIC = ("artifacts", "blocks.system", "concurrency.sync", "variables")
"""Modules of the interface that programs import."""


@pytest.mark.parametrize(
    "program", sorted(path.stem for path in (Path(rows.__file__).parent / "programs").glob("*.py"))
)
def test_programs_use_the_interface_only(program: str):
    """A program that uses more than the interface could not run with the original."""
    text = (Path(rows.__file__).parent / "programs" / f"{program}.py").read_text()
    imported = re.findall(r"^(?:from|import) (prefect[\w.]*)", text, re.M)
    assert set(imported) <= {"prefect", *(f"prefect.{name}" for name in PUBLIC)}
