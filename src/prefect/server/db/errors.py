"""What can be wrong with the database as a whole; each message says what to do."""

from __future__ import annotations

from prefect.exceptions import PrefectException


class StoreError(PrefectException):
    """The base of what is wrong with the local store itself, rather than with a request to it."""


class StoreUnavailable(StoreError):
    """The store's file cannot be opened, created or written."""


class StoreBusy(StoreError):
    """Another process held the store's lock for longer than we wait."""


class StoreDamaged(StoreError):
    """The store's file is not a database, or its content is broken."""


class StoreVersionError(StoreError):
    """The store's schema is not one that this release knows."""


class Unstorable(StoreError):
    """A value is none that the database can hold, for instance a number of more than 64 bits."""


class Duplicate(StoreError):
    """There is such a row already, where there may be one."""
