"""The environment of runs in containers, which have another machine's files and another name for the worker's host."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

from prefect.settings import get_current_settings

HOST_NAME = "host.docker.internal"
"""The name by which containers find the machine that runs them."""

API_URL = "PREFECT_API_URL"

_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0"})
_PATHS = ("PREFECT_HOME", "PREFECT_PROFILES_PATH")
"""Settings that name places on the worker's machine, which mean nothing in a container."""


def build_environment() -> dict[str, str]:
    """Return the settings of this process that hold in a container, as environment variables."""
    settings = get_current_settings().to_environment_variables(exclude_unset=True)
    return {name: value for name, value in settings.items() if name not in _PATHS}


def is_loopback(url: str | None) -> bool:
    """Return whether a URL is of the machine that uses it."""
    return urlsplit(url or "").hostname in _LOOPBACK_NAMES


def replace_host(url: str, host: str) -> str:
    """Return a URL with another host."""
    parts = urlsplit(url)
    user, at, _ = parts.netloc.rpartition("@")
    port = f":{parts.port}" if parts.port else ""
    return urlunsplit(parts._replace(netloc=f"{user}{at}{host}{port}"))
