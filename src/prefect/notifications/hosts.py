"""Resolve hosts of URLs, refusing those in private networks.

Messages show a URL's scheme and host only: the rest of a webhook's address is often its secret.
"""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import urlsplit


def resolve_public(url: str) -> list[str]:
    """Return the IP addresses of a URL's host.

    Raises:
        ValueError: The URL is not one of HTTP, its host is unknown, or one of the addresses is not public.
    """
    shown = repr(hide_path(url))
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ValueError(f"{shown} is not a valid URL.") from None
    if parts.scheme not in ("http", "https"):
        raise ValueError(f"{shown} is not a valid URL. Only HTTP and HTTPS URLs are allowed.")
    if not parts.hostname:
        raise ValueError(f"{shown} is not a valid URL.")
    try:
        found = {str(info[4][0]) for info in socket.getaddrinfo(parts.hostname, None, type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError):
        raise ValueError(f"{shown} is not a valid URL. It could not be resolved.") from None
    for address in found:
        if not ipaddress.ip_address(address.partition("%")[0]).is_global:
            raise ValueError(f"{shown} is not a valid URL. It resolves to the private address {address}.")
    return sorted(found)


def hide_path(url: str) -> str:
    """Return a URL without its user, path and query, which may be secret; `...` stands for them."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        return "..."
    host = rest.partition("/")[0].partition("?")[0].rpartition("@")[2]
    return f"{scheme}://{host}" if rest == host else f"{scheme}://{host}/..."
