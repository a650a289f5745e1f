"""Ids that are ordered by their time, for other people's packages."""

from __future__ import annotations

from uuid import UUID

from prefect.types import new_id

__all__ = ["uuid7"]


def uuid7() -> UUID:
    """Return a new UUIDv7."""
    return new_id()
