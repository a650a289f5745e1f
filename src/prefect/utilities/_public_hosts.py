"""Resolve hosts of URLs, refusing those in private networks."""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import urlsplit


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
