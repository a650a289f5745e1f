"""Public path of URLs of objects, see `prefect.client.urls`; and a check that refuses URLs of private networks.

The check is here for other programs only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect._lazy import exports
from prefect.client.urls import API_URL_FORMATS, RUN_TYPES, UI_URL_FORMATS, URLType, convert_class_to_name, url_for
from prefect.notifications.hosts import resolve_public

if TYPE_CHECKING:
    from prefect.notifications.guarded_http import SSRFProtectedAsyncHTTPTransport, SSRFProtectedHTTPTransport

__all__ = [
    "API_URL_FORMATS",
    "RUN_TYPES",
    "SSRFProtectedAsyncHTTPTransport",
    "SSRFProtectedHTTPTransport",
    "UI_URL_FORMATS",
    "URLType",
    "convert_class_to_name",
    "url_for",
    "validate_restricted_url",
]


_EXPORTS = {
    "prefect.notifications.guarded_http": "SSRFProtectedAsyncHTTPTransport SSRFProtectedHTTPTransport",
}

__getattr__, __dir__ = exports(__name__, _EXPORTS)


def validate_restricted_url(url: str) -> None:
    """Refuse a URL that leads into a private network.

    A name can resolve to another address a moment later; `SSRFProtectedHTTPTransport` checks when it connects.

    Raises:
        ValueError: It does, or is not a URL of HTTP, or its host is unknown.
    """
    resolve_public(url)
