"""Errors of the database as a whole; each message includes a remedy."""

from __future__ import annotations

from prefect.exceptions import PrefectException


class StoreError(PrefectException):
    """The base: an error of the store itself, rather than of a request to it."""


class StoreUnavailable(StoreError):
    """The store's file cannot be opened, created or written."""


class StoreBusy(StoreError):
    """Another process held the store's lock beyond the timeout."""


class Interrupted(StoreError):
    """A query was interrupted because it took longer than its thread may be kept."""


class StoreDamaged(StoreError):
    """The store's file is not a database, or its content is broken."""


class StoreVersionError(StoreError):
    """The store's schema is unknown to this release."""


class Unstorable(StoreError):
    """A value that the database cannot store, for instance a number of more than 64 bits."""


class Duplicate(StoreError):
    """A row that must be unique exists already."""
