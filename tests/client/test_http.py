"""The HTTP transport: headers, retries, CSRF tokens, connections, and errors."""

import asyncio
import os
import pickle
import ssl
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

import prefect
from prefect.client import _http, _http_factory
from prefect.client.base import PrefectHttpxAsyncClient, PrefectHttpxSyncClient, ServerType
from prefect.client.orchestration import PrefectClient, SyncPrefectClient, get_client
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound, PrefectHTTPStatusError
from prefect.settings import temporary_settings
from prefect.types import now
from tests.client.serving import FakeApi, RecordedRequest, Reply

FLOW = {"id": str(uuid4()), "name": "etl", "tags": [], "labels": {}, "created": None, "updated": None}


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The delays before retries, which are recorded instead of slept."""
    made: list[float] = []

    async def note(seconds: float) -> None:
        made.append(seconds)

    monkeypatch.setattr(_http, "sleep", note)
    return made


@contextmanager
def settings(**values: Any):
    with temporary_settings({f"PREFECT_{name.upper()}": value for name, value in values.items()}):
        yield


# --- requests -------------------------------------------------------------------------------------------------------


def test_client_uses_the_url_of_the_settings(server: FakeApi) -> None:
    server.replies = [Reply(200, FLOW)]
    with get_client(sync_client=True) as client:
        assert client.server_type is ServerType.SERVER
        assert str(client.api_url) == f"{server.url}/"
        assert client.read_flow_by_name("a/b c").id == UUID(FLOW["id"])
    (request,) = server.requests
    assert (request.method, request.path) == ("GET", "/flows/name/a%2Fb%20c")
    assert request.headers["user-agent"] == f"prefect/{prefect.__version__} (API 0.8.4)"
    assert request.headers["x-prefect-api-version"] == "0.8.4"
    assert "authorization" not in request.headers


async def test_async_client_sends_concurrent_requests(server: FakeApi) -> None:
    server.replies = [Reply(200, [FLOW])]
    async with get_client() as client:
        answers = await asyncio.gather(*(client.read_flows(limit=number) for number in range(1, 6)))
    assert [flows[0].name for flows in answers] == ["etl"] * 5
    assert sorted(request.body["limit"] for request in server.requests) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("values", "header"),
    [
        ({"api_auth_string": "admin:pässword"}, "Basic YWRtaW46cMOkc3N3b3Jk"),
        ({"api_key": "pnu_1"}, "Bearer pnu_1"),
        ({"api_key": "pnu_1", "api_auth_string": "a:b"}, "Basic YTpi"),
    ],
)
def test_client_sends_credentials(server: FakeApi, values: dict[str, str], header: str) -> None:
    with settings(**values):
        get_client(sync_client=True).hello()
    assert server.requests[0].headers["authorization"] == header


def test_client_sends_custom_headers(server: FakeApi, caplog: pytest.LogCaptureFixture) -> None:
    with settings(client_custom_headers={"X-Team": "data", "User-Agent": "mine", "Prefect-Csrf-Token": "x"}):
        get_client(httpx_settings={"headers": {"X-Other": "1"}}, sync_client=True).hello()
    headers = server.requests[0].headers
    assert (headers["x-team"], headers["x-other"]) == ("data", "1")
    assert headers["user-agent"].startswith("prefect/")
    assert "prefect-csrf-token" not in headers
    assert "User-Agent" in caplog.text


def test_client_sends_worker_and_flow_headers(server: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT__WORKER_NAME", "w")
    monkeypatch.setenv("PREFECT__FLOW_ID", "f")
    monkeypatch.setenv("PREFECT__FLOW_NAME", "größer")
    get_client(sync_client=True).hello()
    headers = server.requests[0].headers
    assert (headers["x-prefect-worker-name"], headers["x-prefect-flow-id"]) == ("w", "f")
    assert "x-prefect-flow-name" not in headers


def test_request_encodes_path_query_and_body(server: FakeApi) -> None:
    client, id = get_client(sync_client=True), uuid4()
    answer = client.request(
        "POST",
        "/flow_runs/{id}/set_state",
        params={"a": True, "when": now(), "none": None},
        path_params={"id": id},
        json={"at": datetime(2031, 1, 2, tzinfo=timezone.utc), "for": timedelta(seconds=1.5), "ids": {id}},
        headers={"X-One": "1"},
    )
    assert answer.status_code == 200
    (request,) = server.requests
    assert (request.path, request.headers["x-one"]) == (f"/flow_runs/{id}/set_state", "1")
    assert request.query["a"] == ["true"]
    assert set(request.query) == {"a", "when"}
    assert request.body == {"at": "2031-01-02T00:00:00+00:00", "for": 1.5, "ids": [str(id)]}


# --- errors --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("status", "kind"), [(404, ObjectNotFound), (409, ObjectAlreadyExists)])
def test_object_errors_are_http_status_errors(server: FakeApi, status: int, kind: type[Exception]) -> None:
    server.replies = [Reply(status, {"detail": "why"})]
    client = get_client(sync_client=True)
    for expected in (kind, PrefectHTTPStatusError, httpx.HTTPStatusError):
        with pytest.raises(expected, match=r"why") as caught:
            client.read_flow(uuid4())
    error: Any = caught.value
    assert error.response.status_code == error.http_exc.response.status_code == status
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_http_status_error_shows_the_response_detail(server: FakeApi) -> None:
    server.replies = [Reply(423, {"detail": "Locked"}, {"Retry-After": "2"})]
    with pytest.raises(PrefectHTTPStatusError, match=r"423.*Locked") as caught:
        get_client(sync_client=True).increment_concurrency_slots(["a"], 1, "concurrency")
    assert caught.value.response.headers["Retry-After"] == "2"
    assert not isinstance(caught.value, ObjectNotFound)


def test_connect_error_names_the_address_and_the_setting() -> None:
    with settings(api_url="http://127.0.0.1:1/api"):
        client = get_client(sync_client=True)
        with pytest.raises(httpx.ConnectError, match=r"http://127.0.0.1:1 cannot be reached .* PREFECT_API_URL"):
            client.read_flow_runs()
        assert isinstance(client.api_healthcheck(), httpx.ConnectError)


# --- retries ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [408, 429, 502, 503])
def test_client_retries_transient_status_codes(server: FakeApi, pauses: list[float], status: int) -> None:
    server.replies = [Reply(status), Reply(status), Reply(200, [FLOW])]
    with settings(client_retry_jitter_factor=0):
        assert len(get_client(sync_client=True).read_flows()) == 1
    assert pauses == [2.0, 4.0]


async def test_async_client_retries_transient_status_codes(server: FakeApi, pauses: list[float]) -> None:
    server.replies = [Reply(503), Reply(200, [FLOW])]
    assert len(await get_client().read_flows()) == 1
    assert len(pauses) == 1


def test_retry_delay_has_jitter_above_retry_after(server: FakeApi, pauses: list[float]) -> None:
    server.replies = [Reply(429, headers={"Retry-After": "10"})] * 20 + [Reply(200, [])]
    with settings(client_max_retries=20, client_retry_jitter_factor=0.5):
        get_client(sync_client=True).read_flows()
    assert all(10 <= pause <= 15 for pause in pauses)
    assert len(set(pauses)) == 20


@pytest.mark.parametrize("zone", ["GMT", "-0000"])
def test_retry_delay_accepts_a_retry_after_date(server: FakeApi, pauses: list[float], zone: str) -> None:
    later = (now() + timedelta(seconds=30)).strftime(f"%a, %d %b %Y %H:%M:%S {zone}")
    server.replies = [Reply(503, headers={"Retry-After": later}), Reply(200, [])]
    with settings(client_retry_jitter_factor=0):
        get_client(sync_client=True).read_flows()
    assert 25 < pauses[0] <= 30


def test_client_retries_extra_status_codes(server: FakeApi, pauses: list[float]) -> None:
    server.replies = [Reply(500), Reply(200, [])]
    with pytest.raises(PrefectHTTPStatusError, match="500"):
        get_client(sync_client=True).read_flows()
    server.replies = [Reply(500), Reply(200, [])]
    with settings(client_retry_extra_codes="500,504"):
        assert get_client(sync_client=True).read_flows() == []
    assert len(pauses) == 1


def test_client_stops_after_max_retries(server: FakeApi, pauses: list[float]) -> None:
    server.replies = [Reply(503, {"detail": "busy"})]
    with settings(client_max_retries=3), pytest.raises(PrefectHTTPStatusError, match="busy"):
        get_client(sync_client=True).read_flows()
    assert (len(pauses), len(server.requests)) == (3, 4)


def test_client_retries_without_limit_during_maintenance(server: FakeApi, pauses: list[float]) -> None:
    server.replies = [Reply(503, headers={"Prefect-Maintenance": "true", "Retry-After": "1"})] * 9 + [Reply(200, [])]
    with settings(client_max_retries=1):
        assert get_client(sync_client=True).read_flows() == []
    assert len(pauses) == 9


def test_client_retries_a_lost_connection_after_the_first_response(server: FakeApi, pauses: list[float]) -> None:
    client = get_client(sync_client=True)
    server.replies = [Reply(0)]
    with pytest.raises(httpx.RemoteProtocolError, match="did not answer"):
        client.read_flows()  # no retries before the first response: the address may be wrong
    server.replies = [Reply(200, [])]
    client.read_flows()
    server.replies = [Reply(0), Reply(0), Reply(200, [FLOW])]
    assert len(client.read_flows()) == 1
    assert len(pauses) == 2


# --- CSRF tokens -----------------------------------------------------------------------------------------------------


@pytest.fixture
def csrf(server: FakeApi):
    """A server that issues CSRF tokens and rejects changes without the latest one."""
    tokens: dict[str, str] = {}

    _http.servers_without_csrf.clear()

    def answer(request: RecordedRequest) -> Reply | None:
        if request.path == "/csrf-token":
            client = request.query["client"][0]
            tokens[client] = f"token-{len(tokens)}"
            until = "2099-01-01T00:00:00Z"
            return Reply(200, {"token": tokens[client], "client": client, "expiration": until})
        shown = request.headers.get("prefect-csrf-client", ""), request.headers.get("prefect-csrf-token")
        if request.method != "GET" and shown not in tokens.items():
            return Reply(403, {"detail": "Invalid CSRF token or client identifier."})
        return None

    server.answer = answer
    with settings(client_csrf_support_enabled=True):
        yield tokens


def test_csrf_token_is_requested_once(server: FakeApi, csrf: dict[str, str]) -> None:
    with get_client(sync_client=True) as client:
        client.hello()
        client.delete_flow(uuid4())
        client.delete_flow(uuid4())
    assert [call.split()[1].split("/")[1] for call in server.calls] == ["hello", "csrf-token", "flows", "flows"]


def test_csrf_token_is_renewed_when_the_server_rejects_it(
    server: FakeApi, csrf: dict[str, str], pauses: list[float]
) -> None:
    client = get_client(sync_client=True)
    client.delete_flow(uuid4())
    csrf.clear()
    client.delete_flow(uuid4())
    assert len([call for call in server.calls if "csrf" in call]) == 2
    assert sum(pauses) == 0


async def test_csrf_token_works_for_concurrent_requests(server: FakeApi, csrf: dict[str, str]) -> None:
    async with get_client() as client:
        await asyncio.gather(*(client.delete_flow(uuid4()) for _ in range(20)))


@pytest.mark.parametrize("status", [404, 422])
def test_csrf_token_is_requested_once_when_the_server_has_none(server: FakeApi, status: int) -> None:
    server.answer = lambda request: Reply(status) if request.path == "/csrf-token" else None
    with settings(client_csrf_support_enabled=True):
        for _ in range(3):
            get_client(sync_client=True).delete_flow(uuid4())
    assert len([call for call in server.calls if "csrf" in call]) == 1


def test_csrf_token_is_requested_when_the_server_starts_to_require_it(
    server: FakeApi, csrf: dict[str, str], pauses: list[float]
) -> None:
    _http.servers_without_csrf.add(f"{server.url}/")
    get_client(sync_client=True).delete_flow(uuid4())
    assert len(csrf) == 1


# --- connections -----------------------------------------------------------------------------------------------------


def test_sync_client_can_be_shared_by_threads(server: FakeApi) -> None:
    server.replies = [Reply(200, [FLOW])]
    with get_client(sync_client=True) as client, ThreadPoolExecutor(8) as pool:
        assert len(list(pool.map(lambda _: client.read_flows(), range(40)))) == 40
    assert server.connections <= 8


async def test_client_keeps_its_connection_inside_its_block(server: FakeApi) -> None:
    async with get_client() as client:
        for _ in range(5):
            await client.hello()
        assert server.connections == 1
    await client.hello()
    assert server.connections == 2


def test_async_client_works_in_successive_loops(server: FakeApi) -> None:
    client = get_client()
    for _ in range(3):
        asyncio.run(client.hello())
    assert len(server.requests) == 3


def test_sync_client_works_inside_a_running_loop(server: FakeApi) -> None:
    async def main() -> int:
        return get_client(sync_client=True).hello().status_code

    assert asyncio.run(main()) == 200


def test_client_opens_a_new_connection_after_a_fork(server: FakeApi) -> None:
    program = """
import os
from prefect.client.orchestration import get_client
client = get_client(sync_client=True)
client.hello()
child = os.fork()
if not child:
    client.hello()
    os._exit(0)
_, status = os.waitpid(child, 0)
client.hello()
print(os.waitstatus_to_exitcode(status))
"""
    environment = {**os.environ, "PREFECT_API_URL": server.url}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=True)
    assert (done.stdout, len(server.requests), server.connections) == ("0\n", 3, 2)


def test_request_imports_no_heavy_modules(server: FakeApi) -> None:
    program = """
import sys
from prefect.client.orchestration import get_client
get_client(sync_client=True).hello()
print([name for name in ("asyncio", "rich", "click", "websockets", "sqlite3") if name in sys.modules])
import httpx._main
"""
    environment = {**os.environ, "PREFECT_API_URL": server.url}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout == "[]\n"


def test_ssl_context_follows_the_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    _http_factory._verifying_context.cache_clear()
    assert _http_factory.create_ssl_context("https://x").verify_mode is ssl.CERT_REQUIRED
    assert not _http_factory.create_ssl_context("http://x").get_ca_certs()
    with settings(api_tls_insecure_skip_verify=True):
        assert _http_factory.create_ssl_context("https://x").verify_mode is ssl.CERT_NONE
    with settings(api_ssl_cert_file=str(tmp_path / "missing.pem")), pytest.raises(FileNotFoundError):
        _http_factory.create_ssl_context("https://x")


def test_client_timeout_follows_the_settings(server: FakeApi) -> None:
    with settings(api_request_timeout=7.5):
        client = get_client(sync_client=True)
        client.hello()
    assert client._transport.clients._sync.timeout.read == 7.5  # pyright: ignore[reportAttributeAccessIssue]


def test_httpx_settings_are_passed_to_the_http_client(server: FakeApi) -> None:
    seen: list[str] = []
    client = get_client(
        httpx_settings={"event_hooks": {"request": [lambda r: seen.append(r.method)]}}, sync_client=True
    )
    client.hello()
    assert seen == ["GET"]


# --- httpx's own clients ---------------------------------------------------------------------------------------------


async def test_httpx_clients_retry_and_raise_errors(server: FakeApi, pauses: list[float]) -> None:
    server.replies = [Reply(503), Reply(200, 1), Reply(500), Reply(404)]
    with PrefectHttpxSyncClient(base_url=server.url) as client:
        assert client.get("/x").json() == 1
    async with PrefectHttpxAsyncClient(base_url=server.url, raise_on_all_errors=False) as lenient:
        assert (await lenient.get("/x")).status_code == 500
    async with PrefectHttpxAsyncClient(base_url=server.url) as strict:
        with pytest.raises(ObjectNotFound):
            await strict.get("/x")


# --- versions --------------------------------------------------------------------------------------------------------


def test_api_version_mismatch_raises_or_warns(server: FakeApi, caplog: pytest.LogCaptureFixture) -> None:
    client = get_client(sync_client=True)
    server.replies = [Reply(200, prefect.__version__)]
    client.raise_for_api_version_mismatch()
    assert (client.api_version(), server.calls[0]) == (prefect.__version__, "GET /admin/version")
    for other in ("2.20.1", "4.0.0"):
        server.replies = [Reply(200, other)]
        with pytest.raises(RuntimeError, match=rf"version {other}.*major"):
            client.raise_for_api_version_mismatch()
    assert "older" not in caplog.text
    server.replies = [Reply(200, "3.0.1+local")]
    with settings(client_server_version_check_enabled=False):
        client.raise_for_api_version_mismatch()
    assert "older" not in caplog.text
    client.raise_for_api_version_mismatch()
    assert "3.0.1" in caplog.text and "older" in caplog.text
    server.replies = [Reply(500)]
    with pytest.raises(RuntimeError, match="not known"):
        client.raise_for_api_version_mismatch()


def test_api_version_is_compared_once_per_server(server: FakeApi) -> None:
    server.replies = [Reply(200, prefect.__version__)]
    for _ in range(3):
        get_client(sync_client=True).raise_for_api_version_mismatch_once()
    assert len(server.requests) == 1


# --- an application in this process ----------------------------------------------------------------------------------


async def test_client_runs_an_asgi_application_with_its_lifespan() -> None:
    events: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            for step in ("startup", "shutdown"):
                events.append((await receive())["type"])
                await send({"type": f"lifespan.{step}.complete"})
            return
        events.append(f"{scope['method']} {scope['path']}")
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": b'"3.9.1"'})

    async with PrefectClient(app) as outer, PrefectClient(app) as inner:
        assert outer.server_type is ServerType.EPHEMERAL
        assert [await outer.api_version(), await inner.api_version()] == ["3.9.1", "3.9.1"]
    assert events == ["lifespan.startup", *["GET /api/admin/version"] * 2, "lifespan.shutdown"]
    events.clear()
    with SyncPrefectClient(app) as client:
        assert [client.api_version(), client.api_version()] == ["3.9.1", "3.9.1"]
    assert events == ["lifespan.startup", *["GET /api/admin/version"] * 2, "lifespan.shutdown"]


async def test_client_raises_when_the_asgi_application_cannot_start() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no database"})

    with pytest.raises(RuntimeError, match="no database"):
        async with PrefectClient(app):
            pass
    assert threading.active_count() >= 1
