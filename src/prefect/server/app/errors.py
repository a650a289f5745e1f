"""Errors as the API answers them."""

from __future__ import annotations

import logging
from typing import Any

from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from starlette.requests import Request
from starlette.responses import Response

from prefect.server.app.endpoints import to_json
from prefect.server.db.errors import Duplicate, StoreBusy, StoreError, StoreUnavailable, Unstorable
from prefect.server.services.core.errors import ServiceError

logger = logging.getLogger("prefect.server")


def answer(status: int, body: Any) -> Response:
    """A response that says what is wrong."""
    return Response(to_json(body), status, media_type="application/json")


async def invalid(_: Request, error: Exception) -> Response:
    """A request that is not what the operation takes; the field is named in the detail."""
    assert isinstance(error, RequestValidationError)
    detail = [{name: value for name, value in item.items() if name != "ctx"} for item in error.errors()]
    return answer(
        422,
        {
            "exception_message": "Invalid request received.",
            "exception_detail": jsonable_encoder(detail),
            "request_body": error.body,
        },
    )


async def refused(_: Request, error: Exception) -> Response:
    """What a service refused."""
    assert isinstance(error, ServiceError)
    response = answer(error.status, {error.key: str(error)})
    response.headers.update(error.headers)
    return response


async def unstorable(_: Request, error: Exception) -> Response:
    """A value that no database holds, or a second one of what there may be only one of."""
    return answer(409 if isinstance(error, Duplicate) else 422, {"detail": str(error)})


async def unavailable(_: Request, error: Exception) -> Response:
    """The database cannot be reached, or others kept it busy for too long: the client may ask again."""
    logger.error("%s", error)
    return answer(503, {"exception_message": "Service Unavailable"})


async def failed(request: Request, error: Exception) -> Response:
    """A bug."""
    request_id = request.scope.get("request_id")
    logger.error("%s %s failed (%s)", request.method, request.url.path, request_id, exc_info=error)
    return answer(500, {"exception_message": "Internal Server Error"})


HANDLERS: dict[Any, Any] = {
    RequestValidationError: invalid,
    ServiceError: refused,
    Duplicate: unstorable,
    Unstorable: unstorable,
    StoreBusy: unavailable,
    StoreUnavailable: unavailable,
    StoreError: failed,
    Exception: failed,
}
