"""`make bench`: measure this package and the original (the baseline) in turns, and compare with the budgets.

python -m benchmarks             pluperfect, baseline, the ratio; installs the original under .cache/ at the first run
python -m benchmarks --short     pluperfect only, fewer samples, and a generous limit on each figure (for CI)
python -m benchmarks --peers     and Dask distributed and DBOS on the same tasks
python -m benchmarks --against CHECKOUT   pluperfect and another version of it, on the rows of the engine and requests
"""

import argparse
import json
import os
import platform
import sys
import traceback
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path

from benchmarks import (
    cluster_rows,
    container_rows,
    deployment_rows,
    guard,
    measure,
    page_rows,
    peers,
    reaction_rows,
    rows,
    scheduler_rows,
    server_rows,
    slot_rows,
    subjects,
    table,
    versions,
)
from tools import original

SAVED = original.CACHE / "bench.json"

GROUPS: dict[str, Callable[[rows.Plan, str], Iterable[rows.Row]]] = {
    "engine": rows.all_rows,
    "server": server_rows.all_rows,
    "reaction": reaction_rows.all_rows,
    "slot": slot_rows.all_rows,
    "cluster": cluster_rows.all_rows,
    "deployment": deployment_rows.all_rows,
    "container": container_rows.all_rows,
    "scheduler": scheduler_rows.all_rows,
    "page": page_rows.all_rows,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="this package only, few samples, generous limits")
    parser.add_argument("--peers", action="store_true", help="also Dask distributed and DBOS")
    parser.add_argument("--rounds", type=int, default=9, help="samples of each of our figures (default: 9)")
    parser.add_argument("--against", type=Path, help="a checkout of another version, with a .venv, as the baseline")
    parser.add_argument("--only", default="", help="only the rows whose name contains this")
    options = parser.parse_args()

    measure.adopt_orphans()
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(subjects.folder()))
        pluperfect = subjects.this(scratch)
        if options.short:
            return guard.main(rows.Plan(pluperfect, None, None, scratch, 3, report_progress))
        if options.against:
            other = subjects.version(scratch, options.against.resolve())
            plan = rows.Plan(pluperfect, other, other, scratch, options.rounds, report_progress, against_version=True)
            return versions.main(plan, options.only)
        original.python()
        address, server = stack.enter_context(original.server(scratch / "server"))
        baseline = subjects.served(scratch, address, server.pid)
        plan = rows.Plan(pluperfect, baseline, subjects.alone(scratch), scratch, options.rounds, report_progress)
        quiet = measure.noise()
        found, failed = measure_all(plan, options.only)
        others = list(peers.all_rows(plan)) if options.peers else []
    report_progress("")
    head(quiet)
    print(table.render(found))
    if others:
        print(table.render_peers(others))
    print(table.verdicts(found))
    save(found)
    for group, error in failed:
        print(f"\nThe rest of the {group} rows was not measured:\n{error}", file=sys.stderr)
    return 1 if failed else 0


def measure_all(plan: rows.Plan, only: str) -> tuple[list[rows.Row], list[tuple[str, str]]]:
    """Measure group after group; a group that fails keeps none of the others from being measured.

    Returns:
        The rows, and the groups that failed with their tracebacks.
    """
    found: list[rows.Row] = []
    failed: list[tuple[str, str]] = []
    for name, measure_rows in GROUPS.items():
        try:
            for row in measure_rows(plan, only):
                found.append(row)
        except Exception:
            failed.append((name, traceback.format_exc()))
    return found, failed


def head(quiet: measure.Series) -> None:
    """Print the machine and the method of the measurement."""
    spread = (max(quiet.values) - min(quiet.values)) / quiet.median
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}.", end=" ")
    print(f"Noise: a fixed piece of work varied by {spread:.0%} around its median.")
    print("Median (least..most). Both packages ran in turns; CPU includes child processes. The baseline has a running")
    print("server, whose CPU is a separate column; only in the first-flow rows it starts its own.\n")


def report_progress(what: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\033[K{f'measuring {what} ...' if what else ''}", end="", file=sys.stderr, flush=True)
    elif what:
        print(f"measuring {what}", file=sys.stderr, flush=True)


def save(found: list[rows.Row]) -> None:
    """Save the figures for a comparison of two runs."""
    SAVED.parent.mkdir(exist_ok=True)
    SAVED.write_text(json.dumps({row.name: table.plain(row) for row in found}, indent=1) + "\n")
    print(f"\nFigures: {SAVED.relative_to(original.ROOT)}")


if __name__ == "__main__":
    sys.exit(main())
