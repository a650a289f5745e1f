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
from typing import Any

from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from prefect.server.app.endpoints import JsonRequest, LazyRoute
from prefect.server.app.errors import HANDLERS, describe_invalid_json, error_response
from prefect.server.routes.operation import Operation
from prefect.server.routes.parameters import Parameter, list_parameters


class OperationDispatcher:
    """An ASGI application that calls operations, before another one that handles the rest.

    Args:
        routes: The routes of the operations, in the order in which they are tried.
        app: Handles what is not a valid request for an operation.
    """

    def __init__(self, routes: Sequence[LazyRoute], app: ASGIApp) -> None:
        self._app = app
        self._endpoints: dict[str, list[_Endpoint]] = defaultdict(list)
        for route in routes:
            self._endpoints[_first_segment(route.path)].append(_Endpoint(route))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            path = scope["path"].removeprefix(scope.get("root_path", ""))
            for endpoint in self._endpoints.get(_first_segment(path), ()):
                match, found = endpoint.route.matches(scope)
                if match is Match.FULL:
                    scope["route"] = endpoint.route  # for the metrics
                    replay = await self._call(endpoint, {**scope, **found}, receive, send)
                    if replay is None:
                        return
                    receive = replay
                    break
        await self._app(scope, receive, send)

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
        await response(scope, receive, send)
        return None


class _Endpoint:
    """An operation's route, with what parses its requests."""

    def __init__(self, route: LazyRoute) -> None:
        self.route = route
        self.operation: Operation = route.operation_app.operation

    @cached_property
    def call(self) -> Callable[..., Awaitable[Response]]:
        """The function that executes the operation and responds."""
        return self.route.operation_app.endpoint

    @cached_property
    def _has_body(self) -> bool:
        return any(parameter.location in ("body", "whole") for parameter in list_parameters(self.operation))

    async def parse(self, request: JsonRequest) -> dict[str, Any] | None:
        """Return the arguments of the operation's function, or None when the request is not valid.

        Raises:
            JSONDecodeError: The body is no JSON, or nested too deep.
        """
        body = None
        if self._has_body:
            kind = request.headers.get("content-type", "application/json").partition(";")[0].strip()
            if kind != "application/json":
                return None
            body = await request.json()
        arguments: dict[str, Any] = {}
        for parameter in list_parameters(self.operation):
            value = _find(parameter, request, body)
            if value is not None:
                try:
                    arguments[parameter.name] = parameter.adapter.validate_python(value)
                except ValidationError:
                    return None
            elif parameter.required:
                return None
            else:
                arguments[parameter.name] = parameter.default
        return arguments


def _find(parameter: Parameter, request: Request, body: Any) -> Any:
    """Return the value of a parameter in a request; None when it is not there."""
    name = parameter.alias or parameter.name
    match parameter.location:
        case "path":
            return request.scope["path_params"].get(name)
        case "query":
            return request.query_params.get(name)
        case "header":
            return request.headers.get(name.replace("_", "-"))
        case "whole":
            return body
        case _:
            return body.get(name) if isinstance(body, dict) else None


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
