"""Over HTTP: what is sent with every request, when it is sent again, and what the answers mean."""

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
from tests.client.serving import Asked, Reply, Serving

FLOW = {"id": str(uuid4()), "name": "etl", "tags": [], "labels": {}, "created": None, "updated": None}


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses before retries, which are not made."""
    made: list[float] = []

    async def note(seconds: float) -> None:
        made.append(seconds)

    monkeypatch.setattr(_http, "sleep", note)
    return made


@contextmanager
def settings(**values: Any):
    with temporary_settings({f"PREFECT_{name.upper()}": value for name, value in values.items()}):
        yield


# --- what is sent ----------------------------------------------------------------------------------------------------


def test_a_client_of_the_url_in_the_settings(server: Serving) -> None:
    server.replies = [Reply(200, FLOW)]
    with get_client(sync_client=True) as client:
        assert client.server_type is ServerType.SERVER
        assert str(client.api_url) == f"{server.url}/"
        assert client.read_flow_by_name("a/b c").id == UUID(FLOW["id"])
    (asked,) = server.asked
    assert (asked.method, asked.path) == ("GET", "/flows/name/a%2Fb%20c")
    assert asked.headers["user-agent"] == f"prefect/{prefect.__version__} (API 0.8.4)"
    assert asked.headers["x-prefect-api-version"] == "0.8.4"
    assert "authorization" not in asked.headers


async def test_the_same_asynchronously(server: Serving) -> None:
    server.replies = [Reply(200, [FLOW])]
    async with get_client() as client:
        answers = await asyncio.gather(*(client.read_flows(limit=number) for number in range(1, 6)))
    assert [flows[0].name for flows in answers] == ["etl"] * 5
    assert sorted(asked.body["limit"] for asked in server.asked) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("values", "header"),
    [
        ({"api_auth_string": "admin:pässword"}, "Basic YWRtaW46cMOkc3N3b3Jk"),
        ({"api_key": "pnu_1"}, "Bearer pnu_1"),
        ({"api_key": "pnu_1", "api_auth_string": "a:b"}, "Basic YTpi"),
    ],
)
def test_who_asks(server: Serving, values: dict[str, str], header: str) -> None:
    with settings(**values):
        get_client(sync_client=True).hello()
    assert server.asked[0].headers["authorization"] == header


def test_headers_of_the_users(server: Serving, caplog: pytest.LogCaptureFixture) -> None:
    with settings(client_custom_headers={"X-Team": "data", "User-Agent": "mine", "Prefect-Csrf-Token": "x"}):
        get_client(httpx_settings={"headers": {"X-Other": "1"}}, sync_client=True).hello()
    headers = server.asked[0].headers
    assert (headers["x-team"], headers["x-other"]) == ("data", "1")
    assert headers["user-agent"].startswith("prefect/")
    assert "prefect-csrf-token" not in headers
    assert "User-Agent" in caplog.text


def test_which_worker_and_flow_ask(server: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT__WORKER_NAME", "w")
    monkeypatch.setenv("PREFECT__FLOW_ID", "f")
    monkeypatch.setenv("PREFECT__FLOW_NAME", "größer")
    get_client(sync_client=True).hello()
    headers = server.asked[0].headers
    assert (headers["x-prefect-worker-name"], headers["x-prefect-flow-id"]) == ("w", "f")
    assert "x-prefect-flow-name" not in headers


def test_an_operation_by_its_route(server: Serving) -> None:
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
    (asked,) = server.asked
    assert (asked.path, asked.headers["x-one"]) == (f"/flow_runs/{id}/set_state", "1")
    assert asked.query["a"] == ["true"]
    assert set(asked.query) == {"a", "when"}
    assert asked.body == {"at": "2031-01-02T00:00:00+00:00", "for": 1.5, "ids": [str(id)]}


# --- what answers mean -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("status", "kind"), [(404, ObjectNotFound), (409, ObjectAlreadyExists)])
def test_an_error_with_a_meaning_is_an_http_error_too(server: Serving, status: int, kind: type[Exception]) -> None:
    server.replies = [Reply(status, {"detail": "why"})]
    client = get_client(sync_client=True)
    for expected in (kind, PrefectHTTPStatusError, httpx.HTTPStatusError):
        with pytest.raises(expected, match=r"why") as caught:
            client.read_flow(uuid4())
    error: Any = caught.value
    assert error.response.status_code == error.http_exc.response.status_code == status
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_other_errors_show_what_the_server_said(server: Serving) -> None:
    server.replies = [Reply(423, {"detail": "Locked"}, {"Retry-After": "2"})]
    with pytest.raises(PrefectHTTPStatusError, match=r"423.*Locked") as caught:
        get_client(sync_client=True).increment_concurrency_slots(["a"], 1, "concurrency")
    assert caught.value.response.headers["Retry-After"] == "2"
    assert not isinstance(caught.value, ObjectNotFound)


def test_nobody_answers() -> None:
    with settings(api_url="http://127.0.0.1:1/api"):
        client = get_client(sync_client=True)
        with pytest.raises(httpx.ConnectError, match=r"http://127.0.0.1:1 cannot be reached .* PREFECT_API_URL"):
            client.read_flow_runs()
        assert isinstance(client.api_healthcheck(), httpx.ConnectError)


# --- asking again ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [408, 429, 502, 503])
def test_later(server: Serving, pauses: list[float], status: int) -> None:
    server.replies = [Reply(status), Reply(status), Reply(200, [FLOW])]
    with settings(client_retry_jitter_factor=0):
        assert len(get_client(sync_client=True).read_flows()) == 1
    assert pauses == [2.0, 4.0]


async def test_later_asynchronously(server: Serving, pauses: list[float]) -> None:
    server.replies = [Reply(503), Reply(200, [FLOW])]
    assert len(await get_client().read_flows()) == 1
    assert len(pauses) == 1


def test_pauses_differ_but_are_never_shorter_than_asked_for(server: Serving, pauses: list[float]) -> None:
    server.replies = [Reply(429, headers={"Retry-After": "10"})] * 20 + [Reply(200, [])]
    with settings(client_max_retries=20, client_retry_jitter_factor=0.5):
        get_client(sync_client=True).read_flows()
    assert all(10 <= pause <= 15 for pause in pauses)
    assert len(set(pauses)) == 20


@pytest.mark.parametrize("zone", ["GMT", "-0000"])
def test_a_pause_until_a_time(server: Serving, pauses: list[float], zone: str) -> None:
    later = (now() + timedelta(seconds=30)).strftime(f"%a, %d %b %Y %H:%M:%S {zone}")
    server.replies = [Reply(503, headers={"Retry-After": later}), Reply(200, [])]
    with settings(client_retry_jitter_factor=0):
        get_client(sync_client=True).read_flows()
    assert 25 < pauses[0] <= 30


def test_codes_of_the_users(server: Serving, pauses: list[float]) -> None:
    server.replies = [Reply(500), Reply(200, [])]
    with pytest.raises(PrefectHTTPStatusError, match="500"):
        get_client(sync_client=True).read_flows()
    server.replies = [Reply(500), Reply(200, [])]
    with settings(client_retry_extra_codes="500,504"):
        assert get_client(sync_client=True).read_flows() == []
    assert len(pauses) == 1


def test_not_for_ever(server: Serving, pauses: list[float]) -> None:
    server.replies = [Reply(503, {"detail": "busy"})]
    with settings(client_max_retries=3), pytest.raises(PrefectHTTPStatusError, match="busy"):
        get_client(sync_client=True).read_flows()
    assert (len(pauses), len(server.asked)) == (3, 4)


def test_maintenance_lasts_as_long_as_it_does(server: Serving, pauses: list[float]) -> None:
    server.replies = [Reply(503, headers={"Prefect-Maintenance": "true", "Retry-After": "1"})] * 9 + [Reply(200, [])]
    with settings(client_max_retries=1):
        assert get_client(sync_client=True).read_flows() == []
    assert len(pauses) == 9


def test_a_connection_that_is_lost(server: Serving, pauses: list[float]) -> None:
    client = get_client(sync_client=True)
    server.replies = [Reply(0)]
    with pytest.raises(httpx.RemoteProtocolError, match="did not answer"):
        client.read_flows()  # never reached: nobody knows that it is a server at all
    server.replies = [Reply(200, [])]
    client.read_flows()
    server.replies = [Reply(0), Reply(0), Reply(200, [FLOW])]
    assert len(client.read_flows()) == 1
    assert len(pauses) == 2


# --- tokens against forged requests ----------------------------------------------------------------------------------


@pytest.fixture
def csrf(server: Serving):
    """Requests for tokens are answered; whoever changes something without the last token is refused."""
    tokens: dict[str, str] = {}

    _http.servers_without_csrf.clear()

    def answer(asked: Asked) -> Reply | None:
        if asked.path == "/csrf-token":
            client = asked.query["client"][0]
            tokens[client] = f"token-{len(tokens)}"
            until = "2099-01-01T00:00:00Z"
            return Reply(200, {"token": tokens[client], "client": client, "expiration": until})
        shown = asked.headers.get("prefect-csrf-client", ""), asked.headers.get("prefect-csrf-token")
        if asked.method != "GET" and shown not in tokens.items():
            return Reply(403, {"detail": "Invalid CSRF token or client identifier."})
        return None

    server.answer = answer
    with settings(client_csrf_support_enabled=True):
        yield tokens


def test_a_token_is_got_once(server: Serving, csrf: dict[str, str]) -> None:
    with get_client(sync_client=True) as client:
        client.hello()
        client.delete_flow(uuid4())
        client.delete_flow(uuid4())
    assert [call.split()[1].split("/")[1] for call in server.calls] == ["hello", "csrf-token", "flows", "flows"]


def test_a_token_that_the_server_has_forgotten(server: Serving, csrf: dict[str, str], pauses: list[float]) -> None:
    client = get_client(sync_client=True)
    client.delete_flow(uuid4())
    csrf.clear()
    client.delete_flow(uuid4())
    assert len([call for call in server.calls if "csrf" in call]) == 2
    assert sum(pauses) == 0


async def test_tokens_of_requests_at_the_same_time(server: Serving, csrf: dict[str, str]) -> None:
    async with get_client() as client:
        await asyncio.gather(*(client.delete_flow(uuid4()) for _ in range(20)))


@pytest.mark.parametrize("status", [404, 422])
def test_a_server_without_such_tokens_is_asked_for_one_once(server: Serving, status: int) -> None:
    server.answer = lambda asked: Reply(status) if asked.path == "/csrf-token" else None
    with settings(client_csrf_support_enabled=True):
        for _ in range(3):
            get_client(sync_client=True).delete_flow(uuid4())
    assert len([call for call in server.calls if "csrf" in call]) == 1


def test_a_server_that_begins_to_want_tokens(server: Serving, csrf: dict[str, str], pauses: list[float]) -> None:
    _http.servers_without_csrf.add(f"{server.url}/")
    get_client(sync_client=True).delete_flow(uuid4())
    assert len(csrf) == 1


# --- connections -----------------------------------------------------------------------------------------------------


def test_threads_share_a_sync_client(server: Serving) -> None:
    server.replies = [Reply(200, [FLOW])]
    with get_client(sync_client=True) as client, ThreadPoolExecutor(8) as pool:
        assert len(list(pool.map(lambda _: client.read_flows(), range(40)))) == 40
    assert server.connections <= 8


async def test_a_client_in_its_block_keeps_its_connection(server: Serving) -> None:
    async with get_client() as client:
        for _ in range(5):
            await client.hello()
        assert server.connections == 1
    await client.hello()
    assert server.connections == 2


def test_a_client_outside_of_a_block_works_in_one_loop_after_the_other(server: Serving) -> None:
    client = get_client()
    for _ in range(3):
        asyncio.run(client.hello())
    assert len(server.asked) == 3


def test_a_sync_client_works_where_a_loop_runs(server: Serving) -> None:
    async def main() -> int:
        return get_client(sync_client=True).hello().status_code

    assert asyncio.run(main()) == 200


def test_a_client_after_a_fork(server: Serving) -> None:
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
    assert (done.stdout, len(server.asked), server.connections) == ("0\n", 3, 2)


def test_what_a_request_imports(server: Serving) -> None:
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


def test_certificates(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    _http_factory._verifying_context.cache_clear()
    assert _http_factory.create_ssl_context("https://x").verify_mode is ssl.CERT_REQUIRED
    assert not _http_factory.create_ssl_context("http://x").get_ca_certs()
    with settings(api_tls_insecure_skip_verify=True):
        assert _http_factory.create_ssl_context("https://x").verify_mode is ssl.CERT_NONE
    with settings(api_ssl_cert_file=str(tmp_path / "missing.pem")), pytest.raises(FileNotFoundError):
        _http_factory.create_ssl_context("https://x")


def test_the_time_limit_is_the_setting(server: Serving) -> None:
    with settings(api_request_timeout=7.5):
        client = get_client(sync_client=True)
        client.hello()
    assert client._transport.clients._sync.timeout.read == 7.5  # pyright: ignore[reportAttributeAccessIssue]


def test_httpx_settings_are_for_the_http_client(server: Serving) -> None:
    seen: list[str] = []
    client = get_client(
        httpx_settings={"event_hooks": {"request": [lambda r: seen.append(r.method)]}}, sync_client=True
    )
    client.hello()
    assert seen == ["GET"]


# --- httpx's own clients ---------------------------------------------------------------------------------------------


async def test_the_http_clients_by_themselves(server: Serving, pauses: list[float]) -> None:
    server.replies = [Reply(503), Reply(200, 1), Reply(500), Reply(404)]
    with PrefectHttpxSyncClient(base_url=server.url) as client:
        assert client.get("/x").json() == 1
    async with PrefectHttpxAsyncClient(base_url=server.url, raise_on_all_errors=False) as lenient:
        assert (await lenient.get("/x")).status_code == 500
    async with PrefectHttpxAsyncClient(base_url=server.url) as strict:
        with pytest.raises(ObjectNotFound):
            await strict.get("/x")


# --- versions --------------------------------------------------------------------------------------------------------


def test_the_versions_of_server_and_client(server: Serving, caplog: pytest.LogCaptureFixture) -> None:
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


def test_the_version_is_compared_once_for_each_server(server: Serving) -> None:
    server.replies = [Reply(200, prefect.__version__)]
    for _ in range(3):
        get_client(sync_client=True).raise_for_api_version_mismatch_once()
    assert len(server.asked) == 1


# --- an application in this process ----------------------------------------------------------------------------------


async def test_an_application_in_this_process() -> None:
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


async def test_an_application_that_cannot_start() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no database"})

    with pytest.raises(RuntimeError, match="no database"):
        async with PrefectClient(app):
            pass
    assert threading.active_count() >= 1
