"""Rows of the server: this package's and the original's, on SQLite and on PostgreSQL, with the same clients."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import measure
from benchmarks.measure import KIB, MEGABYTES, MICROSECONDS, MILLISECONDS, SECONDS, Series, Unit
from benchmarks.rows import Budget, Figure, Plan, Row
from benchmarks.subjects import PROGRAMS, Subject
from tests.postgres import Postgres
from tools import original, serving

TASKS = 1000
"""Task runs of the flow that measures recording."""

STORED = 100_000
"""Flow runs in the store during the measurement of reads."""

LOAD = 5.0
"""Seconds of load per figure."""

SOAK_REQUESTS = 100_000
"""Requests of the soak test, which reads the server's memory after each `SOAK_STEP` requests."""

SOAK_STEP = 10_000

FEW = 10
"""Task runs of the flow that is subtracted, so that the rows of the flow run itself do not count."""

READERS = 8
"""Concurrent connections for reads."""

WRITERS = {"SQLite": 1, "PostgreSQL": 8}
"""Concurrent connections for writes: with several, the original's server on SQLite fails most requests."""

EMPTY = 100
"""Sequential empty flows that are run with a server."""


@dataclass(frozen=True)
class Store:
    """Database of a server.

    Attributes:
        name: The kind of database.
        postgres: The PostgreSQL that it is in; None for the SQLite file in the server's home.
    """

    name: str
    postgres: Postgres | None = None

    @property
    def variables(self) -> dict[str, str]:
        """Environment variables of a server that uses this database."""
        return {"PREFECT_SERVER_DATABASE_CONNECTION_URL": self.postgres.url("measured")} if self.postgres else {}


@dataclass(frozen=True)
class Up:
    """A running server.

    Attributes:
        url: The address of its API.
        pid: Its process.
        started: Seconds from its start to the first healthy answer.
        home: Its home directory.
        store: The database of the server.
    """

    url: str
    pid: int
    started: float
    home: Path
    store: Store


Serve = Callable[[Path, Store], AbstractContextManager[Up]]


@contextmanager
def pluperfect(home: Path, store: Store, python: str | Path = sys.executable) -> Iterator[Up]:
    """This package's server, or that of another version, which an interpreter has."""
    served = serving.Served(home, None, python=python, **store.variables)
    begun = time.perf_counter()
    try:
        served.start()
        assert served.process is not None
        yield Up(served.url, served.process.pid, time.perf_counter() - begun, home, store)
    finally:
        served.stop()


@contextmanager
def baseline(home: Path, store: Store) -> Iterator[Up]:
    """The original's server."""
    begun = time.perf_counter()
    with original.server(home, **store.variables) as (url, process):
        yield Up(url, process.pid, time.perf_counter() - begun, home, store)


def _resident(up: Up) -> float:
    """Return the resident memory of a server and its processes in megabytes."""
    total = 0
    for pid in (up.pid, *measure.descendants(up.pid)):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                total += int(line.split()[1])
    return total / 1024 * 1.048576


# --- rows ------------------------------------------------------------------------------------------------------------


def server_start(plan: Plan) -> list[Row]:
    """Measure the time from an empty home to the first healthy response, and the memory at that time."""
    starts: dict[str, list[float]] = {"pluperfect": [], "baseline": []}
    memory: dict[str, list[float]] = {"pluperfect": [], "baseline": []}
    for number in range(max(2, plan.rounds // 3)):
        for name, serve in _both(plan):
            with serve(_fresh(plan, f"{name}-start-{number}"), Store("SQLite")) as up:
                starts[name].append(up.started)
                _settle(up)
                memory[name].append(_resident(up))
    rows = [_row("server: empty home to healthy", SECONDS, starts), _row("server: memory when idle", MEGABYTES, memory)]
    return [
        _with(rows[0], Budget("at most 1.5 s", rows[0].pluperfect.wall.median, 1.5), _times(rows[0], 8)),
        _with(rows[1], Budget("at most 80 MB", rows[1].pluperfect.wall.median, 80)),
    ]


def recorded_tasks(plan: Plan) -> list[Row]:
    """Measure the server's cost of a no-op task run, and the delay until all are visible.

    Both servers receive the events of the original's client. This package's server also receives the records of its own
    client, and is then compared with the same figures of the original.
    """
    rows: list[Row] = []
    for kind in _STORES:
        other = _recorded(plan, kind, baseline, plan.baseline) if plan.baseline else None
        for client, owner, limit in (
            (plan.baseline, "the original's client", 0.5),
            (plan.pluperfect, "our client", 0.2),
        ):
            if client is not None:
                rows += _recording_rows(f"{kind}, {owner}", limit, _recorded(plan, kind, pluperfect, client), other)
    return rows


@dataclass(frozen=True)
class _Recorded:
    """Return the cost of recording per task run, and the time until all were visible."""

    cpu: float
    database_cpu: float
    seen: float
    rows: float
    kib: float


def _recorded(plan: Plan, kind: str, serve: Serve, client: Subject) -> _Recorded:
    with _store(kind) as store, serve(_fresh(plan, "tasks"), store) as up:
        _flow(client, up, FEW)
        _settle(up)
        stored = [_stored(up)]
        _flow(client, up, FEW)
        _settle(up)
        stored.append(_stored(up))
        cpu, database_cpu = measure.read_cpu_seconds(up.pid), _database_cpu(store)
        ended = _flow(client, up, TASKS)
        seen = _wait_for(up, 2 * FEW + TASKS, ended)
        _settle(up)
        cpu, database_cpu = measure.read_cpu_seconds(up.pid) - cpu, _database_cpu(store) - database_cpu
        stored.append(_stored(up))
        rows, kib = ((many - few - (few - before)) / (TASKS - FEW) for before, few, many in zip(*stored, strict=True))
        return _Recorded(cpu / TASKS, database_cpu / TASKS, seen, rows, kib)


def _recording_rows(how: str, limit: float, mine: _Recorded, other: _Recorded | None) -> list[Row]:
    def row(text: str, unit: Unit, value: Callable[[_Recorded], float], *budgets: Budget) -> Row:
        figures = [Figure(Series((value(found),))) if found else None for found in (mine, other)]
        assert figures[0] is not None
        return Row(f"server: {text}, {how}", unit, figures[0], figures[1], None, budgets)

    rows = [
        row(
            "CPU a task run",
            MICROSECONDS,
            lambda found: found.cpu,
            Budget(f"at most {limit} ms", mine.cpu * 1e3, limit),
        ),
        row(f"until {TASKS:,} are seen", SECONDS, lambda found: found.seen, Budget("at most 1 s", mine.seen, 1)),
        row("rows a task run", Unit("rows", 1), lambda found: found.rows, Budget("at most 4", mine.rows, 4)),
        row("disk a task run", KIB, lambda found: found.kib, Budget("at most 1.5 KB", mine.kib * 1.024, 1.5)),
    ]
    if mine.database_cpu:
        rows.append(row("PostgreSQL's own CPU a task run", MICROSECONDS, lambda found: found.database_cpu))
    return rows


def requests(plan: Plan) -> list[Row]:
    """Measure requests per second: creating flow runs, setting states, reading."""
    rows: list[Row] = []
    for kind in _STORES:
        figures: dict[str, dict[str, dict[str, Any]]] = {}
        for name, serve in _both(plan):
            with _store(kind) as store, serve(_fresh(plan, f"{name}-load"), store) as up:
                load(up, "states", 1, 1.0)  # warm up
                for what in ("create", "states", "read"):
                    figures.setdefault(what, {})[name] = load(up, what, WRITERS[kind])
                _fill(up, STORED)
                load(up, "filter", READERS, 1.0)
                figures.setdefault("filter", {})[name] = load(up, "filter", READERS)
            if name == "pluperfect" and any(found[name]["failures"] for found in figures.values()):
                raise RuntimeError(f"requests failed: {figures}")
        for what, text, times, milliseconds in (
            ("create", "creating a flow run", 20, 0.8),
            ("states", "creating it and setting its states", 20, 0.8),
            ("read", "reading a flow run", 15, 0.25),
            ("filter", f"100 of {STORED:,} flow runs", 15, 2.5),
        ):
            row = _request_row(f"server: {text}, a request, {kind}", figures[what])
            cpu = row.pluperfect.cpu.median * 1e3 if row.pluperfect.cpu else 0.0
            rows.append(
                _with(row, _less_cpu(row, times), Budget(f"at most {milliseconds:g} ms of CPU", cpu, milliseconds))
            )
            late = {name: [one["p95"]] for name, one in figures[what].items()}
            rows.append(_row(f"server: p95 of {text}, {kind}", MILLISECONDS, late))
    return rows


def _request_row(name: str, found: dict[str, dict[str, Any]]) -> Row:
    figures = {
        who: Figure(Series((one["wall"] / one["requests"],)), Series((one["cpu"] / one["requests"],)))
        for who, one in found.items()
    }
    return Row(name, MICROSECONDS, figures["pluperfect"], figures.get("baseline"))


def empty_flow_with_server(plan: Plan) -> list[Row]:
    """Measure an empty flow with a server, for each package with its own client and server."""
    found: dict[str, list[float]] = {}
    for name, serve in _both(plan):
        client = plan.pluperfect if name == "pluperfect" else plan.baseline
        assert client is not None
        with serve(_fresh(plan, f"{name}-empty"), Store("SQLite")) as up:
            for _ in range(plan.rounds if name == "pluperfect" else 1):
                count = EMPTY if name == "pluperfect" else 3
                facts = _program(client, up, "empty_flow", count)
                found.setdefault(name, []).append(facts["wall"] / count)
    row = _row("server: an empty flow with a server", MILLISECONDS, found)
    return [_with(row, Budget("at most 10 ms", row.pluperfect.wall.median * 1e3, 10))]


def soak(plan: Plan) -> list[Row]:
    """Measure the memory of this package's server under steady load: creating runs, setting states, listing."""
    with pluperfect(_fresh(plan, "soak"), Store("SQLite")) as up:
        marks = [_resident(up)]
        while len(marks) <= SOAK_REQUESTS // SOAK_STEP:
            load(up, "soak", 2, float("inf"), SOAK_STEP)
            marks.append(_resident(up))
            plan.report_progress(f"soak: {(len(marks) - 1) * SOAK_STEP:,} requests, {marks[-1]:.0f} MB")
    row = _row(
        "server: memory under load, " + ", ".join(f"{mark:.0f}" for mark in marks),
        MEGABYTES,
        {"pluperfect": marks[-1:]},
    )
    later = marks[len(marks) // 2 :]
    return [
        _with(
            row,
            Budget("at most 120 MB", marks[-1], 120),
            Budget("grows by less than 5 MB in the second half", later[-1] - later[0], 5),
        )
    ]


MEASURED = (server_start, recorded_tasks, requests, empty_flow_with_server, soak)


def all_rows(plan: Plan, only: str = "") -> Iterator[Row]:
    """Measure the server rows, or those of functions whose name contains `only`."""
    for measured in MEASURED:
        if only in measured.__name__.replace("_", " ") or only in "server":
            plan.report_progress(measured.__name__.replace("_", " "))
            yield from measured(plan)


# --- parts -----------------------------------------------------------------------------------------------------------


def _both(plan: Plan) -> list[tuple[str, Serve]]:
    return [("pluperfect", pluperfect), *([("baseline", baseline)] if plan.baseline else [])]


_STORES = ("SQLite", "PostgreSQL")


@contextmanager
def _store(kind: str) -> Iterator[Store]:
    """Create an empty database; PostgreSQL runs in its own process with durable commits, like SQLite."""
    if kind == "SQLite":
        yield Store(kind)
        return
    server = Postgres(durable=True)
    try:
        server.start()
        server.create("measured")
        yield Store(kind, server)
    finally:
        server.remove()


def _database_cpu(store: Store) -> float:
    """Return the CPU seconds of the database process, 0 for SQLite."""
    return measure.read_cpu_seconds(store.postgres.pid) if store.postgres else 0.0


def _fresh(plan: Plan, name: str) -> Path:
    return plan.scratch / f"{name}-{time.monotonic_ns()}"


def _row(name: str, unit: Unit, found: dict[str, list[float]]) -> Row:
    mine, other = Figure(Series(tuple(found["pluperfect"]))), found.get("baseline")
    return Row(name, unit, mine, Figure(Series(tuple(other))) if other else None)


def _with(row: Row, *budgets: Budget | None) -> Row:
    kept = tuple(budget for budget in budgets if budget is not None)
    return Row(row.name, row.unit, row.pluperfect, row.baseline, row.floor, kept)


def _less_cpu(row: Row, times: float) -> Budget | None:
    if row.cpu_ratio is None:
        return None
    return Budget(f"at least {times:g} x less CPU than the original", row.cpu_ratio, times, at_least=True)


def _times(row: Row, times: float) -> Budget | None:
    if row.ratio is None:
        return None
    return Budget(f"at least {times:g} x better than the original", row.ratio, times, at_least=True)


def _flow(client: Subject, up: Up, tasks: int) -> float:
    """Run a flow of no-op tasks and return the time at which it ended."""
    _program(client, up, "mapped", tasks - 1)
    return time.perf_counter()


def _program(client: Subject, up: Up, name: str, *arguments: object) -> dict[str, Any]:
    """Run a program with a server, and return its facts."""
    variables = original.variables(up.home / "client", PREFECT_API_URL=up.url, PREFECT_LOGGING_LEVEL="ERROR")
    command = [client.python, PROGRAMS / f"{name}.py", *map(str, arguments)]
    done = subprocess.run(command, env=variables, check=True, stdout=subprocess.PIPE, text=True)
    return _facts(done.stdout)


def _facts(output: str) -> dict[str, Any]:
    return json.loads(next(line for line in output.splitlines() if line.startswith("BENCH ")).removeprefix("BENCH "))


def _post(up: Up, path: str, body: Any) -> Any:
    request = urllib.request.Request(
        f"{up.url}{path}", json.dumps(body).encode(), {"Content-Type": "application/json"}, method="POST"
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def _wait_for(up: Up, count: int, since: float) -> float:
    """Return the seconds after `since` until this many finished task runs are visible."""
    finished = {"task_runs": {"state": {"type": {"any_": ["COMPLETED"]}}}}
    while (seen := _post(up, "/task_runs/count", finished)) < count:
        if time.perf_counter() - since > 300:
            raise RuntimeError(f"only {seen} of {count} task runs were to be seen after 300 s")
        time.sleep(0.02)
    return max(time.perf_counter() - since, 0.0)


def _settle(up: Up) -> None:
    """Wait until a server is idle: less than a tenth of a core for two seconds."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        before = measure.read_cpu_seconds(up.pid)
        time.sleep(2)
        if measure.read_cpu_seconds(up.pid) - before < 0.2:
            return


def load(up: Up, what: str, connections: int, seconds: float = LOAD, requests: float = float("inf")) -> dict[str, Any]:
    """Put load on a server for a time or a number of requests; `cpu` is the server's. Failed requests do not count."""
    command = [sys.executable, PROGRAMS / "load.py", up.url, what, str(connections), str(seconds), str(requests)]
    begun = measure.read_cpu_seconds(up.pid)
    facts = _facts(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return {**facts, "cpu": measure.read_cpu_seconds(up.pid) - begun}


def _stored(up: Up) -> tuple[float, float]:
    """Return the number of rows of all tables, and the size on disk in KiB."""
    if up.store.postgres is None:
        return _stored_sqlite(up)
    _run_sql(up, "VACUUM ANALYZE")  # autovacuum does the same, at an unknown time
    names = _run_sql(up, "SELECT relname FROM pg_stat_user_tables").splitlines()
    rows = _run_sql(up, "SELECT " + " + ".join(f"(SELECT count(*) FROM {name})" for name in names))
    size = _run_sql(up, "SELECT sum(pg_total_relation_size(relid)) / 1024.0 FROM pg_stat_user_tables")
    return float(rows), float(size)


def _file(up: Up) -> Path:
    return next(path for name in ("pluperfect.db", "prefect.db") if (path := up.home / name).exists())


def _stored_sqlite(up: Up) -> tuple[float, float]:
    with closing(sqlite3.connect(_file(up), timeout=30)) as connection:
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        rows = sum(connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in names)
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        free = connection.execute("PRAGMA freelist_count").fetchone()[0]
        return rows, (pages - free) * connection.execute("PRAGMA page_size").fetchone()[0] / 1024


def _run_sql(up: Up, text: str) -> str:
    """Return the result of a statement on PostgreSQL."""
    assert up.store.postgres is not None
    return up.store.postgres.sql(text, "measured")


def _fill(up: Up, count: int) -> None:
    """Copy the flow runs of a store until there are about `count`."""
    now = _post(up, "/flow_runs/count", {})
    while now < count:
        _copy(up, min(now, count - now))
        now = _post(up, "/flow_runs/count", {})
    if up.store.postgres is not None:
        _run_sql(up, "ANALYZE")


def _copy(up: Up, count: int) -> None:
    if up.store.postgres is not None:
        names = _run_sql(up, _COLUMNS).split()
        chosen = ", ".join(_POSTGRES.get(name, name) for name in names)
        _run_sql(up, f"INSERT INTO flow_run ({', '.join(names)}) SELECT {chosen} FROM flow_run LIMIT {count}")
        return
    with closing(sqlite3.connect(_file(up), timeout=60)) as connection:
        columns = [(row[1], row[2]) for row in connection.execute("PRAGMA table_info(flow_run)")]
        chosen = ", ".join(_sqlite_copy(name, kind) for name, kind in columns)
        named = ", ".join(name for name, _ in columns)
        connection.execute(f"INSERT INTO flow_run ({named}) SELECT {chosen} FROM flow_run LIMIT {count}")
        connection.commit()


_COLUMNS = (
    "SELECT string_agg(column_name, ' ') FROM information_schema.columns"
    " WHERE table_name = 'flow_run' AND table_schema = 'public' AND is_generated = 'NEVER'"
)

_POSTGRES = {"id": "gen_random_uuid()", "state_id": "NULL", "idempotency_key": "NULL"}
"""SQL expressions of columns that are not copied."""


def _sqlite_copy(name: str, kind: str) -> str:
    if name in ("state_id", "idempotency_key"):
        return "NULL"
    if name != "id":
        return name
    return (
        "randomblob(16)"
        if kind == "BLOB"
        else "lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' ||"
        " substr(hex(randomblob(2)), 2) || '-a' || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6)))"
    )
