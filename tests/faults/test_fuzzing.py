"""Valid and invalid requests generated from the OpenAPI document: no response may be a 5xx.

`FAULTS=long` makes at least 20,000 of them.
"""

import http.client
import itertools
import json
import os
import re
import subprocess
import sys
import urllib.request
from contextlib import closing
from pathlib import Path

import pytest

from tests import postgres
from tools import serving

LONG = os.environ.get("FAULTS") == "long"

pytestmark = [pytest.mark.timeout(3000 if LONG else 240), pytest.mark.served]

PHASES = (
    (("coverage,fuzzing", "--max-examples", "100"), ("stateful", "--max-time", "120"))
    if LONG
    else (("fuzzing", "--max-examples", "4", "--seed", "1"),)
)
"""Single requests, and chains in which a request uses the previous response. The short form always makes the same."""

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

WRONG = {
    b'{"sort": "id; DROP TABLE flow_run"}': ["body", "sort"],
    b'{"sort": 7}': ["body", "sort"],
    b'{"limit": "all"}': ["body", "limit"],
    b'{"offset": -1}': ["body", "offset"],
    b'{"flow_runs": {"id": {"any_": ["no-uuid"]}}}': ["body", "flow_runs", "id", "any_", 0],
    b'{"flow_runs": {"start_time": {"after_": "soon"}}}': ["body", "flow_runs", "start_time", "after_"],
    b'{"flow_runs": {"state": {"type": {"any_": ["DONE"]}}}}': ["body", "flow_runs", "state", "type", "any_", 0],
    b'{"flow_runs": [[]]}': ["body", "flow_runs"],
}
"""Invalid filters of flow runs, and the location that the response must name."""


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_generated_requests_cause_no_server_error(kind: str, tmp_path: Path) -> None:
    database, variables = None, {}
    if kind == "postgres":
        postgres.need()
        database = postgres.Postgres()
        database.start()
        variables = {"PREFECT_SERVER_DATABASE_CONNECTION_URL": database.create("fuzzed")}
    made = 0
    try:
        with serving.server(tmp_path / "server", **variables) as served:
            assert served.process is not None
            # The first answer is built from all operations, for longer than the tool waits on a busy machine.
            with urllib.request.urlopen(f"{served.url}/openapi.json") as document:
                document.read()
            for phases in PHASES:
                done = subprocess.run(_command(served.url, phases), capture_output=True, text=True, cwd=tmp_path)
                assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
                assert served.process.poll() is None, "the server ended"
                made += int(re.findall(r"([\d,]+) generated", done.stdout.replace("\n", " "))[-1].replace(",", ""))
            assert served.healthy()
    finally:
        if database is not None:
            database.remove()
    print(made, "requests")
    assert made >= (20_000 if LONG else 200)


def _command(url: str, phases: tuple[str, ...]) -> list[str]:
    tool = str(Path(sys.executable).parent / "schemathesis")
    return [
        *(tool, "run", f"{url}/openapi.json", "--url", url, "--checks", "not_a_server_error", "--no-color"),
        *("--phases", *phases, "--continue-on-failure"),
        *("--no-shrink", "--suppress-health-check", "all", "--warnings", "off", "--generation-database", "none"),
        # Resetting a store, or listening for ever, is not for a test.
        *("--exclude-path-regex", "/admin/storage", "--request-timeout", "30"),
    ]


def test_malformed_bodies_cause_no_server_error(tmp_path: Path) -> None:
    paths = ("/flow_runs/filter", "/flows/", "/flow_runs/", "/logs/", "/events", "/variables/", "/deployments/")
    with (
        serving.server(tmp_path / "server") as served,
        closing(http.client.HTTPConnection("127.0.0.1", served.port, timeout=30)) as connection,
    ):
        for path, body in itertools.product(paths, BODIES):
            status, text = _answer(connection, path, body)
            assert status < 500, (path, body[:80], text[:500])
        for body, place in WRONG.items():
            status, text = _answer(connection, "/flow_runs/filter", body)
            assert status == 422
            assert [error["loc"] for error in json.loads(text)["exception_detail"]] == [place]
        assert _answer(connection, "/flow_runs/filter", b'{"offset": 9223372036854775808}') == (200, b"[]")
        for path in ("/flow_runs/no-uuid", "/flow_runs/%00", "/variables/name/%27%20OR%201=1"):
            assert _answer(connection, path, method="GET")[0] == 404
        connection.request("POST", "/api/logs/", headers={"Content-Length": str(1 << 40)})
        assert connection.getresponse().status == 413
        assert served.healthy()


def _answer(
    connection: http.client.HTTPConnection, path: str, body: bytes | None = None, method: str = "POST"
) -> tuple[int, bytes]:
    connection.request(method, f"/api{path}", body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    return answer.status, answer.read()
