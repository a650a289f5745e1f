"""Finding the route of a request by the first word of its path.

FastAPI asks one route after the other, and there are two hundred: for the last of them that takes longer than all else.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from starlette.routing import BaseRoute, Match, Route
from starlette.types import Receive, Scope, Send

_FOUND = "prefect.route"


class PrefixRouter(BaseRoute):
    """Stands before the routes themselves; what it does not find they are asked about as usual.

    Args:
        routes: The routes, in the order in which they are tried.
    """

    def __init__(self, routes: Iterable[Route]) -> None:
        self._by_word: dict[str, list[Route]] = defaultdict(list)
        for route in routes:
            self._by_word[_first_word(route.path)].append(route)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] == "http":
            path = scope["path"].removeprefix(scope.get("root_path", ""))
            for route in self._by_word.get(_first_word(path), ()):
                match, found = route.matches(scope)
                if match is Match.FULL:
                    return match, {**found, _FOUND: route}
        return Match.NONE, {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        await scope[_FOUND].handle(scope, receive, send)


def _first_word(path: str) -> str:
    return path.removeprefix("/").partition("/")[0]
