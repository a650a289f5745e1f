"""The published integrations on this package: all modules are imported, and real flows run.

They are installed by `make integrations`, in a virtual environment of their own; without it these tests are skipped.
"""

from __future__ import annotations

import http.server
import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from tools import serving
from tools.ports import find_free_port

ROOT = Path(__file__).parent.parent.parent
PROGRAMS = Path(__file__).parent / "programs"
PYTHON = ROOT / ".cache" / "venv-integrations" / "bin" / "python"
TIMEOUT_SECONDS = 900

pytestmark = [
    pytest.mark.skipif(not PYTHON.exists(), reason="the integrations are not installed: make integrations"),
    pytest.mark.timeout(TIMEOUT_SECONDS),
]


def run(program: str, directory: Path, **variables: str) -> None:
    """Run a program with the integrations, and fail with what it printed."""
    # Its directory holds modules with the names of libraries, which -P keeps from being imported.
    command = [str(PYTHON), "-P", str(PROGRAMS / f"{program}.py")]
    environment = {**os.environ, **variables}
    done = subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-5000:]


@pytest.mark.parametrize("program", ["imports", "shell", "sqlalchemy", "dbt", "dask"])
def test_program_runs(program: str, tmp_path: Path):
    run(program, tmp_path)


@pytest.mark.served
def test_workers_take_runs(tmp_path: Path):
    with serving.server(tmp_path / "server") as served:
        run("workers", tmp_path, PREFECT_API_URL=served.url, PREFECT_INTEGRATIONS_KUBERNETES_OBSERVER_ENABLED="false")


def test_mail_reaches_the_server(tmp_path: Path):
    mails: list[bytes] = []

    class Handler:
        async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
            mails.append(envelope.content)
            return "250 OK"

    controller = Controller(
        Handler(),
        hostname="127.0.0.1",
        port=find_free_port(),
        authenticator=lambda *_: AuthResult(success=True),
        auth_require_tls=False,
    )
    controller.start()
    try:
        run("email", tmp_path, SMTP_PORT=str(controller.port))
    finally:
        controller.stop()
    assert len(mails) == 1 and b"All went well." in mails[0]


@pytest.fixture
def webhook() -> Iterator[tuple[str, list[bytes]]]:
    bodies: list[bytes] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, format: str, *args: Any) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/hook", bodies
        server.shutdown()
        thread.join()


def test_messages_reach_the_webhook(webhook: tuple[str, list[bytes]], tmp_path: Path):
    url, bodies = webhook
    run("slack", tmp_path, HOOK_URL=url)
    assert b"from the task" in bodies[0] and b"from the block" in bodies[1]


def test_directory_of_a_repository_is_fetched(tmp_path: Path):
    repository = tmp_path / "repository"
    repository.mkdir()
    (repository / "read.me").write_text("hello\n")
    for arguments in ("init -q", "add .", "-c user.name=a -c user.email=a@example.org commit -q -m first"):
        subprocess.run(["git", *arguments.split()], cwd=repository, check=True)
    run("github", tmp_path, REPOSITORY=f"file://{repository}")


def test_results_are_stored_in_a_bucket(tmp_path: Path):
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        run("aws", tmp_path, S3_URL=f"http://127.0.0.1:{server.get_host_and_port()[1]}")
    finally:
        server.stop()
