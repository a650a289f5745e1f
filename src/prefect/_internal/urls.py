"""Remove credentials from texts that are logged, for other people's packages."""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["strip_auth_from_urls_in_text"]

_USER_OF_URL = re.compile(r"(https?://)[^\s/@'\"]+@", re.IGNORECASE)


def strip_auth_from_urls_in_text(text: str, extra_secrets: Iterable[str] | None = None) -> str:
    """Remove user names, passwords and tokens from the HTTP URLs of a text.

    Args:
        text: The text, for instance what `git` printed.
        extra_secrets: Values that are replaced by `***` wherever they stand.
    """
    stripped = _USER_OF_URL.sub(r"\1", text)
    for secret in extra_secrets or ():
        if secret:
            stripped = stripped.replace(secret, "***")
    return stripped
