"""The middlewares of the API: what holds for every request."""

from __future__ import annotations

import base64
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from prefect.server.app import Server
from prefect.server.db.postgres.database import PostgresDatabase
from prefect.server.db.sqlite.writer import SqliteWriterDatabase
from prefect.settings import get_current_settings, temporary_settings


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[SqliteWriterDatabase]:
    database = SqliteWriterDatabase(tmp_path / "store.db")
    await database.open()
    yield database
    await database.close()


def client(database: SqliteWriterDatabase, url: str = "http://test/api", **options: Any) -> httpx.AsyncClient:
    """Return a client of a server with these settings of its API."""
    with temporary_settings({f"server.api.{name}": value for name, value in options.items()}):
        server = Server(get_current_settings(), database, loops=False)
    return httpx.AsyncClient(transport=httpx.ASGITransport(server.app), base_url=url)


@pytest.fixture
async def plain(shared_server: Any, opened: SqliteWriterDatabase) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a server with default settings."""
    shared_server.database.database = opened
    async with httpx.AsyncClient(transport=httpx.ASGITransport(shared_server.app), base_url="http://test/api") as plain:
        yield plain


# --- authentication --------------------------------------------------------------------------------------------------

OPEN = ("/health", "/ready")
CLOSED = (
    "/version",
    "/hello",
    "/docs",
    "/openapi.json",
    "/metrics",
    "/nowhere",
    "/admin/version",
    "/healthy",
    "/flows/",
)


async def test_requests_without_the_auth_string_are_unauthorized(opened: SqliteWriterDatabase) -> None:
    wrong = ["", "Basic", "Basic !", "Bearer admin:pässword", "Basic " + base64.b64encode(b"admin:other").decode()]
    right = "Basic " + base64.b64encode("admin:pässword".encode()).decode()
    async with client(opened, auth_string="admin:pässword") as authenticated:
        for path in OPEN:
            assert (await authenticated.get(path)).status_code == 200
        for path in CLOSED:
            for value in wrong:
                answer = await authenticated.get(path, headers=[(b"authorization", value.encode())])
                assert (answer.status_code, answer.json()) == (401, {"exception_message": "Unauthorized"})
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            assert (await authenticated.request(method, "/flows/")).status_code == 401
        assert (await authenticated.get("/version", headers={"authorization": right})).json() == "0.8.4"


@pytest.mark.parametrize(
    ("version", "status"),
    [("0.8.4", 200), ("0.8.0", 200), ("1.0.0", 200), ("0.7.9", 400), ("0.8", 400), ("x", 400), ("", 400)],
)
async def test_request_is_refused_when_the_api_version_is_too_old(
    plain: httpx.AsyncClient, version: str, status: int
) -> None:
    answer = await plain.get("/version", headers={"x-prefect-api-version": version})
    assert answer.status_code == status, answer.text


async def test_request_is_refused_when_the_body_is_too_large(plain: httpx.AsyncClient) -> None:
    one = b"x" * 1_000_000

    async def stream() -> AsyncIterator[bytes]:
        for _ in range(68):
            yield one

    headers = {"content-type": "application/json"}
    for body in (one * 68, stream()):
        answer = await plain.post("/flows/", content=body, headers=headers)
        assert answer.status_code == 413 and "send it in parts" in answer.json()["detail"]


# --- responses -------------------------------------------------------------------------------------------------------


async def test_responses_have_the_id_of_their_request(plain: httpx.AsyncClient) -> None:
    for path in ("/version", "/nowhere", "/flows/x"):
        answers = [await plain.get(path) for _ in range(2)]
        assert len({answer.headers["x-request-id"] for answer in answers}) == 2
        assert {answer.headers["prefect-journal"] for answer in answers} == {"1"}
        response = await plain.get(path, headers={"x-request-id": "mine"})
        assert response.headers["x-request-id"] == "mine"


async def test_request_log_has_the_request_id(plain: httpx.AsyncClient, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "prefect.server.requests"):
        await plain.get("/version", headers={"x-request-id": "mine"})
    assert [(record.getMessage()[:21], record.__dict__["request_id"]) for record in caplog.records] == [
        ("GET /api/version 200 ", "mine")
    ]
    assert "(mine)" in caplog.text


async def test_unexpected_error_is_answered_and_logged_with_the_request_id(
    plain: httpx.AsyncClient,
    opened: SqliteWriterDatabase,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def fail(*_: Any) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(opened, "read_briefly", fail)
    answer = await plain.post("/flows/filter", headers={"x-request-id": "mine"})
    assert (answer.status_code, answer.json()) == (500, {"exception_message": "Internal Server Error"})
    assert "POST /api/flows/filter failed (mine)" in caplog.text and "a bug" in caplog.text


async def test_large_responses_are_compressed_when_the_client_accepts_it(plain: httpx.AsyncClient) -> None:
    for taken, expected in (("gzip", "gzip"), ("identity", None)):
        answer = await plain.get("/openapi.json", headers={"accept-encoding": taken})
        assert answer.headers.get("content-encoding") == expected
        assert answer.json()["info"]["title"] == "Prefect REST API"
    assert "content-encoding" not in (await plain.get("/version")).headers


async def test_cors_headers_follow_the_settings(opened: SqliteWriterDatabase) -> None:
    preflight = {"origin": "http://ui.test", "access-control-request-method": "POST"}
    async with client(opened) as plain:
        assert (await plain.options("/flows/", headers=preflight)).headers["access-control-allow-origin"] == "*"
    async with client(
        opened, cors_allowed_origins="http://a.test,http://ui.test", cors_allowed_methods="GET"
    ) as strict:
        answer = await strict.options("/flows/", headers=preflight)
        assert (answer.status_code, answer.headers["access-control-allow-methods"]) == (400, "GET")
        found = await strict.get("/version", headers={"origin": "http://ui.test"})
        assert found.headers["access-control-allow-origin"] == "http://ui.test"
        other = await strict.get("/version", headers={"origin": "http://other.test"})
        assert "access-control-allow-origin" not in other.headers


async def test_path_without_trailing_slash_is_redirected(plain: httpx.AsyncClient) -> None:
    answer = await plain.post("/flows", json={"name": "etl"})
    assert (answer.status_code, answer.headers["location"]) == (307, "http://test/api/flows/")
    assert (await plain.post("/flows", json={"name": "etl"}, follow_redirects=True)).status_code == 201


@pytest.mark.parametrize("path", ["/docs", "/docs/oauth2-redirect", "/openapi.json", "/redoc"])
async def test_documentation_is_served(plain: httpx.AsyncClient, path: str) -> None:
    for method in ("GET", "HEAD"):
        assert (await plain.request(method, path)).status_code == 200


async def test_api_is_mounted_at_the_base_path_of_the_settings(opened: SqliteWriterDatabase) -> None:
    options = {"base_path": "/prefect/v3/", "auth_string": "a:b"}
    async with client(opened, "http://test/prefect/v3", **options) as elsewhere:
        assert (await elsewhere.get("/health")).json() is True
        assert (await elsewhere.get("/version")).status_code == 401
        assert (await elsewhere.get("/version", auth=("a", "b"))).json() == "0.8.4"
        assert "/prefect/v3/openapi.json" in (await elsewhere.get("/docs", auth=("a", "b"))).text
        assert (await elsewhere.get("http://test/api/health")).status_code == 404


# --- without a database ----------------------------------------------------------------------------------------------


async def test_server_is_healthy_and_not_ready_while_the_database_is_away(postgres_url: str) -> None:
    database = PostgresDatabase(postgres_url, retry_timeout=0.1)
    await database.open()
    database._address = "postgresql://app@127.0.0.1:1/away"
    server = Server(get_current_settings(), database)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(server.app), base_url="http://test/api") as plain:
        for path in ("/health", "/hello", "/version"):
            assert (await plain.get(path)).status_code == 200
        for answer in (await plain.get("/ready"), await plain.post("/flows/filter", json={})):
            assert (answer.status_code, answer.json()) == (503, {"exception_message": "Service Unavailable"})
    await server.stop()  # logs that the leadership could not be released


# --- bodies that make no sense ---------------------------------------------------------------------------------------

BODIES = [
    b"", b"{", b"\xff", b"null", b"[]", b'"x"', b"{}", b'{"name": 1}', b'{"name": null}', b'{"name": "\\ud800"}',
    b"[" * 100_000, b'{"name": "x", "labels": ' + b'{"a":' * 500 + b"1" + b"}" * 500 + b"}",
]  # fmt: skip


@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
async def test_invalid_body_is_refused(plain: httpx.AsyncClient, body: bytes) -> None:
    answer = await plain.post("/flows/", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 422, answer.text
    assert set(answer.json()) == {"exception_message", "exception_detail", "request_body"}


# --- metrics ---------------------------------------------------------------------------------------------------------


async def test_request_metrics_are_labelled_by_route(plain: httpx.AsyncClient) -> None:
    for path in (
        "/version",
        "/flows/00000000-0000-0000-0000-000000000001",
        "/flows/00000000-0000-0000-0000-000000000002",
    ):
        await plain.get(path)
    await plain.get("/nowhere/at/all")
    answer = await plain.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = answer.text.splitlines()
    counted = {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if not line.startswith("#")}
    assert counted['prefect_server_requests_total{method="GET",route="/version",status="200"}'] >= 1
    assert counted['prefect_server_requests_total{method="GET",route="/flows/{id:uuid}",status="404"}'] >= 2
    assert counted['prefect_server_requests_total{method="GET",route="unmatched",status="404"}'] >= 1
    assert counted['prefect_server_request_seconds_count{method="GET",route="/version"}'] >= 1
    assert {'prefect_server_queue_depth{queue="writes"}', 'prefect_server_queue_depth{queue="bus"}'} <= set(counted)
    assert counted["process_resident_memory_bytes"] > 1e6


async def test_loop_rounds_are_counted(opened: SqliteWriterDatabase) -> None:
    server = Server(get_current_settings(), opened)
    assert server.loops is not None and server.loops._observer is not None
    server.loops._observer("some-loop", 0.25, True)
    server.loops._observer("some-loop", -0.1, False)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(server.app), base_url="http://test/api") as plain:
        text = (await plain.get("/metrics")).text
    assert 'prefect_server_loop_rounds_total{loop="some-loop",outcome="succeeded"} 1.0' in text
    assert 'prefect_server_loop_rounds_total{loop="some-loop",outcome="failed"} 1.0' in text
    assert 'prefect_server_loop_lag_seconds{loop="some-loop"} 0.0' in text
