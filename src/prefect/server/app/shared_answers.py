"""Answers to open web pages, computed once for all pages that load the same data after a change.

How often an answer is computed anew depends on what it costs, so that all of them together take no more than a share of
one core, however many pages are open. The response says when its page is to load again.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import Response

Compute = Callable[[], Awaitable[Response]]

MAX_ANSWERS = 500

CORE_SHARE = 0.015
"""The share of one core that answers to open pages may take."""

REQUEST_SECONDS = 0.0012
"""The cost of a request without the computation of its answer: HTTP, the ETag, the event that caused it."""

MIN_INTERVAL_SECONDS = 0.5
MAX_INTERVAL_SECONDS = 30.0
"""Between two computations of an answer. What changed of runs that are shown is pushed in between (`streams.live`)."""

IN_USE_SECONDS = 60.0
"""How long after a request an answer counts as one that a page still shows."""

HEADER = "prefect-page"


@dataclass
class _Answer:
    """An answer and what it costs.

    Attributes:
        computed: When its computation began, in seconds of the monotonic clock.
        is_current: Whether nothing has changed since.
        cost: Seconds of its computation and of the requests for it; until it is computed, those of the answer before.
        due: When it may be computed again. Fixed, so that a request at that time gets a new answer.
        requests: How many requests it has answered.
        last_request: The time of the last request.
        response: The response.
    """

    computed: float
    is_current: bool = True
    cost: float = 0.0
    due: float = math.inf
    requests: int = 0
    last_request: float = 0.0
    response: asyncio.Future[Response] = field(init=False)


class SharedAnswers:
    """Responses that pages share; after a change an answer is computed anew, once the one before is old enough.

    A page that loads because it was notified of a change accepts the answer to another page's request, with
    `cache-control: max-age=…`. Any other request has its own answer computed.

    Args:
        clock: Returns the time in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._answers: dict[Hashable, _Answer] = {}
        self._clock = clock

    @staticmethod
    def allows(request: Request) -> bool:
        """Return whether a request accepts the answer to another one."""
        return request.headers.get("cache-control", "").startswith("max-age=")

    async def get(self, key: Hashable, compute: Compute, always_current: bool = False) -> Response:
        """Return the answer with a key, with a header that says how old it is and when to request it again.

        Args:
            key: The principal and the request.
            compute: Computes the answer.
            always_current: Whether it is computed anew after each change, whatever it costs.
        """
        at = self._clock()
        answer = self._answers.get(key)
        if answer is None or not (answer.is_current or (not always_current and at < answer.due)):
            answer = self._begin(key, compute, answer, at)
        answer.requests += 1
        answer.last_request = at
        response = await asyncio.shield(answer.response)
        age = round((self._clock() - answer.computed) * 1000)
        wait = 0 if always_current else max(0, round((answer.due - self._clock()) * 1000))
        headers = {name: value for name, value in response.headers.items() if name != "content-length"}
        headers[HEADER] = f"age={age}, next={wait}"
        return Response(response.body, response.status_code, headers, response.media_type)

    def expire(self) -> None:
        """Note that something has changed."""
        for answer in self._answers.values():
            answer.is_current = False

    def forget(self) -> None:
        """Forget all answers."""
        self._answers.clear()

    def interval(self, cost: float) -> float:
        """Return the seconds between two computations of an answer with this cost.

        Intervals in proportion to the roots of the costs keep the pages, all in all, as current as their share allows.
        """
        since = self._clock() - IN_USE_SECONDS
        roots = sum(math.sqrt(answer.cost) for answer in self._answers.values() if answer.last_request >= since)
        wanted = math.sqrt(cost) * max(roots, math.sqrt(cost)) / CORE_SHARE
        return min(max(wanted, MIN_INTERVAL_SECONDS), MAX_INTERVAL_SECONDS)

    def _begin(self, key: Hashable, compute: Compute, before: _Answer | None, at: float) -> _Answer:
        if len(self._answers) >= MAX_ANSWERS:
            self._answers.clear()
        answer = self._answers[key] = _Answer(at, cost=before.cost if before else 0.0)
        # A separate task, because the first page may disconnect.
        answer.response = asyncio.ensure_future(self._compute(key, compute, answer, before.requests if before else 1))
        return answer

    async def _compute(self, key: Hashable, compute: Compute, answer: _Answer, requests: int) -> Response:
        """Return the response, and record its cost with `requests` requests, as many as for the answer before."""
        try:
            return await compute()
        except BaseException:
            if self._answers.get(key) is answer:
                del self._answers[key]
            raise
        finally:
            answer.cost = self._clock() - answer.computed + requests * REQUEST_SECONDS
            answer.due = answer.computed + self.interval(answer.cost)
