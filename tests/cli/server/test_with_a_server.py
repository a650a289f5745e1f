"""Commands with a server, and errors when it is unavailable."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from prefect.client import _websockets
from prefect.client.orchestration import get_client
from tests.cli.conftest import Run, table
from tools.ports import find_free_port

TIMEOUT_SECONDS = 60.0


@pytest.fixture
def free_url() -> str:
    """The URL of an API on a free port."""
    return f"http://127.0.0.1:{find_free_port()}/api"


@contextmanager
def run_server(home: Path, **settings: str) -> Iterator[str]:
    """Run a server in its own process and home, and yield the URL of its API."""
    port = find_free_port()
    url = f"http://127.0.0.1:{port}/api"
    environment = {**os.environ, "PREFECT_HOME": str(home / "server"), **settings}
    command = [sys.executable, "-m", "prefect", "server", "start", "--port", str(port)]
    with open(home / "server.log", "w") as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while not is_healthy(url):
            assert process.poll() is None and time.monotonic() < deadline, (home / "server.log").read_text()
            time.sleep(0.05)
        yield url
    finally:
        process.terminate()
        process.wait(TIMEOUT_SECONDS)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A server in its own process and home, set as PREFECT_API_URL."""
    with run_server(tmp_path) as url:
        monkeypatch.setenv("PREFECT_API_URL", url)
        yield


def is_healthy(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=1):
            return True
    except OSError:
        return False


def test_commands_with_a_server(run: Run, server: None) -> None:
    def ok(*args: str) -> str:
        outcome = run(*args)
        assert (outcome.code, outcome.err) == (0, ""), outcome
        return outcome.out

    ok("work-pool", "create", "shed", "--type", "process")
    ok("work-queue", "create", "fast", "-p", "shed")
    client = get_client(sync_client=True)
    client.create_deployment(client.create_flow_from_name("load"), "nightly", work_pool_name="shed")
    ok("deployment", "schedule", "create", "load/nightly", "--cron", "0 0 1 1 *")
    assert table(ok("deployment", "schedule", "ls", "load/nightly"))[0][1:] == ["cron: 0 0 1 1 *", "True"]
    made = ok("deployment", "run", "load/nightly", "--start-in", "1 hour", "--flow-run-name", "later")
    assert "later" in made
    assert run("deployment", "inspect", "load/nightyl").err.endswith("Did you mean 'load/nightly'?\n")
    assert "Cancelled flow run 'later'" in ok("flow-run", "cancel", "later")
    watched = run("flow-run", "watch", "later")
    assert (watched.code, watched.err[:32]) == (1, "Error: Flow run 'later' ended Ca")
    assert "is scheduled for retry" in ok("flow-run", "retry", "later")
    ok("variable", "set", "x", "1")
    assert json.loads(ok("variable", "inspect", "x", "-o", "json"))["value"] == 1
    ok("gcl", "create", "api", "-l", "2")
    ok("concurrency-limit", "create", "database", "3")
    assert len(table(ok("block", "type", "ls"))) > 10
    assert run("block", "type", "delete", "secret").err == (
        "Error: The block type 'secret' is protected and cannot be deleted.\n"
    )
    assert table(ok("automation", "ls")) == []
    ok("events", "emit", "paid", "--resource-id", "bill.1")
    assert run("events", "stream", "--run-once").json["event"]


@pytest.mark.parametrize("args", [("variable", "ls"), ("events", "stream")])
def test_unavailable_server_error_is_one_line(
    run: Run, free_url: str, monkeypatch: pytest.MonkeyPatch, args: tuple[str, ...]
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", free_url)
    monkeypatch.setenv("PREFECT_CLIENT_MAX_RETRIES", "0")
    monkeypatch.setattr(_websockets, "RECONNECT_INTERVAL_SECONDS", 0)
    outcome = run(*args)
    assert (outcome.code, outcome.out) == (1, "")
    last = outcome.err.splitlines()[-1]
    assert last.startswith("Error: ")
    assert free_url.rpartition("/")[0].removeprefix("http") in last
