"""Answers to open web pages, computed once for all that load the same thing after a change."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable

from starlette.requests import Request
from starlette.responses import Response

Compute = Callable[[], Awaitable[Response]]

MAX_ANSWERS = 500

REQUEST_SECONDS = 0.0012
"""What a request costs beside its answer: HTTP, the ETag, the event that caused it."""


class SharedAnswers:
    """What pages were answered since the last change; a change makes all of it expire.

    A page that loads because it was notified of a change allows an answer that another page was given since, with
    `cache-control: max-age=…`. Any other request gets an answer of its own.
    """

    def __init__(self) -> None:
        self._answers: dict[Hashable, asyncio.Future[Response]] = {}
        self._seconds = {True: 0.0, False: 0.0}

    @staticmethod
    def allows(request: Request) -> bool:
        """Return whether a request may be given an answer to another one."""
        return request.headers.get("cache-control", "").startswith("max-age=")

    async def get(self, key: Hashable, compute: Compute, about_run: bool = False) -> Response:
        """Return the answer with a key, which is computed unless it is being computed or was since the last change.

        Args:
            key: Who asks for what.
            compute: Computes the answer.
            about_run: Whether it is about one run, and not a list.
        """
        self._seconds[about_run] += REQUEST_SECONDS
        answer = self._answers.get(key)
        if answer is None:
            if len(self._answers) >= MAX_ANSWERS:
                self._answers.clear()
            # A task of its own, since the page that asked first may go.
            answer = self._answers[key] = asyncio.ensure_future(self._measure(compute, about_run))
            answer.add_done_callback(lambda done: self._forget_failure(key, done))
        return await asyncio.shield(answer)

    def expire(self) -> None:
        """Forget all answers, because something has changed."""
        self._answers.clear()

    def take_seconds(self, about_run: bool) -> float:
        """Return how many seconds answers about one run, or lists, took since this was last called."""
        seconds, self._seconds[about_run] = self._seconds[about_run], 0.0
        return seconds

    async def _measure(self, compute: Compute, about_run: bool) -> Response:
        begun = time.perf_counter()
        try:
            return await compute()
        finally:
            self._seconds[about_run] += time.perf_counter() - begun

    def _forget_failure(self, key: Hashable, done: asyncio.Future[Response]) -> None:
        if (done.cancelled() or done.exception() is not None) and self._answers.get(key) is done:
            del self._answers[key]
