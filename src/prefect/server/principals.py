"""Principals: who a request acts for, and the permissions that operations require.

This module is below the database, so that a transaction can carry its principal. It knows neither users nor roles.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Permission(StrEnum):
    """Permissions that operations and websockets require. None of them implies another."""

    READ = "read"
    """See objects, runs, logs and events."""

    WRITE = "write"
    """Create, change and delete objects, and start, resume or cancel runs."""

    WORK = "work"
    """Execute runs: what workers and running flows report and request."""

    ADMIN = "admin"
    """See and change the configuration of the server."""


ALL_PERMISSIONS = frozenset(Permission)


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller whose identity is established.

    Attributes:
        name: Its name, for messages and records.
        kind: What it is: `"local"`, `"anonymous"`, or a kind that an authenticator defines.
        permissions: What it may do.
        id: Its id, where the authenticator has one.
    """

    name: str
    kind: str
    permissions: frozenset[Permission] = field(default=ALL_PERMISSIONS)
    id: str | None = None


LOCAL = Principal("local", "local")
"""Code in this process: the loops of the server, and programs that work without a server."""

ANONYMOUS = Principal("anonymous", "anonymous")
"""A caller of a server that requires no credentials."""

ADMIN = Principal("admin", "auth string")
"""A caller that knows the server's auth string."""
