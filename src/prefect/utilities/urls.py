"""Public path of URLs of objects, see `prefect.client.urls`; and a check that refuses URLs of private networks.

The check is here for other programs only.
"""

from __future__ import annotations

import ipaddress
import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from prefect._lazy import exports
from prefect.client.urls import API_URL_FORMATS, RUN_TYPES, UI_URL_FORMATS, URLType, convert_class_to_name, url_for

if TYPE_CHECKING:
    from prefect.utilities._guarded_http import SSRFProtectedAsyncHTTPTransport, SSRFProtectedHTTPTransport

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
    "prefect.utilities._guarded_http": "SSRFProtectedAsyncHTTPTransport SSRFProtectedHTTPTransport",
}

__getattr__, __dir__ = exports(__name__, _EXPORTS)


def resolve_public(url: str) -> list[str]:
    """Return the IP addresses of a URL's host.

    Raises:
        ValueError: The URL is not one of HTTP, its host is unknown, or one of the addresses is not public.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ValueError(f"{url!r} is not a valid URL.") from None
    if parts.scheme not in ("http", "https"):
        raise ValueError(f"{url!r} is not a valid URL. Only HTTP and HTTPS URLs are allowed.")
    if not parts.hostname:
        raise ValueError(f"{url!r} is not a valid URL.")
    try:
        found = {str(info[4][0]) for info in socket.getaddrinfo(parts.hostname, None, type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError):
        raise ValueError(f"{url!r} is not a valid URL. It could not be resolved.") from None
    for address in found:
        if not ipaddress.ip_address(address.partition("%")[0]).is_global:
            raise ValueError(f"{url!r} is not a valid URL. It resolves to the private address {address}.")
    return sorted(found)


def validate_restricted_url(url: str) -> None:
    """Refuse a URL that leads into a private network.

    A name can resolve to another address a moment later; `SSRFProtectedHTTPTransport` checks when it connects.

    Raises:
        ValueError: It does, or is not a URL of HTTP, or its host is unknown.
    """
    resolve_public(url)
