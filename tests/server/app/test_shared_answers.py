"""Answers that open pages share."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from starlette.responses import Response

from prefect.server.app import Server
from prefect.server.app.shared_answers import CORE_SHARE, MAX_INTERVAL_SECONDS, SharedAnswers
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


async def test_response_is_computed_once_for_all_requests() -> None:
    answers, page = SharedAnswers(), Page()
    requests = [asyncio.ensure_future(answers.get("key", page.compute)) for _ in range(50)]
    page.go.set()
    assert {bytes((await each).body) for each in requests} == {b"1"}
    await answers.get("other", page.compute)
    assert page.computed == 2


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def get_freshness(response: Response) -> tuple[int, int]:
    """Return the age and the pause that a response says, in milliseconds."""
    age, after = (int(part.split("=")[1]) for part in response.headers["prefect-page"].split(", "))
    return age, after


async def test_answer_is_computed_again_after_a_change_and_a_pause() -> None:
    clock = Clock()
    answers, page = SharedAnswers(clock), Page()
    page.go.set()
    assert get_freshness(await answers.get("key", page.compute)) == (0, 500)
    answers.expire()
    clock.seconds += 0.4
    early = await answers.get("key", page.compute)
    assert (early.body, get_freshness(early)) == (b"1", (400, 100))
    clock.seconds += 0.1
    assert (await answers.get("key", page.compute)).body == b"2"
    clock.seconds += 9
    assert (await answers.get("key", page.compute)).body == b"2"  # nothing has changed since


async def test_page_gets_a_new_answer_after_its_pause() -> None:
    clock = Clock()
    answers, page = SharedAnswers(clock), Page()
    page.go.set()
    _, pause = get_freshness(await answers.get("key", page.compute))
    for other in range(100):
        await answers.get("key", page.compute)
        await answers.get(other, page.compute)
    answers.expire()
    clock.seconds += pause / 1000
    later = await answers.get("key", page.compute)
    assert (later.body, get_freshness(later)[0]) == (b"102", 0)


async def test_answer_that_follows_a_log_is_computed_after_each_change() -> None:
    answers, page = SharedAnswers(Clock()), Page()
    page.go.set()
    for number in (b"1", b"2"):
        answers.expire()
        response = await answers.get("key", page.compute, always_current=True)
        assert (response.body, get_freshness(response)) == (number, (0, 0))


async def test_answers_that_are_in_use_take_no_more_than_their_share_of_a_core() -> None:
    clock = Clock()
    answers = SharedAnswers(clock)
    costs = {"cheap": 0.004, "medium": 0.03, "costly": 0.14}

    async def compute(seconds: float) -> Response:
        clock.seconds += seconds
        return Response(b"")

    for name, seconds in costs.items():
        await answers.get(name, lambda seconds=seconds: compute(seconds))
    intervals = {name: answers.interval(seconds) for name, seconds in costs.items()}
    assert sum(seconds / intervals[name] for name, seconds in costs.items()) <= CORE_SHARE * 1.2
    assert intervals["cheap"] < intervals["medium"] < intervals["costly"] < MAX_INTERVAL_SECONDS
    clock.seconds += 100
    assert answers.interval(0.0001) == 0.5  # nobody looks at the others any more


async def test_change_while_an_answer_is_computed_counts_for_the_next() -> None:
    clock = Clock()
    answers, page = SharedAnswers(clock), Page()
    first = asyncio.ensure_future(answers.get("key", page.compute))
    await asyncio.sleep(0)
    answers.expire()
    page.go.set()
    await first
    clock.seconds += 1
    assert (await answers.get("key", page.compute)).body == b"2"


async def test_page_that_requested_first_may_disconnect() -> None:
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
    server.answers.forget()
    assert await count(**SHARED) == 1


async def test_shared_answer_that_the_page_has_is_not_sent_again(api: httpx.AsyncClient) -> None:
    first = await api.get("/ui/pages/flows", headers=SHARED)
    again = await api.get("/ui/pages/flows", headers={**SHARED, "if-none-match": first.headers["etag"]})
    assert (first.status_code, again.status_code, again.content) == (200, 304, b"")
