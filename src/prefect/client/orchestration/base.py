"""The base of the client's parts: calling operations, writing requests, reading answers."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Concatenate, Literal, ParamSpec, TypeAlias, TypeVar
from uuid import UUID

from prefect import journal
from prefect._io import blocking, drive
from prefect.client.orchestration.related_filters import NAMES_IN_API

if TYPE_CHECKING:
    from httpx import Response
    from pydantic import BaseModel

    from prefect.client.base import ServerType
    from prefect.client.orchestration.related_filters import RunRelatedFilters
    from prefect.client.orchestration.routes import ServerRoutes
    from prefect.client.transport import Transport

P = ParamSpec("P")
R = TypeVar("R")
M = TypeVar("M", bound="BaseModel")

CATCH_UP_TIMEOUT_SECONDS = 3.0
"""How long to wait until the server has the records of this process."""

HTTP_METHODS: TypeAlias = Literal["GET", "POST", "PUT", "DELETE", "PATCH"]
"""The methods of the API's operations."""


class BaseAsyncClient:
    """The base of the parts of the client: one async method for each operation of the API.

    Args:
        client: What carries the operations to the API.
    """

    _server_type: ServerType

    def __init__(self, client: Transport) -> None:
        self._transport = client

    @property
    def server_type(self) -> ServerType:
        """The kind of API: `EPHEMERAL` for the local store, and for an application in this process."""
        return self._server_type

    async def request(
        self,
        method: HTTP_METHODS,
        path: ServerRoutes,
        params: dict[str, Any] | None = None,
        path_params: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> Response:
        """Call an operation of the API by its route.

        Args:
            method: Its HTTP method.
            path: Its route as the API declares it, for instance `"/flow_runs/{id}"`.
            params: The parameters of the query.
            path_params: Those of the path.
            kwargs: `json`, the body; and what httpx's `build_request` takes.

        Raises:
            PrefectHTTPStatusError: The response has an error status.
        """
        body = kwargs.pop("json", None)
        await wait_for_own_records()
        return await self._transport.request(method, path, {**(params or {}), **(path_params or {})}, body, **kwargs)

    async def _call(self, method: str, route: str, body: Mapping[str, Any] | Any = None, /, **params: Any) -> Any:
        """Call an operation and return its parsed response; `params` holds the path and query parameters."""
        await wait_for_own_records()
        return await self._transport.call(method, route, params, body)

    async def _call_raw(
        self, method: str, route: str, body: Mapping[str, Any] | Any = None, /, **params: Any
    ) -> Response:
        """Call an operation and return the response."""
        await wait_for_own_records()
        return await self._transport.request(method, route, params, body)


async def wait_for_own_records() -> None:
    """Wait until the server has the records of this process, so that a program sees what it has just done."""
    if journal.has_unforwarded():
        await blocking(journal.wait_until_forwarded, CATCH_UP_TIMEOUT_SECONDS)


def sync_method(method: Callable[Concatenate[Any, P], Coroutine[Any, Any, R]]) -> Callable[Concatenate[Any, P], R]:
    """Return a method for the sync client, driven in the caller's thread whether or not an event loop runs there.

    It is called on the async client that the sync one holds, so that a method may use others.
    """

    def call(self: Any, /, *args: P.args, **kwargs: P.kwargs) -> R:
        return drive(method(self._operations, *args, **kwargs))

    call.__name__ = method.__name__
    call.__qualname__ = f"SyncPrefectClient.{method.__name__}"
    call.__doc__ = method.__doc__
    call.__wrapped__ = method  # pyright: ignore[reportFunctionMemberAccess]  # for inspect.signature
    return call


class BaseClient:
    """The base of the same parts for sync code.

    Args:
        client: The async client whose operations are driven.
    """

    def __init__(self, client: Any) -> None:
        self._operations = client

    @property
    def server_type(self) -> ServerType:
        """The kind of API, as for the async client."""
        return self._operations.server_type

    request = sync_method(BaseAsyncClient.request)


def parse_many(kind: type[M], answers: Iterable[Any]) -> list[M]:
    """Return the answers as models."""
    validate = kind.model_validate
    return [validate(answer) for answer in answers]


def drop_none(**values: Any) -> dict[str, Any]:
    """Return the values that are not None."""
    return {name: value for name, value in values.items() if value is not None}


def dump_set_fields(model: BaseModel) -> dict[str, Any]:
    """Return the fields of a model that were set, as JSON values. Needed for values of any type, such as parameters."""
    return model.model_dump(mode="json", exclude_unset=True)


def parse_id(value: UUID | str) -> UUID:
    """Return an id that may be text as a UUID."""
    return value if isinstance(value, UUID) else UUID(value)


def build_query(
    related: RunRelatedFilters, kind: type[RunRelatedFilters], *, sort: Any = None, **page: int | None
) -> dict[str, Any]:
    """Return the body of a request for objects: the filters by their names in the API, the order and the page.

    Raises:
        TypeError: `kind` has no such filter.
    """
    if unknown := related.keys() - kind.__optional_keys__:
        raise TypeError(f"There is no argument {min(unknown)!r}.")
    named = {NAMES_IN_API.get(name, name): value for name, value in related.items()}
    return drop_none(**named, sort=sort, **page)
