"""Operations of the API, and how a module of routes declares them."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from inspect import Parameter, Signature
from typing import Annotated, Any, NamedTuple, TypeAlias, TypeVar
from uuid import UUID

from annotated_types import Ge
from pydantic import AfterValidator, Field

from prefect.server.db.interface import Transaction, UnitOfWork
from prefect.server.principals import LOCAL, Permission, Principal
from prefect.server.services.security.authorization import check_permission

T = TypeVar("T")


@dataclass(frozen=True)
class In:
    """Location of a parameter in a request, if it does not follow from the parameter's type.

    Attributes:
        location: `path`, `query`, `header`, `body` (a field of the body's object), `whole` (the whole body) or `raw`
            (the bytes of the body).
        alias: The name in the request, where it differs from the parameter's.
    """

    location: str
    alias: str | None = None


@dataclass(frozen=True, eq=False)
class BodyFields:
    """The mark of a parameter that gathers several fields of the body in a dataclass or a named tuple.

    Attributes:
        names: The fields of that class which the operation takes.
        nullable: Whether null is documented as a value of each; the interface does so for some operations only.
        aliases: Their names in the body, where they differ.
    """

    names: tuple[str, ...]
    nullable: bool = True
    aliases: Mapping[str, str] = field(default_factory=dict)


BODY = In("body")
"""A field of the body's JSON object. A parameter without a mark is a field of the path if the path names it, the whole
body if it is a model, and a field of the query otherwise."""

UNSET: Any = None
"""The default of an optional parameter that is documented as never null."""

Body: TypeAlias = Annotated[T, BODY]
Limit: TypeAlias = Annotated[int, BODY]
"""The most rows to return: the setting `api.default_limit` when it is left out, and no more than that."""
Offset: TypeAlias = Annotated[int, BODY, Ge(0), AfterValidator(lambda number: min(number, (1 << 63) - 1))]
"""How many rows to skip; at most what a database can count."""


class RowRange(NamedTuple):
    """The range of the matching rows that an operation returns; `*rows` passes it to a service."""

    limit: Limit = UNSET
    offset: Offset = 0


class PageNumber(NamedTuple):
    """The page of the matching rows that an operation returns, from 1; `*page` passes it to a service."""

    page: Annotated[int, BODY, Ge(1)] = 1
    limit: Limit = UNSET


IdOrName: TypeAlias = Annotated[UUID | str, Field(union_mode="left_to_right")]
"""A key in a path: the id of an object, or its name."""

_KEY_TYPES: Mapping[str, Any] = {"uuid": UUID, "id_or_name": IdOrName}
"""The types of keys in paths that are not texts, by the type or the name of the field."""

Rows: TypeAlias = Annotated[RowRange, BodyFields(RowRange._fields)]
Page: TypeAlias = Annotated[PageNumber, BodyFields(PageNumber._fields)]


@dataclass(frozen=True)
class RequestInfo:
    """Facts about a request besides its parameters.

    Attributes:
        principal: Who it acts for.
        client_version: The version of the client, where the client sends it.
        headers: The request's headers, by names in lower case.
    """

    principal: Principal = LOCAL
    client_version: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class StatusResponse:
    """A response whose HTTP status is not the operation's usual one."""

    code: int
    body: Any


@dataclass(frozen=True)
class RawResponse:
    """A response that is not JSON."""

    body: bytes
    media_type: str
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Waiting:
    """The result of an operation that has to wait for others, and is then attempted once more.

    Attributes:
        topic: The topic of the notification after which it can go on.
        seconds: How long to wait for that at most.
        is_ready: Returns whether another attempt may succeed.
        attempt: Carries the operation out; it may return another `Waiting`.
        give_up: Undoes what the operation has begun, after its caller has disconnected.
        keeps_queue_position: Whether a caller whose wait timed out keeps its position for its next request.
        is_woken: Whether the notification also reaches a caller in another process of this machine.
    """

    topic: str
    seconds: float
    is_ready: UnitOfWork[bool]
    attempt: UnitOfWork[Any]
    give_up: UnitOfWork[Any]
    keeps_queue_position: bool = False
    is_woken: bool = False


class CallerDisconnected(Exception):
    """The caller of a waiting operation has disconnected."""


@dataclass(frozen=True, eq=False)
class Operation:
    """One operation of the API.

    Attributes:
        method: Its HTTP method.
        path: Its path below the API, for instance `"/flow_runs/{id:uuid}"`.
        fn: Called with a transaction and, by name, the parameters of the request. A parameter of the type
            `RequestInfo` receives that of the request.
        tag: The group or groups it is documented in.
        requires: The permission that its caller must have.
        status: The HTTP status of its response.
        response_type: The type of its response, for the documentation; None for an empty one.
        writes: Whether it changes something.
        brief: Whether it usually takes a moment only: it reads or writes rows by their keys, or reads a page of them by
            an index. One that reads must need no snapshot (`Database.read_briefly`), one that writes must be durable.
        documented: Whether it is part of the interface and its OpenAPI document.
        deprecated: Whether it is deprecated.
        etag: Whether its response has an ETag, so that a client which has it already gets status 304.
        uses_database: Whether it needs a transaction. One that does not answers while the database is unavailable.
        reads_runs: Whether it must see the runs that have been recorded until now.
        durable: Whether what it writes must survive a failure of the machine.
        timeout_seconds: How long it may take until the database counts as unavailable; None for no limit.
    """

    method: str
    path: str
    fn: Callable[..., Awaitable[Any]]
    tag: str | tuple[str, ...] | None
    requires: Permission
    status: int = 200
    response_type: Any = None
    writes: bool = False
    brief: bool = False
    documented: bool = True
    deprecated: bool = False
    uses_database: bool = True
    reads_runs: bool = True
    durable: bool = True
    etag: bool = False
    timeout_seconds: float | None = None

    @property
    def tags(self) -> list[str]:
        """The groups it is documented in."""
        return [self.tag] if isinstance(self.tag, str) else list(self.tag or ())

    @cached_property
    def route(self) -> str:
        """The path without the types of its fields."""
        return re.sub(r":\w+}", "}", self.path)

    def authorize(self, principal: Principal) -> None:
        """Raise `Forbidden` unless a principal has the permission that the operation requires."""
        check_permission(principal, self.requires, f"{self.method} {self.route}")


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

    def reads(
        self, method: str, path: str, response_type: Any, *, requires: Permission = Permission.READ, **options: Any
    ) -> Callable[[Callable[..., Any]], Any]:
        """Declare an operation that changes nothing."""
        return self._declare(method, path, response_type=response_type, requires=requires, **options)

    def writes(
        self,
        method: str,
        path: str,
        response_type: Any = None,
        status: int | None = None,
        *,
        requires: Permission = Permission.WRITE,
        **options: Any,
    ) -> Callable[[Callable[..., Any]], Any]:
        """Declare an operation that changes something; its status is 204 unless it has a response."""
        if status is None:
            status = 204 if response_type is None else 200
        options |= {"response_type": response_type, "status": status, "requires": requires}
        return self._declare(method, path, writes=True, **options)

    def reads_by_key(
        self,
        path: str,
        response_type: Any,
        name: str,
        read: Callable[..., Awaitable[Any]],
        description: str,
        **options: Any,
    ) -> None:
        """Declare the operation `name`, which answers with what a service returns for the key in the path."""
        self.reads("GET", path, response_type, **options)(_pass_key(path, name, read, description))

    def deletes_by_key(
        self,
        path: str,
        name: str,
        remove: Callable[..., Awaitable[Any]],
        description: str,
        response_type: Any = None,
        status: int | None = None,
    ) -> None:
        """Declare the operation `name`, which has a service delete what the key in the path names."""
        self.writes("DELETE", path, response_type, status)(_pass_key(path, name, remove, description))

    def _declare(self, method: str, path: str, **options: Any) -> Callable[[Callable[..., Any]], Any]:
        def declare(fn: Callable[..., Any]) -> Callable[..., Any]:
            operation = Operation(method, self.prefix + path, fn, options.pop("tag", self.tag), **options)
            self.by_route[method, operation.route] = operation
            return fn

        return declare


def _pass_key(
    path: str, name: str, serve: Callable[..., Awaitable[Any]], description: str
) -> Callable[..., Awaitable[Any]]:
    """Return the function of an operation that passes the only field of its path to a service."""
    [(key, kind)] = re.findall(r"{(\w+):?(\w*)}", path)

    async def operation(tx: Transaction, **keys: Any) -> Any:
        return await serve(tx, keys[key])

    operation.__name__, operation.__doc__ = name, description
    hints = {"tx": Transaction, key: _KEY_TYPES.get(kind or key, str)}
    operation.__annotations__ = hints
    parameters = [Parameter(each, Parameter.POSITIONAL_OR_KEYWORD, annotation=hint) for each, hint in hints.items()]
    setattr(operation, "__signature__", Signature(parameters))  # noqa: B010  # which functions have, unknown to types
    return operation
