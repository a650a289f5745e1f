"""`prefect server`, `prefect api`: real processes on free ports."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from contextlib import closing
from pathlib import Path

import pytest

from prefect import __version__
from tools.ports import find_free_port

TIMEOUT_SECONDS = 60.0


@pytest.fixture
def environment(home: Path) -> dict[str, str]:
    """A clean environment with a free port."""
    port = find_free_port()
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")},
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_API_PORT": str(port),
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
    }


def prefect(environment: dict[str, str], *arguments: str, code: int = 0) -> str:
    """Run a command and return its output, or its errors if it is expected to fail."""
    done = subprocess.run(
        [sys.executable, "-m", "prefect", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
    )
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    return done.stderr if code == 1 and done.stderr else done.stdout


class Running:
    """A command that runs until it is stopped."""

    def __init__(self, environment: dict[str, str], *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "prefect", *arguments],
            env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        self.output = ""

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def read_until(self, text: str) -> str:
        """Read output until a line contains this text."""
        assert self.process.stdout is not None
        while text not in self.output:
            line = self.process.stdout.readline()
            assert line, self.output
            self.output += line
        return self.output

    def stop(self, signal_number: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        """Send a signal; return the exit code and the whole output."""
        self.process.send_signal(signal_number)
        rest, _ = self.process.communicate(timeout=TIMEOUT_SECONDS)
        return self.process.returncode, self.output + (rest or "")


def fetch(url: str) -> object:
    with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as answer:
        return json.loads(answer.read())


@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGINT])
def test_server_stops_on_signal(environment: dict[str, str], home: Path, signal_number: signal.Signals) -> None:
    with Running(environment, "server", "start") as server:
        output = server.read_until("Ctrl+C")
        assert environment["PREFECT_API_URL"] in output and str(home / "pluperfect.db") in output
        assert fetch(environment["PREFECT_API_URL"] + "/health") is True
        code, output = server.stop(signal_number)
    assert code == 0, output
    assert output.rstrip().endswith("Stopped.")
    assert "Traceback" not in output


def test_start_options_override_environment(environment: dict[str, str]) -> None:
    with Running(environment, "server", "start", "--port", "0", "--log-level", "debug", "--no-services") as server:
        url = next(line.split()[-1] for line in server.read_until("Ctrl+C").splitlines() if "running at" in line)
        assert url != environment["PREFECT_API_URL"]
        assert fetch(url + "/version") == "0.8.4"
        _, output = server.stop()
    assert "GET /api/version 200" in output


def test_logs_are_json_when_configured(environment: dict[str, str]) -> None:
    environment["PREFECT_LOGGING_HANDLERS_CONSOLE_FORMATTER"] = "json"
    with Running(environment, "server", "start", "--log-level", "debug") as server:
        server.read_until("Ctrl+C")
        request = urllib.request.Request(environment["PREFECT_API_URL"] + "/version", headers={"x-request-id": "mine"})
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS):
            pass
        _, output = server.stop()
    logged = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    assert [line["request_id"] for line in logged if line["name"] == "prefect.server.requests"] == ["mine"]


def test_start_fails_when_port_is_in_use(environment: dict[str, str]) -> None:
    port = int(environment["PREFECT_SERVER_API_PORT"])
    with closing(socket.socket()) as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        output = prefect(environment, "server", "start", code=1)
        assert f"Port {port} of 127.0.0.1 cannot be served (Address already in use)" in output
        assert f"Port {port} of 127.0.0.1" in prefect(environment, "server", "start", "--background", code=1)


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("postgresql+asyncpg://u:secret@127.0.0.1:1/n", "The database at '127.0.0.1:1/n' cannot be reached"),
        ("sqlite+aiosqlite:////proc/nowhere/x.db", "cannot be made"),
        ("mysql://u@h/n", "begins with 'mysql'"),
        ("sqlite+aiosqlite:///:memory:", "in memory"),
    ],
)
def test_start_fails_for_unusable_database(environment: dict[str, str], url: str, sentence: str) -> None:
    output = prefect(environment | {"PREFECT_SERVER_DATABASE_CONNECTION_URL": url}, "server", "start", code=1)
    assert sentence in output and output.count("\n") == 1 and "secret" not in output


def test_background_start_reports_error(environment: dict[str, str], home: Path) -> None:
    environment["PREFECT_SERVER_DATABASE_CONNECTION_URL"] = "postgresql+asyncpg://u:secret@127.0.0.1:1/n"
    output = prefect(environment, "server", "start", "--background", code=1)
    assert "The server failed to start: The database at '127.0.0.1:1/n' cannot be reached" in output
    assert not (home / "server.pid").exists()


def test_background_server(environment: dict[str, str], home: Path) -> None:
    assert "No server running in the background." in prefect(environment, "server", "stop")
    output = prefect(environment, "server", "status", code=1)
    assert "is not available" in output
    assert "running at " + environment["PREFECT_API_URL"] in prefect(environment, "server", "start", "--background")
    try:
        assert "already" in prefect(environment, "server", "start", "--background", code=1)
        assert json.loads(prefect(environment, "server", "status", "-o", "json")) == {
            "status": "available", "api_url": environment["PREFECT_API_URL"], "server_version": __version__,
        }  # fmt: skip
        assert "is available" in prefect(environment, "server", "status", "--wait", "--timeout", "5")
        assert json.loads(prefect(environment, "api", "POST", "/flows/", "--data", '{"name": "etl"}'))["name"] == "etl"
        (home / "request.json").write_text('{"flows": {"name": {"any_": ["etl"]}}}')
        found = prefect(environment, "api", "post", "flows/filter", "--data", f"@{home / 'request.json'}")
        assert [flow["name"] for flow in json.loads(found)] == ["etl"]
        assert "Not Found" in prefect(environment, "api", "GET", "/nowhere", code=4)
        assert json.loads(prefect(environment, "api", "--root", "GET", "/api/health")) is True
    finally:
        assert "Server stopped." in prefect(environment, "server", "stop")
    assert not (home / "server.pid").exists()
    assert "Traceback" not in (home / "server.log").read_text()
    prefect(environment, "api", "GET", "/health", code=7)
    waited = prefect(environment, "server", "status", "--wait", "-t", "1", "-o", "json", code=1)
    assert json.loads(waited)["status"] == "unavailable"


def test_services_run_without_api(environment: dict[str, str], home: Path) -> None:
    found = json.loads(prefect(environment, "server", "services", "ls", "-o", "json"))
    assert {"name", "enabled", "description", "seconds"} <= set(found[0])
    assert found[0]["name"] in prefect(environment, "server", "services", "list")
    assert "No services" in prefect(environment, "server", "services", "stop")
    assert "Services running" in prefect(environment, "server", "services", "start", "--background")
    assert "All services stopped." in prefect(environment, "server", "services", "stop")
    with Running(environment, "server", "services", "start") as services:
        services.read_until("Services running")
        assert services.stop()[0] == 0


def test_several_workers_require_postgresql(environment: dict[str, str]) -> None:
    assert "2 workers need PostgreSQL" in prefect(environment, "server", "start", "--workers", "2", code=1)


def test_several_workers_share_a_port(environment: dict[str, str], postgres_url: str) -> None:
    environment["PREFECT_SERVER_DATABASE_CONNECTION_URL"] = postgres_url
    with Running(environment, "server", "start", "--workers", "2") as server:
        server.read_until("Ctrl+C")
        url = environment["PREFECT_API_URL"]
        assert fetch(url + "/health") is True
        for number in range(10):
            prefect_body = json.dumps({"name": f"flow-{number}"}).encode()
            request = urllib.request.Request(url + "/flows/", prefect_body, {"content-type": "application/json"})
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
                assert answer.status == 201
        children = subprocess.run(
            ["pgrep", "-P", str(server.process.pid), "-f", "spawn_main"], capture_output=True, text=True, check=True
        ).stdout.split()
        assert len(children) == 2
        code, output = server.stop()
        assert (code, "Traceback" in output) == (0, False), output
