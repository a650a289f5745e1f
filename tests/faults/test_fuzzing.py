"""Requests made from our own OpenAPI document, right and wrong ones: none may be answered with a 5xx.

`FAULTS=long` makes at least 20,000 of them.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests import postgres
from tools import serving

LONG = os.environ.get("FAULTS") == "long"

pytestmark = [pytest.mark.timeout(3000 if LONG else 240), pytest.mark.served]

BODIES = (
    b"",
    b"{",
    b"[]",
    b"null",
    b'"text"',
    b"[" * 20_000,
    b'{"flow_runs": ' * 2_000 + b"1" + b"}" * 2_000,
    b'{"sort": "id; DROP TABLE flow_run"}',
    b'{"limit": 1e400}',
    b'{"limit": 100000000000000000000000}',
    b'{"offset": 9223372036854775808}',
    b'{"flow_runs": {"name": {"like_": "%\\u0000%"}}}',
    b'{"flow_runs": {"id": {"any_": ["no-uuid"]}}}',
    b'{"flow_runs": {"tags": {"all_": ["\' OR 1=1 --"]}}}',
    b"\xff\xfe\x00",
    b'{"name": "\\ud800"}',
)


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_no_request_is_answered_with_a_server_error(kind: str, tmp_path: Path) -> None:
    database, variables = None, {}
    if kind == "postgres":
        postgres.need()
        database = postgres.Postgres()
        database.start()
        variables = {"PREFECT_SERVER_DATABASE_CONNECTION_URL": database.create("fuzzed")}
    try:
        with serving.server(tmp_path / "server", **variables) as served:
            assert served.process is not None
            done = subprocess.run(_command(served.url), capture_output=True, text=True, cwd=tmp_path)
            assert served.process.poll() is None, "the server ended"
            assert served.healthy()
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
        if LONG:
            made = int(re.findall(r"([\d,]+) generated", done.stdout.replace("\n", " "))[-1].replace(",", ""))
            assert made >= 20_000, f"only {made} cases were made"
    finally:
        if database is not None:
            database.remove()


def _command(url: str) -> list[str]:
    tool = str(Path(sys.executable).parent / "schemathesis")
    return [
        *(tool, "run", f"{url}/openapi.json", "--url", url, "--checks", "not_a_server_error", "--no-color"),
        *("--phases", "coverage,fuzzing", "--max-examples", "60" if LONG else "2", "--continue-on-failure"),
        *("--no-shrink", "--suppress-health-check", "all", "--warnings", "off", "--generation-database", "none"),
        # Resetting a store, or listening for ever, is not for a test.
        *("--exclude-path-regex", "/admin/storage", "--request-timeout", "30"),
    ]


def test_bodies_that_no_document_describes(tmp_path: Path) -> None:
    import http.client

    with serving.server(tmp_path / "server") as served:
        connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=30)
        for path in (
            "/flow_runs/filter",
            "/flows/",
            "/flow_runs/",
            "/logs/",
            "/events",
            "/variables/",
            "/deployments/",
        ):
            for body in BODIES:
                connection.request("POST", f"/api{path}", body, {"Content-Type": "application/json"})
                answer = connection.getresponse()
                text = answer.read()
                assert answer.status < 500, (path, body[:80], text[:500])
        connection.request("POST", "/api/logs/", headers={"Content-Length": str(1 << 40)})
        assert connection.getresponse().status == 413
        connection.close()
        assert served.healthy()
