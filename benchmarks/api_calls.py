"""Requests to a measured server, without a client library."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from typing import Any, Protocol

BUSY_RETRIES = 20
"""How often a request is sent again to a server that is busy, as the original's is while its database is locked."""


class Address(Protocol):
    """What has the address of an API."""

    @property
    def url(self) -> str: ...


def call(up: Address, method: str, path: str, body: Any = None) -> Any:
    """Send a request, and return the JSON of its answer."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{up.url}{path}", data, {"content-type": "application/json"}, method=method)
    for remaining in reversed(range(BUSY_RETRIES)):
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                text = response.read()
            return json.loads(text) if text else None
        except urllib.error.HTTPError as error:
            if error.code != 503 or not remaining:
                raise
            time.sleep(0.1)
    return None
