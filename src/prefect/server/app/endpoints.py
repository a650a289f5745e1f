"""Operations as routes of FastAPI: it reads and validates requests and documents them; answers are written as they are.

An answer is made of the values that the store's drivers gave, in the shape that is documented (tests hold it to that),
so it goes straight to JSON, without being validated a second time.
"""

from __future__ import annotations

import asyncio
import inspect
import warnings
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from datetime import timedelta
from functools import cached_property
from typing import Annotated, Any, cast
from uuid import UUID

import orjson
from fastapi import Body, Header, Path, Query
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidatorFunctionWrapHandler, WrapValidator
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from prefect.server.db.errors import StoreBusy
from prefect.server.db.interface import Database, Transaction, UnitOfWork
from prefect.server.routes.operation import Caller, Operation, RawResponse, StatusResponse
from prefect.server.routes.parameters import Parameter, list_parameters, wants_caller

# FastAPI gives the type of a body's field the field's name, which pydantic says has no effect. FastAPI ignores that
# where it builds what validates the type, but our schemas are built at their first use.
warnings.filterwarnings("ignore", "The 'alias' attribute with value", UserWarning)

_PLACES: dict[str, Callable[..., Any]] = {
    "path": Path,
    "query": Query,
    "header": Header,
    "body": lambda **more: Body(embed=True, **more),
    "whole": Body,
}


class LazyRoute(Route):
    """The route of an operation, which FastAPI makes at the first request: to make all costs half a second and memory.

    Args:
        operation: The operation.
        database: What it works on.
    """

    def __init__(self, operation: Operation, database: Database) -> None:
        self.made = _Made(operation, database)
        super().__init__(operation.path, self.made, methods=[operation.method], name=operation.fn.__name__)
        self.methods = {operation.method}  # as FastAPI has it: GET does not answer HEAD


class _Made:
    """What answers the requests of a route: an application of ASGI."""

    def __init__(self, operation: Operation, database: Database) -> None:
        self.operation = operation
        self._database = database

    @cached_property
    def endpoint(self) -> Callable[..., Awaitable[Response]]:
        """The function that carries out the operation."""
        return build_endpoint(self.operation, self._database)

    @cached_property
    def route(self) -> APIRoute:
        """The route that FastAPI makes of it."""
        return build_route(self.operation, self.endpoint)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["route"] = self.route
        await self.route.app(scope, receive, send)


def build_route(operation: Operation, endpoint: Callable[..., Awaitable[Response]]) -> APIRoute:
    """Return FastAPI's route of an operation."""
    return JsonRoute(
        operation.path,
        endpoint,
        methods=[operation.method],
        name=operation.fn.__name__,
        tags=list(operation.tags),
        status_code=operation.status,
        response_model=operation.response_type,
        include_in_schema=operation.documented,
        deprecated=operation.deprecated or None,
    )


def build_endpoint(operation: Operation, database: Database) -> Callable[..., Awaitable[Response]]:
    """A function for FastAPI, with the signature that the operation's parameters make."""
    transact = _transacting(operation, database)
    caller_name = wants_caller(operation)
    raw = next((parameter.name for parameter in list_parameters(operation) if parameter.location == "raw"), None)

    async def carry_out(request: Request, **given: Any) -> Response:
        given.pop("x_prefect_api_version", None)  # FastAPI documents it
        if caller_name is not None:
            given[caller_name] = caller(request)
        if raw is not None:
            given[raw] = await request.body()
        answer = await transact(lambda tx: operation.fn(tx, **given))
        return build_response(answer, operation.status)

    declared = [_declared(parameter) for parameter in list_parameters(operation) if parameter.location != "raw"]
    keyword = inspect.Parameter.KEYWORD_ONLY
    version = inspect.Parameter("x_prefect_api_version", keyword, default=None, annotation=_VERSION)
    request = inspect.Parameter("request", keyword, annotation=Request)
    signature = inspect.Signature([*declared, version, request])
    carry_out.__signature__ = signature  # pyright: ignore[reportFunctionMemberAccess]  # what FastAPI reads
    carry_out.__doc__ = operation.fn.__doc__
    carry_out.__name__ = operation.fn.__name__
    return carry_out


def _transacting(
    operation: Operation, database: Database
) -> Callable[[Callable[[Any], Awaitable[Any]]], Awaitable[Any]]:
    """What does an operation's work."""
    if not operation.uses_database:
        return lambda work: work(cast("Transaction", None))
    transact = database.write if operation.writes else database.read
    if operation.timeout_seconds is None:
        return transact

    async def hastily(work: UnitOfWork[Any]) -> Any:
        try:
            async with asyncio.timeout(operation.timeout_seconds):
                return await transact(work)
        except TimeoutError:
            raise StoreBusy(f"The database did not answer within {operation.timeout_seconds:g} s.") from None

    return hastily


_VERSION = Annotated[str, Header(alias="x-prefect-api-version")]


def _declared(parameter: Parameter) -> inspect.Parameter:
    more = {"alias": parameter.alias} if parameter.alias else {}
    kind = parameter.type
    if parameter.location == "body" and not parameter.required:
        kind = Annotated[kind, WrapValidator(_unless_null(parameter.default))]
    annotation = Annotated[kind, _PLACES[parameter.location](**more)]
    return inspect.Parameter(
        parameter.name, inspect.Parameter.KEYWORD_ONLY, default=parameter.default, annotation=annotation
    )


def _unless_null(default: Any) -> Callable[[Any, ValidatorFunctionWrapHandler], Any]:
    """A field of a body that is null has its default, as if it were not there."""
    return lambda value, validate: default if value is None else validate(value)


def caller(request: Request) -> Caller:
    """Who sent a request."""
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in request.scope["headers"]}
    agent = headers.get("user-agent", "")
    version = agent.removeprefix("prefect/").split(" ")[0] if agent.startswith("prefect/") else None
    return Caller(request.scope.get("actor", "anonymous"), version, headers)


def build_response(answer: Any, status: int) -> Response:
    """The response that says an answer."""
    if isinstance(answer, StatusResponse):
        answer, status = answer.body, answer.code
    if isinstance(answer, RawResponse):
        return Response(answer.body, status, answer.headers, answer.media_type)
    if status == 204:
        return Response(status_code=204)
    return Response(to_json(answer), status, media_type="application/json")


def to_json(answer: Any) -> bytes:
    """An answer as JSON: times in UTC with a Z, durations as seconds."""
    return orjson.dumps(answer, _plain, option=orjson.OPT_NON_STR_KEYS | orjson.OPT_UTC_Z)


def _plain(value: Any) -> Any:
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, UUID):  # a driver's own class for it
        return str(value)
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} has no JSON")


MAX_JSON_DEPTH = 100
"""How deep the JSON of a body may be nested: what reads it calls itself for each level."""


class JsonRequest(Request):
    """A request whose body is read by orjson: faster, and text that is no Unicode is refused here, not by the store."""

    async def json(self) -> Any:
        if not hasattr(self, "_json"):
            body = await self.body()
            try:
                self._json = orjson.loads(body) if body else None
            except orjson.JSONDecodeError as error:
                raise HTTPException(422, f"The body is not JSON: {error}.") from None
            if body.count(b"[") + body.count(b"{") > MAX_JSON_DEPTH and is_too_deep(self._json):
                raise HTTPException(422, f"The body is nested more than {MAX_JSON_DEPTH} deep.")
        return self._json


def is_too_deep(value: Any) -> bool:
    """Whether JSON is nested deeper than what is said about it can be."""
    level = [value]
    for _ in range(MAX_JSON_DEPTH):
        inside = [item for part in level if isinstance(part, (dict, list)) for item in _items(part)]
        if not inside:
            return False
        level = inside
    return True


def _items(part: dict[str, Any] | list[Any]) -> Iterable[Any]:
    return part.values() if isinstance(part, dict) else part


class JsonRoute(APIRoute):
    """A route whose requests are `JsonRequest`s."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handler(request: Request) -> Response:
            return await handle(JsonRequest(request.scope, request.receive))

        return handler
