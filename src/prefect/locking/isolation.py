"""Isolation levels of transactions."""

from __future__ import annotations

from enum import auto

from prefect.types.enums import AutoEnum


class IsolationLevel(AutoEnum):
    """Isolation levels of transactions with the same key."""

    READ_COMMITTED = auto()
    """They see what was committed before."""
    SERIALIZABLE = auto()
    """One runs at a time, and the others wait until it has ended. It needs a store with a lock manager."""
