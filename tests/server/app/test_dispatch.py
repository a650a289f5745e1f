"""Requests are dispatched ahead of FastAPI, with the answers that FastAPI would give."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute

from prefect.server.app import Server
from prefect.server.app.dispatch import OperationDispatcher
from prefect.server.db.sqlite.writer import SqliteWriterDatabase
from prefect.server.routes import list_operations
from prefect.server.routes.core.parameters import list_parameters
from prefect.settings import get_current_settings


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    database = SqliteWriterDatabase(tmp_path / "store.db")
    await database.open()
    yield Server(get_current_settings(), database, loops=False)
    await database.close()


def connect(app: Any) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test/api")


@pytest.fixture
def by_fastapi(server: Server, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths that FastAPI's routes have answered."""
    paths: list[str] = []
    handle = APIRoute.get_route_handler

    def recording(route: APIRoute) -> Any:
        paths.append(route.path)
        return handle(route)

    monkeypatch.setattr(APIRoute, "get_route_handler", recording)
    return paths


async def test_valid_request_does_not_reach_fastapi(server: Server, by_fastapi: list[str]) -> None:
    async with connect(server.app) as client:
        created = await client.post("/flows/", json={"name": "etl"})
        read = await client.get(f"/flows/{created.json()['id']}")
        found = await client.post("/flows/filter", json={"limit": 1, "offset": None})
        counted = await client.post("/flows/count")
    assert (created.status_code, read.json()["name"], counted.json()) == (201, "etl", 1)
    assert [flow["name"] for flow in found.json()] == ["etl"]
    assert by_fastapi == []


async def test_large_response_is_compressed_when_the_client_accepts_it(server: Server, by_fastapi: list[str]) -> None:
    async with connect(server.app) as client:
        await client.post("/flows/", json={"name": "etl", "labels": {"text": "x" * 20_000}})
        for accepted, encoding in (("gzip", "gzip"), ("identity", None)):
            found = await client.post("/flows/filter", headers={"accept-encoding": accepted})
            assert found.headers.get("content-encoding") == encoding
            assert found.headers["vary"] == "Accept-Encoding"
            assert len(found.json()[0]["labels"]["text"]) == 20_000
    assert by_fastapi == []


INVALID = [
    ("POST", "/flows/", {"json": {}}),
    ("POST", "/flows/", {"json": {"name": 3}}),
    ("POST", "/flows/", {"json": ["name"]}),
    ("POST", "/flows/", {"content": b""}),
    ("POST", "/flows/", {"content": b"name=etl", "headers": {"content-type": "application/x-www-form-urlencoded"}}),
    ("POST", "/flows/filter", {"json": {"limit": "many"}}),
    ("POST", "/flows/filter", {"json": {"sort": "UNKNOWN"}}),
    ("GET", "/flow_runs/not-a-uuid", {}),
    ("GET", "/flows/00000000-0000-4000-8000-000000000000", {}),
    ("DELETE", "/flows/", {}),
    ("POST", "/nowhere", {"json": {}}),
    ("POST", "/flows/", {"content": b"{", "headers": {"content-type": "application/json"}}),
]


@pytest.mark.parametrize(("method", "path", "request_"), INVALID)
async def test_invalid_request_is_answered_as_fastapi_does(
    server: Server, monkeypatch: pytest.MonkeyPatch, method: str, path: str, request_: dict[str, Any]
) -> None:
    async with connect(server.app) as client:
        direct = await client.request(method, path, **request_)

        async def bypass(self: OperationDispatcher, scope: Any, receive: Any, send: Any) -> None:
            await self._app(scope, receive, send)

        monkeypatch.setattr(OperationDispatcher, "__call__", bypass)
        expected = await client.request(method, path, **request_)
    assert (direct.status_code, direct.content) == (expected.status_code, expected.content)
    assert direct.status_code >= 400


async def test_bug_in_an_operation_answers_500(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(work: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(server.database, "read", fail)
    async with connect(server.app) as client:
        answer = await client.post("/flows/count")
    assert (answer.status_code, answer.json()) == (500, {"exception_message": "Internal Server Error"})


def test_no_operation_has_a_list_in_its_query() -> None:
    """A query parameter is read once: FastAPI would collect the values of a list."""
    parameters = [parameter for operation in list_operations() for parameter in list_parameters(operation)]
    queries = [parameter for parameter in parameters if parameter.location == "query"]
    assert queries
    assert not [parameter for parameter in queries if "list" in str(parameter.type)]


async def test_browser_request_gets_cors_headers(server: Server) -> None:
    async with connect(server.app) as client:
        plain = await client.post("/flows/count")
        browser = await client.post("/flows/count", headers={"Origin": "http://page.test"})
    assert "access-control-allow-origin" not in plain.headers
    assert browser.headers["access-control-allow-origin"] == "*"
    assert (plain.json(), browser.json()) == (0, 0)


async def test_mounted_application_serves_below_a_root_path(server: Server) -> None:
    transport = httpx.ASGITransport(server.app, root_path="/prefix")
    async with httpx.AsyncClient(transport=transport, base_url="http://test/prefix/api") as client:
        assert (await client.post("/flows/count")).json() == 0


async def test_client_that_goes_before_its_request_is_complete_is_no_failure(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    messages = [{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}]
    sent: list[Any] = []

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "path": "/api/v2/concurrency_limits/increment-with-lease",
        "query_string": b"",
        "headers": [(b"content-type", b"application/json"), (b"content-length", b"100")],
        "client": ("127.0.0.1", 1),
    }
    await server.app(scope, receive, send)
    assert sent[0]["status"] == 499
    assert not [record for record in caplog.records if record.levelname == "ERROR"]
