"""Operations as routes of FastAPI, which parses, validates and documents requests; responses are not validated.

A response is made of values of the database's driver, in the shape that is documented (tests compare it), so it is
encoded as JSON without being validated a second time.
"""

from __future__ import annotations

import asyncio
import hashlib
import inspect
import warnings
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from datetime import timedelta
from functools import cached_property
from json import JSONDecodeError
from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import Body, Header, Path, Query
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidatorFunctionWrapHandler, WrapValidator
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from prefect.server.app import shared_answers
from prefect.server.app.state import ServerState
from prefect.server.routes.core.execution import execute
from prefect.server.routes.core.operation import (
    CallerDisconnected,
    Operation,
    RawResponse,
    RequestInfo,
    StatusResponse,
    Waiting,
)
from prefect.server.routes.core.parameters import (
    Parameter,
    build_arguments,
    find_request_info_parameter,
    list_parameters,
)
from prefect.types import json_codec

# FastAPI sets an alias on the types of body fields, of which pydantic warns that it has no effect. FastAPI ignores the
# warning while it builds validators, but our schemas are built at their first use.
warnings.filterwarnings("ignore", "The 'alias' attribute with value", UserWarning)

_LOCATIONS: dict[str, Callable[..., Any]] = {
    "path": Path,
    "query": Query,
    "header": Header,
    "body": lambda **options: Body(embed=True, **options),
    "whole": Body,
}


class LazyRoute(Route):
    """The route of an operation, which FastAPI builds at its first request: all of them cost half a second and memory.

    Args:
        operation: The operation.
        state: What it works on.
    """

    def __init__(self, operation: Operation, state: ServerState) -> None:
        self.operation_app = OperationApp(operation, state)
        super().__init__(operation.path, self.operation_app, methods=[operation.method], name=operation.fn.__name__)
        self.methods = {operation.method}  # as in FastAPI: GET does not answer HEAD


class OperationApp:
    """The ASGI application that serves the requests of one operation through FastAPI.

    Args:
        operation: The operation.
        state: What it works on.
    """

    def __init__(self, operation: Operation, state: ServerState) -> None:
        self.operation = operation
        self._state = state

    @cached_property
    def endpoint(self) -> Callable[..., Awaitable[Response]]:
        """The function that executes the operation and responds."""
        return build_endpoint(self.operation, self._state)

    @cached_property
    def route(self) -> APIRoute:
        """FastAPI's route of the operation."""
        return build_route(self.operation, self.endpoint)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["route"] = self.route
        self.operation.authorize(scope["principal"])
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


def build_endpoint(operation: Operation, state: ServerState) -> Callable[..., Awaitable[Response]]:
    """Return a function for FastAPI, with the signature that the operation's parameters make."""
    info_name = find_request_info_parameter(operation)
    raw_name = next((parameter.name for parameter in list_parameters(operation) if parameter.location == "raw"), None)

    async def handle(request: Request, **values: Any) -> Response:
        values.pop("x_prefect_api_version", None)  # FastAPI documents it
        if raw_name is not None:
            values[raw_name] = await request.body()
        arguments = build_arguments(operation, values)
        if info_name is not None:
            arguments[info_name] = read_request_info(request)
        principal = request.scope["principal"]

        async def compute(changes: RequestChanges | None = None) -> Response:
            result = await execute(operation, state.database, principal, arguments, changes)
            return build_response(result, operation.status)

        if operation.etag and state.answers.allows(request):
            key = (principal, request.url.path, request.url.query)
            follows_log = operation.route.endswith("/logs")  # somebody watches the lines come
            return answer_conditionally(request, await state.answers.get(key, compute, follows_log))
        try:
            response = await compute(RequestChanges(request, state))
        except CallerDisconnected:
            return Response(status_code=CLIENT_CLOSED_REQUEST)
        return answer_conditionally(request, response) if operation.etag else response

    declared = [
        _signature_parameter(parameter) for parameter in list_parameters(operation) if parameter.location != "raw"
    ]
    keyword = inspect.Parameter.KEYWORD_ONLY
    version = inspect.Parameter("x_prefect_api_version", keyword, default=None, annotation=_VERSION)
    request = inspect.Parameter("request", keyword, annotation=Request)
    signature = inspect.Signature([*declared, version, request])
    handle.__signature__ = signature  # pyright: ignore[reportFunctionMemberAccess]  # what FastAPI reads
    handle.__doc__ = operation.fn.__doc__
    handle.__name__ = operation.fn.__name__
    return handle


CLIENT_CLOSED_REQUEST = 499
"""The status of a response that nobody receives."""


class RequestChanges:
    """Waiting for changes on behalf of a request, as long as its client stays connected.

    Args:
        request: The request.
        state: What notifies of changes.
    """

    def __init__(self, request: Request, state: ServerState) -> None:
        self._request = request
        self._state = state

    async def wait(self, waiting: Waiting) -> None:
        """Return when the topic is notified or the time is over.

        Raises:
            CallerDisconnected: The client has closed the connection.
        """
        with self._state.bus.subscribe(waiting.topic) as subscription:
            if await self._state.database.read_briefly(waiting.is_ready):  # before the subscription
                return
            notified = asyncio.ensure_future(subscription.take())
            gone = asyncio.ensure_future(self._wait_for_disconnect())
            try:
                await asyncio.wait({notified, gone}, timeout=waiting.seconds, return_when=asyncio.FIRST_COMPLETED)
                if gone.done() and not notified.done():
                    raise CallerDisconnected
            finally:
                for task in (notified, gone):
                    task.cancel()
                await asyncio.gather(notified, gone, return_exceptions=True)

    async def _wait_for_disconnect(self) -> None:
        await self._request.body()
        while (await self._request.receive())["type"] != "http.disconnect":
            pass


_VERSION = Annotated[str, Header(alias="x-prefect-api-version")]


def _signature_parameter(parameter: Parameter) -> inspect.Parameter:
    options = {"alias": parameter.alias} if parameter.alias else {}
    kind = parameter.type
    if parameter.location == "body" and not parameter.required:
        kind = Annotated[kind, WrapValidator(_null_as_default(parameter.default))]
    annotation = Annotated[kind, _LOCATIONS[parameter.location](**options)]
    return inspect.Parameter(
        parameter.name, inspect.Parameter.KEYWORD_ONLY, default=parameter.default, annotation=annotation
    )


def _null_as_default(default: Any) -> Callable[[Any, ValidatorFunctionWrapHandler], Any]:
    """Return a validator that treats null in a body as a field that was left out."""
    return lambda value, validate: default if value is None else validate(value)


def read_request_info(request: Request) -> RequestInfo:
    """Return what is known about a request besides its parameters."""
    agent = request.headers.get("user-agent", "")
    version = agent.removeprefix("prefect/").split(" ")[0] if agent.startswith("prefect/") else None
    return RequestInfo(request.scope["principal"], version, request.headers)


def build_response(result: Any, status: int) -> Response:
    """Return the HTTP response of an operation's result."""
    if isinstance(result, StatusResponse):
        result, status = result.body, result.code
    if isinstance(result, RawResponse):
        return Response(result.body, status, result.headers, result.media_type)
    if status == 204:
        return Response(status_code=204)
    return JsonResponse(to_json(result), status)


class JsonResponse(Response):
    """A response of JSON that is encoded already.

    Args:
        body: The JSON.
        status: The HTTP status.
    """

    media_type = "application/json"

    def __init__(self, body: bytes, status: int) -> None:
        # Hot path: what the base class does for any response takes four times as long.
        self.status_code = status
        self.background = None
        self.body = body
        self.raw_headers = [(b"content-length", b"%d" % len(body)), (b"content-type", b"application/json")]


def answer_conditionally(request: Request, response: Response) -> Response:
    """Return a response with an ETag, or one of status 304 when the client has the same already."""
    etag = f'"{hashlib.blake2b(response.body, digest_size=12).hexdigest()}"'
    headers = {"etag": etag, "cache-control": "no-cache"}
    if interval := response.headers.get(shared_answers.HEADER):
        headers[shared_answers.HEADER] = interval
    # A proxy that compresses the response may have made the ETag a weak one.
    if etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(response.body, response.status_code, headers, response.media_type)


def to_json(value: Any) -> bytes:
    """Return a value as JSON: times in UTC with a Z, durations as seconds."""
    return json_codec.dumps(value, _encode_default, option=orjson.OPT_NON_STR_KEYS | orjson.OPT_UTC_Z)


def _encode_default(value: Any) -> Any:
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, UUID):  # a driver's own class
        return str(value)
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    raise TypeError(f"A value of the type {type(value).__name__!r} cannot be written as JSON.")


MAX_JSON_DEPTH = 100
"""How deep the JSON of a body may be nested, since validation recurses for each level."""


class JsonRequest(Request):
    """A request whose body is parsed by orjson, which is faster."""

    async def body(self) -> bytes:
        """Return the body. Hot path: most requests have it in one message.

        Raises:
            ClientDisconnect: The client has gone before it had sent all.
        """
        if not hasattr(self, "_body"):
            parts: list[bytes] = []
            has_more = True
            while has_more:
                message = await self._receive()
                if message["type"] == "http.disconnect":
                    self._is_disconnected = True
                    raise ClientDisconnect
                parts.append(message.get("body", b""))
                has_more = message.get("more_body", False)
            self._body = b"".join(parts)
            self._stream_consumed = True
        return self._body

    async def json(self) -> Any:
        """Return the body's JSON.

        Raises:
            JSONDecodeError: It is not valid JSON, or nested too deep.
        """
        if not hasattr(self, "_json"):
            body = await self.body()
            try:
                self._json = json_codec.loads_foreign(body) if body else None
            except RecursionError:
                raise _too_deep(body) from None
            if body.count(b"[") + body.count(b"{") > MAX_JSON_DEPTH and is_too_deep(self._json):
                raise _too_deep(body)
        return self._json


def _too_deep(body: bytes) -> JSONDecodeError:
    return JSONDecodeError(f"It is nested more than {MAX_JSON_DEPTH} deep", body.decode("utf-8", "replace"), 0)


def is_too_deep(value: Any) -> bool:
    """Return whether JSON is nested deeper than `MAX_JSON_DEPTH`."""
    level = [value]
    for _ in range(MAX_JSON_DEPTH):
        level = [item for part in level if isinstance(part, (dict, list)) for item in _children(part)]
        if not level:
            return False
    return True


def _children(part: dict[str, Any] | list[Any]) -> Iterable[Any]:
    return part.values() if isinstance(part, dict) else part


class JsonRoute(APIRoute):
    """A route whose requests are `JsonRequest`s."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handler(request: Request) -> Response:
            return await handle(JsonRequest(request.scope, request.receive))

        return handler
