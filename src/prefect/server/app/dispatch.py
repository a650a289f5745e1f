"""Dispatch of requests to operations, ahead of FastAPI.

A valid request is parsed here and its operation called, without FastAPI's middlewares and dependency injection.
Everything else (an invalid request, an unknown path, a method that is not allowed, the documentation, the websockets)
is passed to FastAPI, which words the errors.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from functools import cached_property
from json import JSONDecodeError
from typing import Any, NamedTuple

from pydantic import ValidationError
from starlette.convertors import UUIDConvertor
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from prefect.server.app.endpoints import JsonRequest, LazyRoute
from prefect.server.app.errors import HANDLERS, describe_invalid_json, error_response
from prefect.server.routes.core.operation import Operation
from prefect.server.routes.core.parameters import Parameter, list_parameters
from prefect.types import uuid_from_text

GZIP_MIN_BYTES = 8 * 1024
"""The smallest response that is compressed: smaller ones are sent faster as they are."""

GZIP_LEVEL = 2
"""The compression level: most of the gain for a fifth of the time of the highest."""


def compress(app: ASGIApp) -> ASGIApp:
    """Return an application that compresses the responses of another one, for clients that accept it."""
    return GZipMiddleware(app, minimum_size=GZIP_MIN_BYTES, compresslevel=GZIP_LEVEL)


class OperationDispatcher:
    """An ASGI application that calls operations, before another one that handles the rest.

    Args:
        routes: The routes of the operations, in the order in which they are tried.
        app: Handles what is not a valid request for an operation.
    """

    def __init__(self, routes: Sequence[LazyRoute], app: ASGIApp) -> None:
        self._app = compress(app)
        self._by_path: dict[tuple[str, str], _Endpoint] = {}
        self._patterns: dict[tuple[str, str], list[_Endpoint]] = defaultdict(list)
        for route in routes:
            endpoint = _Endpoint(route)
            patterns = self._patterns[endpoint.operation.method, _first_segment(route.path)]
            if route.param_convertors or any(earlier.match(route.path) is not None for earlier in patterns):
                patterns.append(endpoint)
            else:
                self._by_path.setdefault((endpoint.operation.method, route.path), endpoint)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (endpoint := self._find(scope)) is not None:
            scope["route"] = endpoint.route  # for the metrics
            replay = await self._call(endpoint, scope, receive, send)
            if replay is None:
                return
            receive = replay
        await self._app(scope, receive, send)

    def _find(self, scope: Scope) -> _Endpoint | None:
        """Return the operation of a request, and put the parameters of its path into the scope."""
        path, method = scope["path"].removeprefix(scope.get("root_path", "")), scope["method"]
        endpoint = self._by_path.get((method, path))
        if endpoint is not None:
            scope["path_params"] = {}
            return endpoint
        for endpoint in self._patterns.get((method, _first_segment(path)), ()):
            found = endpoint.match(path)
            if found is not None:
                scope["path_params"] = found
                return endpoint
        return None

    async def _call(self, endpoint: _Endpoint, scope: Scope, receive: Receive, send: Send) -> Receive | None:
        """Call an operation and send its response.

        Returns:
            None once it has been sent; for a request that is not valid, what receives it once more.
        """
        request = JsonRequest(scope, receive)
        try:
            endpoint.operation.authorize(scope["principal"])
            arguments = await endpoint.parse(request)
            if arguments is None:
                return _replay(await request.body())
            response = await endpoint.call(request, **arguments)
        except HTTPException as error:  # of reading the body
            response = error_response(error.status_code, {"detail": error.detail})
        except JSONDecodeError as error:
            response = await _handle(request, describe_invalid_json(error))
        except Exception as error:
            response = await _handle(request, error)
        app = response if len(response.body) < GZIP_MIN_BYTES else compress(response)
        await app(scope, receive, send)
        return None


class _Reader(NamedTuple):
    """Reader and validator of one parameter of an operation. Hot path: it is looked up once for all requests."""

    name: str
    find: Callable[[Request, Any], Any]
    validate: Callable[[Any], Any]
    default: Any
    required: bool


class _Endpoint:
    """An operation's route, with what parses its requests."""

    def __init__(self, route: LazyRoute) -> None:
        self.route = route
        self.operation: Operation = route.operation_app.operation
        self._convert: dict[str, Callable[[str], Any]] = {
            # Hot path: the pattern has checked the text, which the convertor does once more.
            name: uuid_from_text if isinstance(convertor, UUIDConvertor) else convertor.convert
            for name, convertor in route.param_convertors.items()
        }

    def match(self, path: str) -> dict[str, Any] | None:
        """Return the parameters in a path, or None when the path is not of this operation."""
        found = self.route.path_regex.match(path)
        if found is None:
            return None
        return {name: self._convert[name](value) for name, value in found.groupdict().items()}

    @cached_property
    def call(self) -> Callable[..., Awaitable[Response]]:
        """The function that executes the operation and responds."""
        return self.route.operation_app.endpoint

    @cached_property
    def _readers(self) -> list[_Reader]:
        return [
            _Reader(each.name, _finder(each), each.adapter.validator.validate_python, each.default, each.required)
            for each in list_parameters(self.operation)
        ]

    @cached_property
    def _has_body(self) -> bool:
        return any(parameter.location in ("body", "whole") for parameter in list_parameters(self.operation))

    async def parse(self, request: JsonRequest) -> dict[str, Any] | None:
        """Return the arguments of the operation's function, or None when the request is not valid.

        Raises:
            JSONDecodeError: The body is not valid JSON, or nested too deep.
        """
        body = None
        if self._has_body:
            kind = request.headers.get("content-type", "application/json").partition(";")[0].strip()
            if kind != "application/json":
                return None
            body = await request.json()
        arguments: dict[str, Any] = {}
        for name, find, validate, default, required in self._readers:
            value = find(request, body)
            if value is not None:
                try:
                    arguments[name] = validate(value)
                except ValidationError:
                    return None
            elif required:
                return None
            else:
                arguments[name] = default
        return arguments


def _finder(parameter: Parameter) -> Callable[[Request, Any], Any]:
    """Return what finds the value of a parameter in a request and its body; None when it is not there."""
    name = parameter.alias or parameter.name
    match parameter.location:
        case "path":
            return lambda request, _: request.scope["path_params"].get(name)
        case "query":
            return lambda request, _: request.query_params.get(name)
        case "header":
            header = name.replace("_", "-")
            return lambda request, _: request.headers.get(header)
        case "whole":
            return lambda _, body: body
        case _:
            return lambda _, body: body.get(name) if isinstance(body, dict) else None


def _replay(body: bytes) -> Receive:
    """Return what receives a request whose body has been read already."""

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


async def _handle(request: Request, error: Exception) -> Response:
    """Return the response to an error, as FastAPI finds its handler."""
    return await next(HANDLERS[kind] for kind in type(error).__mro__ if kind in HANDLERS)(request, error)


def _first_segment(path: str) -> str:
    return path.removeprefix("/").partition("/")[0]
