"""The rows about the server: this one and the original's, on SQLite and on PostgreSQL, under the same clients."""

from __future__ import annotations

import asyncio
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

import asyncpg

from benchmarks import measure
from benchmarks.measure import KIB, MEGABYTES, MICROSECONDS, MILLISECONDS, SECONDS, Series, Unit
from benchmarks.rows import Budget, Figure, Plan, Row
from benchmarks.subjects import PROGRAMS, Subject
from tests.postgres import Postgres
from tools import original, serving

TASKS = 1000
"""Task runs of the flow by which recording is measured."""

STORED = 100_000
"""Flow runs in the store when reading is measured."""

LOAD = 5.0
"""Seconds of load for a figure."""

READS = 8
"""Connections that read at once. Writing is measured with one: with several the original's server on SQLite answers
some requests with errors after a minute."""


@dataclass(frozen=True)
class Up:
    """A server that runs.

    Attributes:
        url: The address of its API.
        pid: Its process.
        started: Seconds from its start to the first healthy answer.
        home: Its home directory.
        database: The URL of its database; None for the SQLite file in its home.
    """

    url: str
    pid: int
    started: float
    home: Path
    database: str | None


Serve = Callable[[Path, str | None], AbstractContextManager[Up]]


@contextmanager
def ours(home: Path, database: str | None) -> Iterator[Up]:
    """This package's server."""
    served = serving.Served(home, **_database(database))
    begun = time.perf_counter()
    try:
        served.start()
        assert served.process is not None
        yield Up(served.url, served.process.pid, time.perf_counter() - begun, home, database)
    finally:
        served.stop()


@contextmanager
def theirs(home: Path, database: str | None) -> Iterator[Up]:
    """The original's server."""
    begun = time.perf_counter()
    with original.server(home, **_database(database)) as (url, process):
        yield Up(url, process.pid, time.perf_counter() - begun, home, database)


def _database(url: str | None) -> dict[str, str]:
    return {"PREFECT_SERVER_DATABASE_CONNECTION_URL": url} if url else {}


def _resident(up: Up) -> float:
    """Megabytes of memory that a server and its processes hold."""
    total = 0
    for pid in (up.pid, *measure.descendants(up.pid)):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                total += int(line.split()[1])
    return total / 1024 * 1.048576


# --- rows ------------------------------------------------------------------------------------------------------------


def server_start(plan: Plan) -> list[Row]:
    """From an empty home to the first healthy answer, and the memory held then."""
    starts: dict[str, list[float]] = {"ours": [], "theirs": []}
    memory: dict[str, list[float]] = {"ours": [], "theirs": []}
    for number in range(max(2, plan.rounds // 3)):
        for name, serve in _both(plan):
            with serve(_fresh(plan, f"{name}-start-{number}"), None) as up:
                starts[name].append(up.started)
                _settle(up)
                memory[name].append(_resident(up))
    rows = [_row("server: empty home to healthy", SECONDS, starts), _row("server: memory when idle", MEGABYTES, memory)]
    return [
        _with(rows[0], Budget("at most 2 s", rows[0].ours.wall.median, 2), _times(rows[0], 8)),
        _with(rows[1], Budget("at most 110 MB", rows[1].ours.wall.median, 110)),
    ]


def recorded_tasks(plan: Plan) -> list[Row]:
    """What a no-op task run costs a server when the original's client reports it, and how soon all can be seen."""
    rows: list[Row] = []
    for kind, database in _databases():
        cpu: dict[str, list[float]] = {"ours": [], "theirs": []}
        seen: dict[str, list[float]] = {"ours": [], "theirs": []}
        stored: dict[str, list[tuple[float, float]]] = {"ours": [], "theirs": []}
        for name, serve in _both(plan):
            with database() as url, serve(_fresh(plan, f"{name}-tasks-{kind}"), url) as up:
                client = plan.theirs or plan.ours
                _flow(client, up, 10)
                before = _stored(up)
                begun = measure.cpu_of(up.pid)
                ended = _flow(client, up, TASKS)
                seen[name].append(_wait_for(up, TASKS + 10, ended))
                _settle(up)
                cpu[name].append((measure.cpu_of(up.pid) - begun) / TASKS)
                after = _stored(up)
                stored[name].append(tuple((now - then) / TASKS for now, then in zip(after, before, strict=True)))
        row = _row(f"server: CPU a task run, {kind}", MICROSECONDS, cpu)
        rows.append(_with(row, Budget("at most 1 ms", row.ours.wall.median * 1e3, 1)))
        row = _row(f"server: {TASKS:,} task runs seen after the flow's end, {kind}", SECONDS, seen)
        rows.append(_with(row, Budget("at most 1 s", row.ours.wall.median, 1)))
        row = _row(f"server: rows a task run, {kind}", Unit("rows", 1), _part(stored, 0))
        rows.append(_with(row, Budget("at most 4", row.ours.wall.median, 4)))
        row = _row(f"server: disk a task run, {kind}", KIB, _part(stored, 1))
        rows.append(_with(row, Budget("at most 1.5 KB", row.ours.wall.median * 1.024, 1.5)))
    return rows


def requests(plan: Plan) -> list[Row]:
    """Requests answered in a second: creating flow runs, setting their states, reading among many."""
    rows: list[Row] = []
    for kind, database in _databases():
        figures: dict[str, dict[str, list[dict[str, Any]]]] = {}
        for name, serve in _both(plan):
            with database() as url, serve(_fresh(plan, f"{name}-load-{kind}"), url) as up:
                for what, connections in (("create", 1), ("states", 1)):
                    figures.setdefault(what, {}).setdefault(name, []).append(_load(up, what, connections))
                _fill(up, STORED)
                figures.setdefault("filter", {}).setdefault(name, []).append(_load(up, "filter", READS))
        for what, text in (
            ("create", "creating a flow run"),
            ("states", "creating it and setting its states"),
            ("filter", f"filtering {STORED:,} flow runs"),
        ):
            each = {name: [one["wall"] / one["requests"] for one in found] for name, found in figures[what].items()}
            row = _row(f"server: {text}, a request, {kind}", MICROSECONDS, each)
            rows.append(_with(row, _times(row, 5)))
            late = {name: [one["p95"] for one in found] for name, found in figures[what].items()}
            rows.append(_row(f"server: p95 of that, {kind}", MILLISECONDS, late))
    return rows


MEASURED = (server_start, recorded_tasks, requests)


def all_rows(plan: Plan, only: str = "") -> Iterator[Row]:
    """Measure the servers; only the functions whose name contains `only`."""
    for measured in MEASURED:
        if only in measured.__name__.replace("_", " ") or only in "server":
            plan.tell(measured.__name__.replace("_", " "))
            yield from measured(plan)


# --- parts -----------------------------------------------------------------------------------------------------------


def _both(plan: Plan) -> list[tuple[str, Serve]]:
    return [("ours", ours), *([("theirs", theirs)] if plan.theirs else [])]


def _databases() -> list[tuple[str, Callable[[], AbstractContextManager[str | None]]]]:
    return [("SQLite", _no_database), ("PostgreSQL", _postgres)]


@contextmanager
def _no_database() -> Iterator[None]:
    yield None


@contextmanager
def _postgres() -> Iterator[str]:
    server = Postgres()
    server.start()
    try:
        yield server.create("measured")
    finally:
        server.remove()


def _fresh(plan: Plan, name: str) -> Path:
    return plan.scratch / f"{name}-{time.monotonic_ns()}"


def _row(name: str, unit: Unit, found: dict[str, list[float]]) -> Row:
    mine, other = Figure(Series(tuple(found["ours"]))), found.get("theirs")
    return Row(name, unit, mine, Figure(Series(tuple(other))) if other else None)


def _with(row: Row, *budgets: Budget | None) -> Row:
    kept = tuple(budget for budget in budgets if budget is not None)
    return Row(row.name, row.unit, row.ours, row.theirs, row.floor, kept)


def _times(row: Row, times: float) -> Budget | None:
    if row.ratio is None:
        return None
    return Budget(f"at least {times:g} x better than the original", row.ratio, times, at_least=True)


def _part(stored: dict[str, list[tuple[float, float]]], index: int) -> dict[str, list[float]]:
    return {name: [pair[index] for pair in found] for name, found in stored.items() if found}


def _flow(client: Subject, up: Up, tasks: int) -> float:
    """Run a flow of no-op tasks and return the time at which it ended."""
    variables = original.variables(up.home / "client", PREFECT_API_URL=up.url, PREFECT_LOGGING_LEVEL="ERROR")
    command = [client.python, PROGRAMS / "mapped.py", str(tasks - 1)]
    subprocess.run(command, env=variables, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter()


def _post(up: Up, path: str, body: Any) -> Any:
    request = urllib.request.Request(
        f"{up.url}{path}", json.dumps(body).encode(), {"Content-Type": "application/json"}, method="POST"
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def _wait_for(up: Up, count: int, since: float) -> float:
    """Seconds after `since` until so many finished task runs can be seen."""
    finished = {"task_runs": {"state": {"type": {"any_": ["COMPLETED"]}}}}
    while (seen := _post(up, "/task_runs/count", finished)) < count:
        if time.perf_counter() - since > 300:
            raise RuntimeError(f"only {seen} of {count} task runs were to be seen after 300 s")
        time.sleep(0.02)
    return max(time.perf_counter() - since, 0.0)


def _settle(up: Up) -> None:
    """Wait until a server has nothing more to do: less than a tenth of a core for two seconds."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        before = measure.cpu_of(up.pid)
        time.sleep(2)
        if measure.cpu_of(up.pid) - before < 0.2:
            return


def _load(up: Up, what: str, connections: int) -> dict[str, Any]:
    command = [sys.executable, PROGRAMS / "load.py", up.url, what, str(connections), str(LOAD)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    facts = json.loads(done.stdout.splitlines()[-1].removeprefix("BENCH "))
    if facts["failures"]:
        raise RuntimeError(f"{facts['failures']} of {facts['requests']} requests ({what}) failed at {up.url}")
    return facts


def _stored(up: Up) -> tuple[float, float]:
    """Rows in all tables, and KiB on disk."""
    if up.database is None:
        return _stored_sqlite(up)
    rows, size = _run_sql(up, _COUNT)
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


_COUNT = """
    SELECT coalesce(sum((xpath('/row/c/text()', query_to_xml(
        format('SELECT count(*) AS c FROM %I', relname), false, true, '')))[1]::text::bigint), 0),
        sum(pg_total_relation_size(oid)) / 1024.0
    FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
"""


def _run_sql(up: Up, text: str) -> Any:
    """The first row that a statement gives on PostgreSQL."""

    async def run() -> Any:
        assert up.database is not None
        connection = await asyncpg.connect(up.database.replace("+asyncpg", ""))
        try:
            return await connection.fetchrow(text)
        finally:
            await connection.close()

    return asyncio.run(run())


def _fill(up: Up, count: int) -> None:
    """Bring the flow runs in a store to about `count`, by copying those that were created through the API."""
    now = _post(up, "/flow_runs/count", {})
    while now < count:
        _copy(up, min(now, count - now))
        now = _post(up, "/flow_runs/count", {})
    if up.database is not None:
        _run_sql(up, "ANALYZE")


def _copy(up: Up, count: int) -> None:
    if up.database is not None:
        names = _run_sql(up, _COLUMNS)[0].split()
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
"""What a copy has of its own."""


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
