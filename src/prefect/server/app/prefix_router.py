"""A router that finds the route of a request by the first word of its path.

FastAPI matches one route after the other, and there are two hundred: for the last of them, that takes longer than the
rest of the request.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from starlette.routing import BaseRoute, Match, Route
from starlette.types import Receive, Scope, Send

_ROUTE_KEY = "prefect.route"


class PrefixRouter(BaseRoute):
    """Comes before the routes themselves, which are matched as usual when it finds none.

    Args:
        routes: The routes, in the order in which they are matched.
    """

    def __init__(self, routes: Iterable[Route]) -> None:
        self._by_word: dict[str, list[Route]] = defaultdict(list)
        for route in routes:
            self._by_word[_first_word(route.path)].append(route)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] == "http":
            path = scope["path"].removeprefix(scope.get("root_path", ""))
            for route in self._by_word.get(_first_word(path), ()):
                match, child_scope = route.matches(scope)
                if match is Match.FULL:
                    return match, {**child_scope, _ROUTE_KEY: route}
        return Match.NONE, {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        await scope[_ROUTE_KEY].handle(scope, receive, send)


def _first_word(path: str) -> str:
    return path.removeprefix("/").partition("/")[0]
