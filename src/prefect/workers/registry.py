"""The installed worker types: those of this package, and those that packages register by an entry point.

A package declares its module in the entry point group `prefect.collections`; importing it registers its workers.
"""

from __future__ import annotations

import importlib
import importlib.metadata
from functools import cache
from typing import Any

from prefect.logging.loggers import get_logger

COLLECTIONS = "prefect.collections"
"""The entry point group of packages for Prefect."""

_classes: dict[str, type[Any]] = {}


def register(type_: str, worker: type[Any]) -> None:
    """Register the class of a type of worker; a later one replaces it."""
    _classes[type_] = worker


def find(type_: str) -> type[Any] | None:
    """Return the class of a type of worker, or None."""
    _load_own()
    if type_ not in _classes:
        _load_packages()
    return _classes.get(type_)


def find_types() -> list[str]:
    """Return all types of worker that are installed."""
    _load_own()
    _load_packages()
    return sorted(_classes)


def find_packages() -> list[tuple[str, str]]:
    """Return name and version of the installed packages for Prefect, without importing them."""
    found = {
        (entry.dist.name, entry.dist.version)
        for entry in importlib.metadata.entry_points(group=COLLECTIONS)
        if entry.dist is not None
    }
    return sorted(found)


def reload() -> None:
    """Look for packages again, after one was installed."""
    _load_packages.cache_clear()


def _load_own() -> None:
    importlib.import_module("prefect.workers.process")


@cache
def _load_packages() -> None:
    for entry in importlib.metadata.entry_points(group=COLLECTIONS):
        try:
            entry.load()
        except Exception as error:  # a package that cannot be imported must not keep the others from working
            get_logger("workers").warning("The package of the entry point %r cannot be imported: %s", entry.name, error)
