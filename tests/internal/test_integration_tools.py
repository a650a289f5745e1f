"""The tools below `prefect._internal` and `prefect.utilities.services` that integrations import."""

from __future__ import annotations

import asyncio
import socket
import threading
import urllib.request
from typing import Any

import httpx
import pytest

from prefect._internal.concurrency.api import create_call, from_async, from_sync
from prefect._internal.retries import exponential_backoff_with_jitter, retry_async_fn
from prefect._internal.urls import strip_auth_from_urls_in_text
from prefect._internal.uuid7 import uuid7
from prefect.settings import temporary_settings
from prefect.utilities.services import (
    critical_service_loop,
    start_client_metrics_server,
    stop_client_metrics_server,
)
from tools.ports import find_free_port

pytestmark = pytest.mark.stray_threads  # the shared event loop continues


async def add(number: int) -> int:
    return number + 1


def get_thread() -> str:
    return threading.current_thread().name


def fail() -> None:
    raise KeyError("x")


def test_calls_return_results_to_sync_code():
    call = from_sync.call_soon_in_loop_thread(create_call(add, 1))
    assert call.result() == 2 and call.future.done()
    assert from_sync.call_in_loop_thread(create_call(add, 2)) == 3
    assert from_sync.call_in_new_thread(create_call(get_thread)).startswith("prefect-call-")
    assert from_sync.wait_for_call_in_new_thread(lambda: 5) == 5
    with pytest.raises(KeyError):
        from_sync.call_in_new_thread(fail)


async def test_calls_return_results_to_async_code():
    assert await from_async.call_in_loop_thread(create_call(add, 2)) == 3
    assert await from_async.wait_for_call_in_new_thread(lambda: 5) == 5


def test_call_is_cancelled_when_its_time_is_over():
    ended = threading.Event()

    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    with pytest.raises(TimeoutError):
        from_sync.call_in_loop_thread(create_call(wait), timeout=0.05)
    assert ended.wait(60)


def test_done_callbacks_are_started_after_the_call():
    done = threading.Event()
    assert from_sync.wait_for_call_in_loop_thread(create_call(add, 1), done_callbacks=[create_call(done.set)]) == 2
    assert done.wait(60)


@pytest.mark.parametrize(
    ("text", "stripped"),
    [
        ("fatal: https://user:pw@github.com/a/b.git not found", "fatal: https://github.com/a/b.git not found"),
        ("https://token@h/x and http://a:b@c:80/d?e=f@g", "https://h/x and http://c:80/d?e=f@g"),
        ("ssh://git@host/x HTTPS://U:p@h", "ssh://git@host/x HTTPS://h"),
    ],
)
def test_credentials_are_removed_from_urls(text: str, stripped: str):
    assert strip_auth_from_urls_in_text(text) == stripped
    assert strip_auth_from_urls_in_text("a secret", extra_secrets=["secret", ""]) == "a ***"


def test_uuid7_is_ordered_by_time():
    first, second = uuid7(), uuid7()
    assert first.version == 7 and first < second


def test_function_is_called_again_until_it_succeeds_or_attempts_are_used_up():
    calls: list[int] = []

    @retry_async_fn(max_attempts=3, base_delay=0.001, max_delay=0.001, retry_on_exceptions=(ValueError,))
    async def flaky(succeeds_at: int) -> int:
        calls.append(1)
        if len(calls) < succeeds_at:
            raise ValueError("again")
        return len(calls)

    assert asyncio.run(flaky(3)) == 3
    calls.clear()
    with pytest.raises(ValueError, match="again"):
        asyncio.run(flaky(9))
    assert len(calls) == 3
    assert 0 < exponential_backoff_with_jitter(10, 1, 10) < 14


def test_service_loop_bears_an_api_that_is_away_for_a_while():
    calls: list[int] = []
    printed: list[str] = []

    async def away() -> None:
        calls.append(1)
        raise httpx.ConnectError("away")

    async def broken() -> None:
        raise ValueError("broken")

    def collect(text: str) -> None:
        printed.append(text)

    with pytest.raises(RuntimeError, match="exceeded error threshold"):
        asyncio.run(critical_service_loop(away, 0, backoff=2, printer=collect))
    assert len(calls) == 6
    assert any("Backing off due to consecutive errors" in text for text in printed)
    with pytest.raises(ValueError, match="broken"):
        asyncio.run(critical_service_loop(broken, 0))
    asyncio.run(critical_service_loop(away, 0, run_once=True))


@pytest.fixture
def port() -> int:
    return find_free_port()


def test_metrics_are_served_when_the_setting_is_on(port: int, caplog: Any):
    start_client_metrics_server()
    updates: dict[Any, Any] = {"PREFECT_CLIENT_METRICS_ENABLED": True, "PREFECT_CLIENT_METRICS_PORT": port}
    with temporary_settings(updates):
        start_client_metrics_server()
        start_client_metrics_server()
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
            assert b"python_info" in answer.read()
        stop_client_metrics_server()
        stop_client_metrics_server()
        with socket.socket() as taken:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # earlier connections may linger
            taken.bind(("0.0.0.0", port))
            taken.listen()
            start_client_metrics_server()
    assert f"not served on port {port}" in caplog.text
