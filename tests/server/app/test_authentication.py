"""Principals and their permissions over HTTP, in process and on websockets, with authenticators of the test's own."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.types import Scope
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from prefect.server.app import Server, sockets
from prefect.server.app.authentication import (
    TOKEN,
    AuthStringAuthenticator,
    allow_anonymous,
    allow_health_checks,
    authenticate,
    default_authenticators,
)
from prefect.server.app.csrf import CsrfAuthenticator
from prefect.server.db.errors import StoreUnavailable
from prefect.server.db.sqlite.writer import SqliteWriterDatabase
from prefect.server.local import LocalApplication
from prefect.server.principals import ADMIN, ANONYMOUS, Permission, Principal
from prefect.server.services.core.errors import Forbidden
from prefect.settings import (
    PREFECT_SERVER_API_AUTH_STRING,
    PREFECT_SERVER_API_CSRF_PROTECTION_ENABLED,
    get_current_settings,
    temporary_settings,
)
from tests.server.websocket_client import TIMEOUT_SECONDS, connect_client, ping, serve

READER = Principal("reader", "token", frozenset({Permission.READ}))
WORKER = Principal("worker", "token", frozenset({Permission.READ, Permission.WORK}))
PROTOCOL = Subprotocol("prefect")


async def by_token(scope: Scope) -> Principal | None:
    """Recognise the tokens `reader` and `worker`, over HTTP as bearer tokens."""
    if scope["type"] == "websocket":
        token = scope.get(TOKEN)
    else:
        token = dict(scope["headers"]).get(b"authorization", b"").decode().removeprefix("Bearer ")
    return {"reader": READER, "worker": WORKER}.get(token or "")


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    """A server whose callers are recognised by their tokens."""
    database = SqliteWriterDatabase(tmp_path / "store.db")
    await database.open()
    server = Server(get_current_settings(), database, loops=False, authenticators=[by_token])
    server.bus.start(database)
    yield server
    await database.close()


def http(server: Server, token: str) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(server.app)
    headers = {"authorization": f"Bearer {token}"}
    return httpx.AsyncClient(transport=transport, base_url="http://test/api", headers=headers)


# --- HTTP ------------------------------------------------------------------------------------------------------------


async def test_unknown_caller_is_unauthorized(server: Server) -> None:
    async with http(server, "nobody") as anonymous:
        for path in ("/version", "/nowhere", "/openapi.json"):
            response = await anonymous.get(path)
            assert (response.status_code, response.json()) == (401, {"exception_message": "Unauthorized"})


async def test_read_only_principal_reads_and_is_refused_for_a_write(server: Server) -> None:
    async with http(server, "reader") as reader:
        assert (await reader.post("/flows/filter", json={})).status_code == 200
        assert (await reader.get("/openapi.json")).status_code == 200
        response = await reader.post("/variables/", json={"name": "a", "value": 1})
        detail = "POST /variables/ requires the permission 'write', which 'reader' does not have."
        assert (response.status_code, response.json()) == (403, {"detail": detail})
        assert (await reader.post("/variables/filter", json={})).json() == []


@pytest.mark.parametrize(
    ("method", "path", "body", "permission"),
    [
        ("POST", "/variables/", b'{"name": 1', "write"),
        ("POST", "/variables/", b"{}", "write"),
        ("POST", "/journal", b"no record", "work"),
        ("DELETE", "/flows/00000000-0000-0000-0000-000000000000", b"", "write"),
        ("GET", "/admin/settings", b"", "admin"),
    ],
)
async def test_permission_is_checked_before_the_request_is_parsed(
    server: Server, method: str, path: str, body: bytes, permission: str
) -> None:
    async with http(server, "reader") as reader:
        response = await reader.request(method, path, content=body)
    assert response.status_code == 403
    assert f"requires the permission '{permission}'" in response.json()["detail"]


async def test_worker_may_report_and_not_change_objects(server: Server) -> None:
    async with http(server, "worker") as worker:
        flow = await worker.post("/flows/", json={"name": "etl"})
        assert flow.status_code == 201
        assert (await worker.post("/flow_runs/", json={"flow_id": flow.json()["id"]})).status_code == 201
        assert (await worker.delete(f"/flows/{flow.json()['id']}")).status_code == 403


# --- in process ------------------------------------------------------------------------------------------------------


async def test_read_only_principal_is_refused_for_a_write_in_process(home: Path) -> None:
    reader = LocalApplication(home, READER)
    with pytest.raises(Forbidden, match="POST /variables/ requires the permission 'write'"):
        await reader.call("POST", "/variables/", {}, {"name": "a", "value": 1})
    assert await reader.call("POST", "/variables/filter", {}) == []


# --- websockets ------------------------------------------------------------------------------------------------------


async def get_close(address: str, token: Any) -> tuple[int, str]:
    async with connect(address, subprotocols=[PROTOCOL], ping_interval=None) as socket:
        await socket.send(json.dumps({"type": "auth", "token": token}))
        with pytest.raises(ConnectionClosed) as closed:
            await asyncio.wait_for(socket.recv(), TIMEOUT_SECONDS)
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code, closed.value.rcvd.reason


def test_websockets_require_the_permissions_of_the_table() -> None:
    assert {stream.path: stream.requires.value for stream in sockets.STREAMS} == {
        "/events/in": "work",
        "/events/out": "read",
        "/logs/out": "read",
        "/task_runs/subscriptions/scheduled": "work",
        "/work_pools/{work_pool_name}/workers/connect": "work",
    }


async def test_read_only_principal_is_refused_on_a_websocket_that_writes(server: Server) -> None:
    async with serve(server) as address:
        for path in ("/events/in", "/task_runs/subscriptions/scheduled"):
            reason = f"{path} requires the permission 'work', which 'reader' does not have."
            assert await get_close(f"{address}{path}", "reader") == (1008, reason)
        path = "/work_pools/default/workers/connect"
        assert await get_close(f"{address}{path}", "reader") == (1008, "authentication_failed")


async def test_websocket_accepts_principals_with_its_permission(server: Server) -> None:
    async with serve(server) as address:
        async with connect_client(f"{address}/events/in", token="worker") as socket:
            await ping(socket)
        async with connect_client(f"{address}/logs/out", token="reader") as socket:
            await ping(socket)


async def test_websocket_refuses_unknown_callers(server: Server) -> None:
    async with serve(server) as address:
        assert await get_close(f"{address}/events/in", "nobody") == (1008, "Invalid token")
        assert await get_close(f"{address}/events/in", None) == (1008, "Auth required but no token provided")
        with pytest.raises(InvalidStatus) as refused:
            async with connect(f"{address}/events/out", ping_interval=None):
                pass
        assert refused.value.response.status_code == 403


# --- authenticators --------------------------------------------------------------------------------------------------


def request(path: str = "/api/version", authorization: bytes | None = None) -> Scope:
    headers = [] if authorization is None else [(b"authorization", authorization)]
    return {"type": "http", "path": path, "root_path": "/api", "headers": headers}


async def test_first_authenticator_that_recognises_the_caller_decides() -> None:
    async def refuse_everyone(_: Scope) -> None:
        return None

    async def reader(_: Scope) -> Principal:
        return READER

    assert await authenticate(request(), [refuse_everyone, reader, allow_anonymous]) is READER
    assert await authenticate(request(), [refuse_everyone]) is None
    assert await authenticate(request(), []) is None


@pytest.mark.parametrize(
    ("scope", "principal"),
    [
        (request(authorization=b"Basic YTpi"), ADMIN),
        (request(authorization=b"Basic YTpj"), None),
        (request(authorization=b"Bearer a:b"), None),
        (request(), None),
        ({"type": "websocket", TOKEN: "a:b"}, ADMIN),
        ({"type": "websocket", TOKEN: "a:c"}, None),
        ({"type": "websocket", TOKEN: 5}, None),
        ({"type": "websocket", TOKEN: None}, None),
        ({"type": "websocket"}, None),
    ],
)
async def test_auth_string_is_recognised_in_requests_and_websockets(scope: Scope, principal: Principal | None) -> None:
    assert await AuthStringAuthenticator("a:b")(scope) is principal


async def test_health_checks_need_no_credentials_and_may_only_read() -> None:
    for path in ("/api/health", "/api/ready"):
        principal = await allow_health_checks(request(path))
        assert principal is not None and principal.permissions == {Permission.READ}
    for scope in (request("/api/version"), request("/health/x"), {"type": "websocket", "path": "/api/health"}):
        assert await allow_health_checks(scope) is None


@pytest.mark.parametrize(("auth_string", "principal"), [(None, ANONYMOUS), ("", ANONYMOUS), ("a:b", None)])
async def test_callers_without_credentials_are_anonymous_unless_there_is_an_auth_string(
    auth_string: str | None, principal: Principal | None
) -> None:
    with temporary_settings({PREFECT_SERVER_API_AUTH_STRING: auth_string}):
        authenticators = default_authenticators(get_current_settings())
    assert await authenticate(request(), authenticators) is principal


# --- CSRF tokens -----------------------------------------------------------------------------------------------------


@pytest.fixture
async def guarded(tmp_path: Path) -> AsyncIterator[Server]:
    """A server that requires CSRF tokens, and recognises its callers by their tokens."""
    database = SqliteWriterDatabase(tmp_path / "store.db")
    await database.open()
    with temporary_settings({PREFECT_SERVER_API_CSRF_PROTECTION_ENABLED: True}):
        server = Server(get_current_settings(), database, loops=False, authenticators=[by_token])
        server.bus.start(database)
        yield server
    await database.close()


async def test_unsafe_request_needs_a_valid_csrf_token_of_its_client(guarded: Server) -> None:
    async with http(guarded, "reader") as client:
        token = (await client.get("/csrf-token", params={"client": "me"})).json()["token"]
        for headers, detail in (
            ({}, "The request has no CSRF token: fetch one, and send it as Prefect-Csrf-Token."),
            (
                {"prefect-csrf-token": token},
                "The request does not name the client of its CSRF token: send Prefect-Csrf-Client.",
            ),
            (
                {"prefect-csrf-token": token, "prefect-csrf-client": "you"},
                "Invalid CSRF token or client: fetch another token.",
            ),
        ):
            refused = await client.post("/flows/filter", json={}, headers=headers)
            assert (refused.status_code, refused.json()) == (403, {"detail": detail})
        accepted = await client.post(
            "/flows/filter", json={}, headers={"prefect-csrf-token": token, "prefect-csrf-client": "me"}
        )
        assert accepted.status_code == 200


async def test_safe_request_needs_no_csrf_token(guarded: Server) -> None:
    async with http(guarded, "reader") as client:
        assert (await client.get("/version")).status_code == 200


async def test_request_without_credentials_and_csrf_token_is_unauthorized(guarded: Server) -> None:
    async with http(guarded, "nobody") as client:
        assert (await client.post("/flows/filter", json={})).status_code == 401


async def test_version_of_an_old_client_is_refused_before_its_csrf_token(guarded: Server) -> None:
    async with http(guarded, "reader") as client:
        answer = await client.post("/flows/filter", json={}, headers={"x-prefect-api-version": "0.1.0"})
    assert answer.status_code == 400


async def test_websocket_needs_no_csrf_token(guarded: Server) -> None:
    scope = {"type": "websocket", TOKEN: "reader"}
    assert await authenticate(scope, guarded.authenticators) is READER


async def test_request_is_refused_for_now_when_csrf_tokens_cannot_be_read(
    guarded: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: Any) -> Any:
        raise StoreUnavailable("The database is unavailable.")

    monkeypatch.setattr(guarded.database, "read", fail)
    headers = {"prefect-csrf-token": "t", "prefect-csrf-client": "me"}
    async with http(guarded, "reader") as client:
        answer = await client.post("/flows/filter", json={}, headers=headers)
    assert (answer.status_code, answer.headers["prefect-journal"]) == (503, "1")


async def test_csrf_authenticator_leaves_the_decision_to_others(guarded: Server) -> None:
    scope = {**request(), "method": "GET"}
    assert await CsrfAuthenticator([allow_anonymous], guarded.database)(scope) is ANONYMOUS
    assert await CsrfAuthenticator([], guarded.database)(scope) is None
