"""Classification of failed API calls: repeat later, never, or with other credentials. For the client and the outbox."""

from __future__ import annotations

import sys
from typing import Any

RETRYABLE_STATUSES = frozenset({408, 429, 502, 503})
"""Statuses after which the HTTP client sends the same request again."""
BUSY_STATUSES = frozenset({408, 425, 429})
"""Client errors that only mean "not now"."""
UNAUTHORIZED_STATUSES = frozenset({401, 403, 407})
"""Statuses that reject the caller, not what it sent."""
MISSING_ROUTE_STATUSES = frozenset({404, 405})

MAX_REASON_LENGTH = 500


def get_status(error: BaseException) -> int | None:
    """Return the HTTP status of a failed call, or None when there was no answer."""
    return getattr(get_response(error), "status_code", None)


def is_unavailable(error: BaseException) -> bool:
    """Return whether the server cannot be reached or cannot answer now, so that the same call may succeed later."""
    status = get_status(error)
    if status is not None:
        return status >= 500 or status in BUSY_STATUSES
    httpx = sys.modules.get("httpx")  # an error of httpx's exists only once it has been imported
    return isinstance(error, OSError) or (httpx is not None and isinstance(error, httpx.TransportError))


def is_timeout(error: BaseException) -> bool:
    """Return whether the server has accepted the request, or the connection, and has not answered in time."""
    httpx = sys.modules.get("httpx")
    return isinstance(error, TimeoutError) or (httpx is not None and isinstance(error, httpx.TimeoutException))


def is_refusal(error: BaseException) -> bool:
    """Return whether the server has read the request and will never accept it."""
    status = get_status(error)
    return status is not None and 400 <= status < 500 and status not in BUSY_STATUSES | UNAUTHORIZED_STATUSES


def describe_error(error: BaseException) -> str:
    """Return the status and the answer of a failed call, or the error's message, in one line."""
    response = get_response(error)
    if response is not None:
        return f"{response.status_code}: {_read_detail(response)[:MAX_REASON_LENGTH]}"
    return str(error) or type(error).__name__


def _read_detail(response: Any) -> str:
    """Return the reason that an answer of the API gives, or its whole text."""
    try:
        detail = response.json()["detail"]
    except (ValueError, LookupError, TypeError):
        return response.text
    return detail if isinstance(detail, str) else response.text


def get_response(error: BaseException) -> Any:
    """Return the response of a failed call, or None when there was no answer."""
    return getattr(getattr(error, "http_exc", error), "response", None)
