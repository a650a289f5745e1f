"""Formats figures as tables."""

from collections.abc import Sequence
from typing import Any

from benchmarks.measure import Series, Unit
from benchmarks.rows import Figure, Row


def render(rows: Sequence[Row]) -> str:
    """Format wall and CPU time of both packages, their ratio, and the floor."""
    lines = [("", "pluperfect", "CPU", "baseline", "CPU", "server CPU", "ratio", "of CPU", "floor")]
    for row in rows:
        ratios = _times(row.ratio), _times(row.cpu_ratio)
        floor = _show(row.floor, row.unit)
        lines.append(
            (row.name, *_pair(row.pluperfect, row.unit), *_pair(row.baseline, row.unit), _server(row), *ratios, floor)
        )
    return aligned(lines)


def render_peers(rows: Sequence[tuple[str, str, Unit, Series]]) -> str:
    """Format the figures of other systems."""
    lines = [("the same tasks elsewhere", "", "")]
    lines += [(system, what, series.show(unit)) for system, what, unit, series in rows]
    return "\n" + aligned(lines)


def verdicts(rows: Sequence[Row]) -> str:
    """Format PASS or MISS for each budget."""
    lines = [("budget", "", "measured", "")]
    for row in rows:
        for budget in row.budgets:
            verdict = "PASS" if budget.kept else "MISS"
            lines.append((row.name, budget.text, f"{budget.value:.3g}", verdict))
    return "\n" + aligned(lines)


def plain(row: Row) -> dict[str, Any]:
    """Convert a row to JSON values."""

    def figure(each: Figure | None) -> dict[str, Any] | None:
        if each is None:
            return None
        found = {"wall": each.wall, "cpu": each.cpu, "server_cpu": each.server_cpu}
        return {name: list(series.values) for name, series in found.items() if series}

    budgets = [{"text": each.text, "value": each.value, "kept": each.kept} for each in row.budgets]
    floor = list(row.floor.values) if row.floor else None
    return {"pluperfect": figure(row.pluperfect), "baseline": figure(row.baseline), "floor": floor, "budgets": budgets}


def _pair(figure: Figure | None, unit: Unit) -> tuple[str, str]:
    if figure is None:
        return "-", "-"
    return _show(figure.wall, unit), unit.show(figure.cpu.median) if figure.cpu else "-"


def _server(row: Row) -> str:
    served = row.baseline.server_cpu if row.baseline else None
    return row.unit.show(served.median) if served else "-"


def _times(ratio: float | None) -> str:
    return "-" if ratio is None else f"{ratio:.0f} x" if ratio >= 10 else f"{ratio:.1f} x"


def _show(series: Series | None, unit: Unit) -> str:
    return series.show(unit) if series else "-"


def aligned(lines: Sequence[tuple[str, ...]]) -> str:
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    text = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    text.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(text)
