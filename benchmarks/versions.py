"""`--against CHECKOUT`: this version and another one in turns, on the rows of the engine and requests to a server."""

from collections.abc import Iterator, Sequence

from benchmarks import rows, server_rows, table
from benchmarks.measure import CommandFailed, Series
from benchmarks.rows import Figure, Plan, Row
from benchmarks.server_rows import Store, Up

SLOWER_LIMIT = 0.05
"""By what part of the baseline a row may be slower."""

LOAD_SECONDS = 3.0
"""Seconds of load per sample."""

REQUESTS = {
    "create": "creating a flow run",
    "states": "creating it and setting its states",
    "read": "reading a flow run",
}


def main(plan: Plan, only: str) -> int:
    """Print the figures of both versions and their differences; return 1 if a row is slower than the limit allows."""
    found, missing = engine(plan, only)
    if only in "server: requests":
        found += requests(plan)
    plan.report_progress("")
    print(table.render(found))
    text, slower = differences(found)
    print(text)
    for name in missing:
        print(f"{name}: not measured, the other version fails at it")
    return 1 if slower else 0


def engine(plan: Plan, only: str) -> tuple[list[Row], list[str]]:
    """Measure the rows of the engine; return them, and the names of those that the baseline cannot run."""
    assert plan.baseline is not None
    found: list[Row] = []
    missing: list[str] = []
    for name, measured in rows.find(only):
        plan.report_progress(name)
        try:
            row = measured(plan)
        except CommandFailed as error:
            if error.program.parent != plan.baseline.python.parent:
                raise
            missing.append(name)
            continue
        if row.baseline:
            found.append(row)
    return found, missing


def requests(plan: Plan) -> Iterator[Row]:
    """Measure requests to two servers on SQLite, which run side by side and get the load in turns."""
    assert plan.baseline is not None
    plan.report_progress("requests")
    store = Store("SQLite")
    homes = (plan.scratch / "server-pluperfect", plan.scratch / "server-baseline")
    samples: dict[str, dict[str, list[dict[str, float]]]] = {what: {} for what in REQUESTS}
    with (
        server_rows.pluperfect(homes[0], store) as mine,
        server_rows.pluperfect(homes[1], store, plan.baseline.python) as other,
    ):
        servers: dict[str, Up] = {"pluperfect": mine, "baseline": other}
        for up in servers.values():
            server_rows.load(up, "states", 1, 1.0)  # warm up
        for what in REQUESTS:
            for _ in range(plan.rounds):
                for name, up in servers.items():
                    samples[what].setdefault(name, []).append(server_rows.load(up, what, 1, LOAD_SECONDS))
    for what, text in REQUESTS.items():
        figures = {name: _figure(found) for name, found in samples[what].items()}
        yield Row(f"server: {text}, a request", rows.MICROSECONDS, figures["pluperfect"], figures["baseline"])


def _figure(samples: Sequence[dict[str, float]]) -> Figure:
    walls, cpus = (Series(tuple(sample[name] / sample["requests"] for sample in samples)) for name in ("wall", "cpu"))
    return Figure(walls, cpus)


def differences(found: Sequence[Row]) -> tuple[str, list[str]]:
    """Format by how much each row is slower than the baseline; return that and the names of those above the limit."""
    lines: list[tuple[str, ...]] = [("slower by", "wall", "CPU", "")]
    slower: list[str] = []
    for row in found:
        assert row.baseline is not None
        pairs = ((row.pluperfect.wall, row.baseline.wall), (row.pluperfect.cpu, row.baseline.cpu))
        changes = [mine.median / other.median - 1 if mine and other else 0.0 for mine, other in pairs]
        if max(changes) > SLOWER_LIMIT:
            slower.append(row.name)
        lines.append((row.name, *(f"{change:+.1%}" for change in changes), "SLOWER" if row.name in slower else ""))
    return "\n" + table.aligned(lines), slower
