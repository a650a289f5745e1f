"""A server that is killed, restarted, locked, overloaded or unreachable keeps all acknowledged data, once.

`FAULTS=long` runs the sizes that `docs/reliability.md` reports; the default sizes are small. The times of faults are
random; a failure prints the seed.
"""

import itertools
import json
import os
import random
import re
import resource
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests import postgres
from tools import original, serving
from tools.ports import find_free_port

LONG = os.environ.get("FAULTS") == "long"

pytestmark = [pytest.mark.timeout(900 if LONG else 300), pytest.mark.served]

LOAD = original.ROOT / "benchmarks" / "programs" / "load.py"

PROGRAM = """
import sys, time
from prefect import flow, task
from prefect.events import emit_event

@task(retries=0, task_run_name="step {number}")
def step(number):
    time.sleep(0.004)
    if number % 10 == 3:
        raise ValueError(number)
    return number

@flow(name="under fire")
def program(portions, size):
    for portion in range(portions):
        for number in range(portion * size, portion * size + size):
            step(number, return_state=True)
        emit_event("portion.ended", resource={"prefect.resource.id": f"portion.{portion}"})
        print(portion, flush=True)
        sys.stdin.readline()
    return portions

assert program(int(sys.argv[1]), int(sys.argv[2])) == int(sys.argv[1])
"""


def post(url: str, path: str, body: Any) -> Any:
    request = urllib.request.Request(
        f"{url}{path}", json.dumps(body).encode(), {"Content-Type": "application/json"}, method="POST"
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def count_events(url: str, prefix: str) -> int:
    """Return the number of events whose names have a prefix."""
    return post(url, "/events/filter", {"filter": {"event": {"prefix": [prefix]}}, "limit": 1})["total"]


def read_all(url: str, path: str, body: dict[str, Any]) -> list[Any]:
    """Read all pages of a list."""
    found: list[Any] = []
    while page := post(url, path, {**body, "limit": 200, "offset": len(found)}):
        found += page
    return found


def wait_for(check: Any, seconds: float = 120.0) -> Any:
    """Poll a check until it is true; return its last value.

    A program that starts on a busy machine needs most of the time.
    """
    deadline = time.monotonic() + seconds
    while not (found := check()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return found


@pytest.fixture
def seed() -> int:
    number = int(os.environ.get("FAULTS_SEED", random.SystemRandom().randrange(1 << 30)))
    print(f"FAULTS_SEED={number}")
    return number


@pytest.mark.parametrize("who", ["ours", "theirs"])
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_repeatedly_killed_server_loses_nothing(who: str, kind: str, tmp_path: Path, seed: int) -> None:
    """Kill it once per portion of the tasks, then stop it cleanly, then leave it running for the last portion."""
    if who == "theirs" and not original.is_available():
        pytest.skip("needs the original: `make compat` installs it")
    kills, size = (20, 240) if LONG else (2, 120)
    portions = kills + 2
    chance = random.Random(seed)
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    python = sys.executable if who == "ours" else original.python()
    database = _database(kind)
    served = serving.Served(tmp_path / "server", **database.variables)
    try:
        served.start()
        variables = original.variables(
            tmp_path / "client", PREFECT_API_URL=served.url, PREFECT_LOGGING_LEVEL="CRITICAL"
        )
        command = [python, program, str(portions), str(size)]
        client_log = tmp_path / "client.log"
        with (
            open(client_log, "w") as log,
            subprocess.Popen(
                command, env=variables, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log
            ) as client,
        ):
            try:
                _kill_in_each_portion(client, served, kills, chance)
                assert client.wait(600) == 0
            finally:
                client.kill()
        print(client_log.read_text())
        _all_there_once(served.url, portions, size, _count_dropped_events(client_log.read_text()))
    finally:
        served.stop()
        database.close()


def _kill_in_each_portion(
    client: "subprocess.Popen[str]", served: serving.Served, kills: int, chance: random.Random
) -> None:
    # Prefect's own client does not try again what fails before its websocket has delivered an event.
    assert wait_for(lambda: count_events(served.url, "prefect.task-run."))
    begun = time.monotonic()
    for portion, how in enumerate([signal.SIGKILL] * kills + [signal.SIGTERM]):
        time.sleep(chance.uniform(0.05, 1.0))
        served.stop(how)
        served.start()
        _go_on(client, portion)
    print(f"{kills} kills within {time.monotonic() - begun:.0f} s")
    _go_on(client, kills + 1)


def _count_dropped_events(client_log: str) -> int:
    """Return how many events Prefect's own client says that it has given up: it waits some seconds for a server."""
    pending = re.findall(r"'EventsWorker' failed with (\d+) pending items", client_log)
    return sum(map(int, pending)) + client_log.count("'EventsWorker' failed to process item")


def _all_there_once(url: str, portions: int, size: int, dropped: int = 0) -> None:
    """Assert that each task run has its final state, each state has one event, and the other events exist.

    Of all these events, `dropped` may be missing: their client has not sent them.
    """
    tasks = portions * size
    sent = 3 * tasks + portions - dropped
    wait_for(lambda: count_events(url, "prefect.task-run.") + count_events(url, "portion.") >= sent)
    _true_ends(url, tasks, dropped)
    assert 3 * tasks - dropped <= count_events(url, "prefect.task-run.") <= 3 * tasks
    assert portions - dropped <= count_events(url, "portion.") <= portions
    assert sent <= count_events(url, "prefect.task-run.") + count_events(url, "portion.")


def _true_ends(url: str, tasks: int, dropped: int = 0) -> None:
    runs = read_all(url, "/task_runs/filter", {"sort": "ID_DESC"})
    ends = {run["name"]: run["state_type"] for run in runs}
    expected = {f"step {number}": "FAILED" if number % 10 == 3 else "COMPLETED" for number in range(tasks)}
    missing = {name: end for name, end in expected.items() if ends.get(name) != end}
    assert len(missing) <= dropped, missing
    assert len(runs) == len(ends)
    assert ends.keys() <= expected.keys()
    assert {run["run_count"] for run in runs if run["name"] not in missing} == {1}
    (flow_run,) = post(url, "/flow_runs/filter", {})
    assert (flow_run["state_type"], flow_run["run_count"]) == ("COMPLETED", 1)


@pytest.mark.skipif(sys.platform != "linux", reason="limits another process")
@pytest.mark.parametrize("trouble", ["its disk is full", "it stands still"])
def test_temporary_server_failure_loses_nothing(trouble: str, tmp_path: Path) -> None:
    """It fails from the end of the first portion to that of the second; a file size limit simulates a full disk."""
    seconds = 25 if LONG else 1  # the client gives up on an answer after ten
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    with serving.server(tmp_path / "server") as served:
        variables = original.variables(
            tmp_path / "client", PREFECT_API_URL=served.url, PREFECT_LOGGING_LEVEL="CRITICAL"
        )
        command = [sys.executable, program, "3", "200"]
        with subprocess.Popen(
            command, env=variables, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as client:
            try:
                _go_on(client, 0)
                with full_disk(served) if trouble == "its disk is full" else _stopped(served):
                    time.sleep(seconds)
                    _go_on(client, 1)
                _go_on(client, 2)
                assert client.wait(120) == 0
            finally:
                client.kill()
        _all_there_once(served.url, 3, 200)


@contextmanager
def full_disk(served: serving.Served) -> Iterator[None]:
    assert served.process is not None
    resource.prlimit(served.process.pid, resource.RLIMIT_FSIZE, (8192, resource.RLIM_INFINITY))
    try:
        with pytest.raises(urllib.error.HTTPError, match="503"):
            post(served.url, "/flows/", {"name": "one more"})
        yield
    finally:
        resource.prlimit(served.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


@contextmanager
def _stopped(served: serving.Served) -> Iterator[None]:
    assert served.process is not None
    os.kill(served.process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(served.process.pid, signal.SIGCONT)


def _go_on(client: "subprocess.Popen[str]", portion: int) -> None:
    """Wait for the end of a portion and let the program continue."""
    assert client.stdin is not None
    assert client.stdout is not None
    assert client.stdout.readline() == f"{portion}\n"
    client.stdin.write("go on\n")
    client.stdin.flush()


def test_program_exits_while_server_is_unavailable(tmp_path: Path) -> None:
    """It exits, prints the number of waiting records, and they are stored after shipping."""
    tasks = 50
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    with serving.server(tmp_path / "server") as served:
        names = {"PREFECT_LOGGING_LEVEL": "CRITICAL", "PREFECT_CLIENT_EXIT_TIMEOUT_SECONDS": "1"}
        variables = original.variables(tmp_path / "client", PREFECT_API_URL=served.url, **names)
        command = [sys.executable, program, "1", str(tasks)]
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        with subprocess.Popen(command, env=variables, text=True, **pipes) as client:
            try:
                assert client.stdout is not None
                assert client.stdout.readline() == "0\n"
                served.stop(signal.SIGKILL)
                _, printed = client.communicate("go on\n", timeout=120)
            finally:
                client.kill()
        assert client.returncode == 0
        assert "records wait in" in printed
        served.start()
        shipping = subprocess.run([sys.executable, "-m", "prefect", "journal", "ship"], env=variables)
        assert shipping.returncode == 0
        _true_ends(served.url, tasks)


def test_concurrent_clients_on_sqlite(tmp_path: Path) -> None:
    clients, seconds = (200, 60) if LONG else (60, 4)
    with serving.server(tmp_path / "server") as served:
        facts = _load(served.url, "states", clients, seconds)
        _nothing_lost(served.url, facts)


def test_locked_sqlite_file_delays_writes_only(tmp_path: Path) -> None:
    seconds = 10 if LONG else 3
    with serving.server(tmp_path / "server") as served:
        results: list[dict[str, Any]] = []
        # It goes on for longer than the lock, which is not taken at once while others write.
        load = threading.Thread(target=lambda: results.append(_load(served.url, "states", 20, seconds + 8)))
        load.start()
        assert wait_for(lambda: post(served.url, "/flow_runs/count", {}))
        with closing(sqlite3.connect(served.home / "pluperfect.db", isolation_level=None, timeout=30)) as other:
            other.execute("BEGIN IMMEDIATE")
            begun = time.monotonic()
            while time.monotonic() - begun < seconds:
                assert post(served.url, "/flow_runs/filter", {}) is not None  # reading continues
                time.sleep(0.2)
            other.execute("ROLLBACK")
        load.join()
        _nothing_lost(served.url, results[0])
        assert results[0]["slowest"] > seconds - 1, "nobody had to wait"


def test_postgresql_restarts_under_load(tmp_path: Path) -> None:
    """It is stopped and crashed in turn. The result of a commit during a crash may be unknown, which is logged."""
    restarts, seconds = (6, 40) if LONG else (2, 6)
    database = _database("postgres", durable=True)
    try:
        with serving.server(tmp_path / "server", **database.variables) as served:
            results: list[dict[str, Any]] = []
            load = threading.Thread(target=lambda: results.append(_load(served.url, "states", 10, seconds)))
            load.start()
            for number in range(restarts):
                time.sleep(seconds / (restarts + 2))
                database.server.stop([signal.SIGINT, signal.SIGQUIT][number % 2])
                database.server.start()
            load.join()
            _nothing_lost(served.url, results[0], served.log.read_text().count("crashed during a commit"))
    finally:
        database.close()


def test_proxy_without_websockets_loses_nothing(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    with serving.server(tmp_path / "server") as served:
        with _without_websockets(served.port) as port:
            url = f"http://127.0.0.1:{port}/api"
            variables = original.variables(tmp_path / "client", PREFECT_API_URL=url, PREFECT_LOGGING_LEVEL="CRITICAL")
            subprocess.run([sys.executable, program, "1", "50"], env=variables, check=True, input=b"\n")
        _all_there_once(served.url, 1, 50)


def test_two_servers_schedule_each_run_once(tmp_path: Path) -> None:
    """One of them is killed halfway and restarted."""
    seconds = 600 if LONG else 8
    database = _database("postgres")
    # Both look every second, so that they meet.
    often = {"PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS": "1", **database.variables}
    try:
        with (
            serving.server(tmp_path / "one", **often) as one,
            serving.server(tmp_path / "two", **often) as two,
        ):
            flow = post(one.url, "/flows/", {"name": "scheduled"})
            schedule = {"interval": 2, "anchor_date": "2026-01-01T00:00:00Z", "timezone": "UTC"}
            active = [{"schedule": schedule, "active": True}]
            for name in ("a", "b", "c"):
                post(one.url, "/deployments/", {"name": name, "flow_id": flow["id"], "schedules": active})
            time.sleep(seconds / 2)
            one.stop(signal.SIGKILL)
            one.start()
            time.sleep(seconds / 2)
            runs = read_all(two.url, "/flow_runs/filter", {"sort": "EXPECTED_START_TIME_ASC"})
        times = _times(runs)
        assert len(times) == 3
        for deployment, planned in times.items():
            assert len(planned) == len(set(planned)), f"{deployment} has runs of one time twice"
            gaps = {round(later - earlier) for earlier, later in itertools.pairwise(planned)}
            assert gaps == {2}, f"{deployment} has gaps of {gaps} s"
            assert len(planned) >= seconds / 2
            assert planned[-1] > time.time()
        print(len(runs), "runs")
    finally:
        database.close()


def _times(runs: list[Any]) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {}
    for run in runs:
        at = datetime.fromisoformat(run["expected_start_time"]).timestamp()
        times.setdefault(run["deployment_id"], []).append(at)
    return times


class _Database:
    """A database of a server, and the settings that select it."""

    def __init__(self, server: Any = None) -> None:
        self.server = server
        self.variables = {"PREFECT_SERVER_DATABASE_CONNECTION_URL": server.create("faults")} if server else {}

    def close(self) -> None:
        if self.server is not None:
            self.server.remove()


def _database(kind: str, durable: bool = False) -> _Database:
    if kind == "sqlite":
        return _Database()
    postgres.need()
    server = postgres.Postgres(durable)
    server.start()
    return _Database(server)


def _load(url: str, what: str, clients: int, seconds: float) -> dict[str, Any]:
    unlimited = str(sys.maxsize)
    command = [sys.executable, LOAD, url, what, str(clients), str(seconds), unlimited]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1].removeprefix("BENCH "))


def _nothing_lost(url: str, facts: dict[str, Any], unsure: int = 0) -> None:
    """Assert that each run of three requests exists once and is completed, without failed requests.

    Each of `unsure` requests was answered with an error and may have been done; it can spoil one run.
    """
    figures = {name: f"{facts[name] * 1000:.0f} ms" for name in ("p50", "p95", "slowest")}
    print(facts["requests"], "requests in", f"{facts['wall']:.1f} s,", figures, unsure, "unsure")
    assert facts["failures"] <= 3 * unsure
    completed = {"flow_runs": {"state": {"type": {"any_": ["COMPLETED"]}}}}
    for which in (completed, {}):
        assert abs(post(url, "/flow_runs/count", which) * 3 - facts["requests"]) <= 3 * unsure
    assert facts["requests"] > 0


def _without_websockets(port: int) -> Any:
    """Run a proxy that forwards requests and rejects websockets; yield its port."""
    import asyncio

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.read(65536)
        if b"upgrade: websocket" in head.lower():
            writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            await writer.drain()
            writer.close()
            return
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", port)
        server_writer.write(head)
        await asyncio.gather(_pass_on(reader, server_writer), _pass_on(server_reader, writer))

    async def _pass_on(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        try:
            while part := await source.read(65536):
                target.write(part)
                await target.drain()
        except ConnectionError:
            pass
        finally:
            target.close()

    @contextmanager
    def proxy() -> Any:
        own = find_free_port()
        loop = asyncio.new_event_loop()
        ready = threading.Event()
        server: list[asyncio.Server] = []

        async def begin() -> None:
            server.append(await asyncio.start_server(serve, "127.0.0.1", own))
            ready.set()

        def run() -> None:
            asyncio.set_event_loop(loop)
            loop.run_until_complete(begin())
            loop.run_forever()
            for task in asyncio.all_tasks(loop):
                task.cancel()
            loop.run_until_complete(asyncio.sleep(0))
            loop.close()

        thread = threading.Thread(target=run)
        thread.start()
        ready.wait()
        try:
            yield own
        finally:
            loop.call_soon_threadsafe(server[0].close)
            loop.call_soon_threadsafe(loop.stop)
            thread.join()

    return proxy()
