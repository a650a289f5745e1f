"""`client._client`: an httpx client bound to the API, async and sync, with a server and on the local store."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from prefect import flow, journal
from prefect.client.orchestration import get_client
from prefect.client.orchestration.base import CATCH_UP_TIMEOUT_SECONDS
from prefect.exceptions import ObjectNotFound
from prefect.types import new_id
from tests.client.serving import FakeApi, Reply
from tests.server.journal_records import FLOW_ID, flow_run, write
from tests.server.journal_records import flow as flow_record


@pytest.fixture
def run_id(home: Path) -> UUID:
    """A flow run in the local store."""
    run = flow_run(tags=["prod"])
    write(home, [flow_record(), run])
    return run["id"]


class Requests:
    """Sends a request by the async or the sync client of the current settings."""

    def __init__(self, is_async: bool) -> None:
        self._is_async = is_async

    async def send(self, method: str, url: str, **options: Any) -> httpx.Response:
        if self._is_async:
            async with get_client() as client:
                return await client._client.request(method, url, **options)
        with get_client(sync_client=True) as client:
            return client._client.request(method, url, **options)


@pytest.fixture(params=[True, False], ids=["async", "sync"])
def requests(request: pytest.FixtureRequest) -> Requests:
    return Requests(request.param)


async def test_httpx_client_reads_from_a_server(requests: Requests, server: FakeApi) -> None:
    server.replies = [Reply(200, [{"name": "etl"}])]
    response = await requests.send("POST", "/flows/filter", json={"limit": 1})
    assert isinstance(response, httpx.Response)
    assert response.json() == [{"name": "etl"}]
    (sent,) = server.requests
    assert (sent.method, sent.path, sent.body) == ("POST", "/flows/filter", {"limit": 1})


async def test_httpx_client_raises_the_error_status_of_a_server(requests: Requests, server: FakeApi) -> None:
    server.replies = [Reply(404, {"detail": "none"})]
    with pytest.raises(httpx.HTTPStatusError) as caught:
        await requests.send("GET", f"/flow_runs/{new_id()}")
    assert isinstance(caught.value, ObjectNotFound)


async def test_httpx_client_reads_an_object_of_the_local_store(requests: Requests, run_id: UUID) -> None:
    response = await requests.send("GET", f"/flow_runs/{run_id}")
    response.raise_for_status()
    assert (response.status_code, response.headers["content-type"]) == (200, "application/json")
    assert (response.json()["id"], response.json()["tags"]) == (str(run_id), ["prod"])


async def test_httpx_client_filters_objects_of_the_local_store(requests: Requests, run_id: UUID) -> None:
    body = {"flow_runs": {"tags": {"all_": ["prod"]}}, "limit": 5}
    found = (await requests.send("POST", "/flow_runs/filter", json=body)).json()
    assert [run["id"] for run in found] == [str(run_id)]
    assert (await requests.send("POST", "/flows/filter", json={})).json()[0]["id"] == str(FLOW_ID)


async def test_httpx_client_sends_query_parameters_to_the_local_store(requests: Requests, run_id: UUID) -> None:
    response = await requests.send("GET", "/flow_run_states/", params={"flow_run_id": str(run_id)})
    assert response.json() == []


async def test_httpx_client_creates_and_deletes_in_the_local_store(requests: Requests, home: Path) -> None:
    created = await requests.send("POST", "/variables/", json={"name": "color", "value": "red"})
    assert created.status_code == 201
    deleted = await requests.send("DELETE", "/variables/name/color")
    assert (deleted.status_code, deleted.content) == (204, b"")


async def test_httpx_client_ignores_a_missing_slash_in_the_local_store(requests: Requests, home: Path) -> None:
    assert (await requests.send("POST", "/flows", json={"name": "etl"})).json()["name"] == "etl"


@pytest.mark.parametrize(
    ("method", "url", "options", "status"),
    [
        ("GET", "/flow_runs/00000000-0000-7000-8000-000000000001", {}, 404),
        ("GET", "/nothing/there", {}, 404),
        ("GET", "/flow_runs/not-an-id", {}, 404),
        ("POST", "/flows/", {"json": {}}, 422),
        ("POST", "/flows/filter", {"content": b"{"}, 422),
        ("POST", "/flows/filter", {"json": []}, 422),
    ],
)
async def test_httpx_client_raises_error_statuses_of_the_local_store(
    requests: Requests, home: Path, method: str, url: str, options: dict[str, Any], status: int
) -> None:
    with pytest.raises(httpx.HTTPStatusError) as caught:
        await requests.send(method, url, **options)
    assert caught.value.response.status_code == status
    assert caught.value.response.json()["detail"]


async def test_httpx_client_waits_for_own_records(
    requests: Requests, server: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr(journal, "has_unforwarded", lambda: True)
    monkeypatch.setattr(journal, "wait_until_forwarded", waited.append)
    server.replies = [Reply(200, [])]
    await requests.send("POST", "/flows/filter", json={})
    assert waited == [CATCH_UP_TIMEOUT_SECONDS]


def test_operation_with_a_time_limit_works_in_sync_code_without_a_server(home: Path) -> None:
    with get_client(sync_client=True) as client:
        response = client._client.get("/ready")
    assert response.status_code == 200


def test_httpx_client_works_inside_a_local_flow(home: Path) -> None:
    @flow
    def count_running() -> int:
        with get_client(sync_client=True) as client:
            body = {"flow_runs": {"state": {"type": {"any_": ["RUNNING"]}}}}
            return client._client.post("/flow_runs/count", json=body).json()

    assert count_running() == 1
