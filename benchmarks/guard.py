"""Short benchmark: measures this package only, with limits that only a real regression exceeds.

The limits are several times the budgets, because a shared machine can be several times slower than itself.
"""

from benchmarks import rows, table
from benchmarks.rows import Plan, Row

LIMITS = {
    "import, flow and task used": 3.0,
    "first flow of three tasks, fresh home": 10.0,
    "task, one after the other": 600e-6,
    ".map over 10,000, a task": 1200e-6,
    "subflow call": 10e-3,
    "empty flow": 10e-3,
}
"""Limits in seconds, except the first two, which are multiples of their floor."""


def main(plan: Plan) -> int:
    """Measure, print, and return 1 if a limit is exceeded."""
    measured = (rows.imports, rows.first_flow, rows.sequential, rows.mapped, rows.subflows, rows.empty_flow)
    found = [measure(plan) for measure in measured]
    print(table.render(found))
    over = [
        f"{row.name}: {figure:.3g}, more than {LIMITS[row.name]:.3g}"
        for row in found
        if (figure := get_figure(row)) > LIMITS[row.name]
    ]
    print("\n".join(over) or "every figure is within its generous limit")
    return bool(over)


def get_figure(row: Row) -> float:
    """Return the figure that is compared with the limit."""
    median = row.pluperfect.wall.median
    return median / row.floor.median if row.floor and row.name.startswith(("import", "first")) else median
