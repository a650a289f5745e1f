"""Answers that open pages share."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from starlette.responses import Response

from prefect.server.app import Server
from prefect.server.app.shared_answers import SharedAnswers
from tests.server.route_client import RouteClient

SHARED = {"cache-control": "max-age=1"}


class Page:
    """Counts how often it is computed."""

    def __init__(self) -> None:
        self.computed = 0
        self.go = asyncio.Event()

    async def compute(self) -> Response:
        self.computed += 1
        await self.go.wait()
        return Response(f"{self.computed}")


async def test_answer_is_computed_once_for_all_who_ask() -> None:
    answers, page = SharedAnswers(), Page()
    asking = [asyncio.ensure_future(answers.get("key", page.compute)) for _ in range(50)]
    page.go.set()
    assert {bytes((await each).body) for each in asking} == {b"1"}
    await answers.get("other", page.compute)
    assert page.computed == 2
    assert answers.take_seconds(False) > 0 == answers.take_seconds(False) == answers.take_seconds(True)


async def test_answer_expires_with_a_change_also_while_it_is_computed() -> None:
    answers, page = SharedAnswers(), Page()
    first = asyncio.ensure_future(answers.get("key", page.compute))
    await asyncio.sleep(0)
    answers.expire()
    second = asyncio.ensure_future(answers.get("key", page.compute))
    page.go.set()
    await asyncio.gather(first, second)
    assert page.computed == 2


async def test_page_that_asked_first_may_go() -> None:
    answers, page = SharedAnswers(), Page()
    first = asyncio.ensure_future(answers.get("key", page.compute))
    await asyncio.sleep(0)
    first.cancel()
    second = asyncio.ensure_future(answers.get("key", page.compute))
    page.go.set()
    assert (await second).body == b"1"


async def test_failure_is_not_kept() -> None:
    async def fail() -> Response:
        raise LookupError("gone")

    answers, page = SharedAnswers(), Page()
    page.go.set()
    with pytest.raises(LookupError):
        await answers.get("key", fail)
    await asyncio.sleep(0)
    assert (await answers.get("key", page.compute)).body == b"1"


async def test_only_requests_that_allow_it_share_an_answer(server: Server, api: httpx.AsyncClient) -> None:
    call = RouteClient(api)
    path = "/ui/pages/runs"

    async def count(**headers: str) -> int:
        return (await api.get(path, headers=headers)).json()["total"]

    assert await count(**SHARED) == 0
    await call.flow_run("RUNNING")
    assert await count(**SHARED) == 0  # nobody has been notified yet
    assert await count() == 1
    server.answers.expire()
    assert await count(**SHARED) == 1


async def test_shared_answer_that_the_page_has_is_not_sent_again(api: httpx.AsyncClient) -> None:
    first = await api.get("/ui/pages/flows", headers=SHARED)
    again = await api.get("/ui/pages/flows", headers={**SHARED, "if-none-match": first.headers["etag"]})
    assert (first.status_code, again.status_code, again.content) == (200, 304, b"")
