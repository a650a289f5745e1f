"""Other systems with the same task workload, each in its own virtual environment under `.cache/`."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import MICROSECONDS, Series, Unit
from benchmarks.rows import MAPPED, Plan
from tools import original

PEERS = {
    "Dask distributed": ("dask", ("distributed",), "dask_tasks.py", MAPPED),
    "DBOS on SQLite": ("dbos", ("dbos",), "dbos_tasks.py", 500),
}
"""Name to environment, requirements, program and number of tasks."""

ROUNDS = 3


def all_rows(plan: Plan) -> Iterator[tuple[str, str, Unit, Series]]:
    """Figures of one system and workload."""
    for name, (environment, requirements, program, count) in PEERS.items():
        plan.report_progress(name)
        python = original.environment(environment, requirements)
        found: dict[str, list[float]] = {}
        for number in range(ROUNDS):
            folder = plan.scratch / f"{environment}-{number}"
            folder.mkdir()
            for what, seconds in _run(python, program, count, folder).items():
                found.setdefault(what, []).append(seconds / count)
        for what, values in found.items():
            yield name, what, MICROSECONDS, Series(tuple(values))


def _run(python: Path, program: str, count: int, folder: Path) -> dict[str, float]:
    command = [python, Path(__file__).parent / "programs" / program, str(count)]
    done = subprocess.run(command, cwd=folder, env=original.variables(folder), capture_output=True, text=True)
    lines = [line for line in done.stdout.splitlines() if line.startswith("BENCH ")]
    if done.returncode != 0 or not lines:
        raise RuntimeError(f"{program} ended with exit code {done.returncode}:\n{done.stderr[-2000:]}")
    return json.loads(lines[-1].removeprefix("BENCH "))
