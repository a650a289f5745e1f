"""HTTP responses for errors."""

from __future__ import annotations

import logging
from json import JSONDecodeError
from typing import Any

from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from prefect.server.app.endpoints import CLIENT_CLOSED_REQUEST, to_json
from prefect.server.db.errors import Duplicate, StoreBusy, StoreError, StoreUnavailable, Unstorable
from prefect.server.services.core.errors import ServiceError

logger = logging.getLogger("prefect.server")

INVALID_JSON = "json_invalid"


def error_response(status: int, body: Any) -> Response:
    """Return a JSON response."""
    return Response(to_json(body), status, media_type="application/json")


async def handle_invalid_request(_: Request, error: Exception) -> Response:
    """Answer a request that does not fit the operation; the detail names the field."""
    assert isinstance(error, RequestValidationError)
    detail = [
        {name: value for name, value in item.items() if name != "ctx" or item["type"] == INVALID_JSON}
        for item in error.errors()
    ]
    return error_response(
        422,
        {
            "exception_message": "Invalid request received.",
            "exception_detail": jsonable_encoder(detail),
            "request_body": error.body,
        },
    )


def describe_invalid_json(error: JSONDecodeError) -> RequestValidationError:
    """Return the error of a request whose body is not valid JSON, in FastAPI's words."""
    where = ("body", error.pos)
    detail = {"type": INVALID_JSON, "loc": where, "msg": "JSON decode error", "input": {}, "ctx": {"error": error.msg}}
    return RequestValidationError([detail], body=error.doc)


async def handle_refused(_: Request, error: Exception) -> Response:
    """Answer what a service refused."""
    assert isinstance(error, ServiceError)
    response = error_response(error.status, {error.key: str(error)})
    response.headers.update(error.headers)
    return response


async def handle_unstorable(_: Request, error: Exception) -> Response:
    """Answer a value that the database cannot hold, or a duplicate."""
    return error_response(409 if isinstance(error, Duplicate) else 422, {"detail": str(error)})


async def handle_unavailable(_: Request, error: Exception) -> Response:
    """Answer while the database is unavailable or busy; the client may retry."""
    logger.error("%s", error)
    return error_response(503, {"exception_message": "Service Unavailable"})


async def handle_client_disconnected(_: Request, __: Exception) -> Response:
    """Answer a client that disconnected while it sent its request; the response is not received."""
    return Response(status_code=CLIENT_CLOSED_REQUEST)


async def handle_failure(request: Request, error: Exception) -> Response:
    """Answer an unexpected error, which is logged with the id of its request."""
    request_id = request.scope.get("request_id")
    logger.error("%s %s failed (%s)", request.method, request.url.path, request_id, exc_info=error)
    return error_response(500, {"exception_message": "Internal Server Error"})


HANDLERS: dict[Any, Any] = {
    RequestValidationError: handle_invalid_request,
    ServiceError: handle_refused,
    Duplicate: handle_unstorable,
    Unstorable: handle_unstorable,
    StoreBusy: handle_unavailable,
    StoreUnavailable: handle_unavailable,
    StoreError: handle_failure,
    ClientDisconnect: handle_client_disconnected,
    Exception: handle_failure,
}
