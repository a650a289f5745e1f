"""What an operation of the API is, and how a module of routes declares its own."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any, TypeAlias, TypeVar

from annotated_types import Ge
from pydantic import AfterValidator

T = TypeVar("T")


@dataclass(frozen=True)
class In:
    """Where a parameter is found in a request, when its type does not say so."""

    location: str
    alias: str | None = None


BODY = In("body")
"""A field of the body's JSON object. A parameter without a mark is a field of the path if the path names it, the whole
body if it is a model, and a field of the query otherwise."""

Body: TypeAlias = Annotated[T, BODY]
Offset: TypeAlias = Annotated[int, BODY, Ge(0), AfterValidator(lambda number: min(number, (1 << 63) - 1))]
"""How many to skip. No list is longer than a database can count: behind its end there is nothing."""
Limit: TypeAlias = Annotated[int, BODY]
"""How many at most: as many as the API gives at once, `api.default_limit`, unless given; no more may be asked for."""

UNSET: Any = None
"""The default of what is never null when it is given."""


@dataclass(frozen=True)
class Caller:
    """Who asks, and how.

    Attributes:
        actor: Who it is: today always "anonymous" or "admin" (who gave the auth string).
        client_version: The version of the client, or None when it did not say.
        headers: The request's headers, by names in lower case.
    """

    actor: str = "anonymous"
    client_version: str | None = None
    headers: dict[str, str] = field(default_factory=dict)


LOCAL = Caller("local")
"""Code in this process."""


@dataclass(frozen=True)
class StatusResponse:
    """An answer whose HTTP status is not the operation's usual one."""

    code: int
    body: Any


@dataclass(frozen=True)
class RawResponse:
    """An answer that is not JSON."""

    body: bytes
    media_type: str
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Operation:
    """One operation of the API.

    Attributes:
        method: Its HTTP method.
        path: Its path below the API, for instance `"/flow_runs/{id:uuid}"`.
        fn: Is called with a transaction, then with what the request gave, by name. A parameter of the type `Caller`
            gets who calls.
        tag: The group it is listed in, or several.
        status: The HTTP status of its answer.
        answer: The type of its answer, for the documentation; None for an empty one.
        writes: It changes something.
        listed: It is part of the interface, and documented.
        deprecated: It is out of use.
        stored: It needs the database; one that does not is answered without a transaction, whatever the database does.
        seconds: How long it may take until the database counts as unavailable; None for as long as it takes.
    """

    method: str
    path: str
    fn: Callable[..., Awaitable[Any]]
    tag: str | tuple[str, ...] | None
    status: int = 200
    response_type: Any = None
    writes: bool = False
    documented: bool = True
    deprecated: bool = False
    uses_database: bool = True
    timeout_seconds: float | None = None

    @property
    def tags(self) -> list[str]:
        """The groups it is listed in."""
        return [self.tag] if isinstance(self.tag, str) else list(self.tag or ())

    @property
    def route(self) -> str:
        """The path without the types of its fields."""
        return re.sub(r":\w+}", "}", self.path)


class Routes:
    """The operations of one group.

    Args:
        tag: Its name in the documentation.
        prefix: What all its paths begin with.
    """

    def __init__(self, tag: str | tuple[str, ...] | None, prefix: str = "") -> None:
        self.tag = tag
        self.prefix = prefix
        self.by_route: dict[tuple[str, str], Operation] = {}

    def __iter__(self) -> Iterator[Operation]:
        return iter(self.by_route.values())

    def reads(self, method: str, path: str, answer: Any, **more: Any) -> Callable[[Callable[..., Any]], Any]:
        """Declare an operation that changes nothing."""
        return self._declare(method, path, response_type=answer, **more)

    def writes(
        self, method: str, path: str, answer: Any = None, status: int | None = None, **more: Any
    ) -> Callable[[Callable[..., Any]], Any]:
        """Declare an operation that changes something; without an answer its status is 204."""
        if status is None:
            status = 204 if answer is None else 200
        return self._declare(method, path, response_type=answer, status=status, writes=True, **more)

    def _declare(self, method: str, path: str, **more: Any) -> Callable[[Callable[..., Any]], Any]:
        def declare(fn: Callable[..., Any]) -> Callable[..., Any]:
            operation = Operation(method, self.prefix + path, fn, more.pop("tag", self.tag), **more)
            self.by_route[method, operation.route] = operation
            return fn

        return declare
