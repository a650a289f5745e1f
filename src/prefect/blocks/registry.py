"""The block classes of this process, by the slug of their type."""

from __future__ import annotations

import importlib
import inspect
from functools import cache
from importlib.metadata import entry_points
from types import ModuleType
from typing import Any

from prefect.logging.loggers import get_logger

COLLECTIONS = "prefect.collections"
"""The entry points by which installed packages name the modules that define their blocks."""

BUNDLED_MODULES = (
    "prefect.blocks.notifications",
    "prefect.blocks.system",
    "prefect.blocks.webhook",
    "prefect.filesystems.local",
    "prefect.filesystems.redis",
    "prefect.filesystems.remote",
    "prefect_aws",
    "prefect_email",
)
"""Modules with blocks that are installed along with this one."""

BlockClass = type[Any]
"""A subclass of `Block`."""


class UnknownBlockType(Exception):
    """No class of this block type is imported."""


_classes: dict[str, BlockClass] = {}


def register_class(slug: str, cls: BlockClass) -> None:
    """Register a class for a slug. A subclass with the slug of its base does not replace the base."""
    known = _classes.get(slug)
    if known is None or not issubclass(cls, known):
        _classes[slug] = cls


def find_class(slug: str) -> BlockClass:
    """Return the class of a block type; if none is imported, after importing the installed collections.

    Raises:
        UnknownBlockType: There is no such class.
    """
    found = _classes.get(slug)
    if found is None:
        import_collections()
        found = _classes.get(slug)
    if found is None:
        raise UnknownBlockType(
            f"No block type {slug!r} is known: import the module that defines it, or install the package that does."
        )
    return found


def list_slugs() -> list[str]:
    """Return the slugs of the known block types, after importing the installed collections."""
    import_collections()
    return sorted(_classes)


def find_classes(module: ModuleType) -> list[BlockClass]:
    """Return the block classes that a module defines, or takes from other modules of its package, by slug.

    Interfaces, whose methods are abstract, are left out.
    """
    package = module.__name__.partition(".")[0]
    exported = [getattr(module, name, None) for name in getattr(module, "__all__", ())]  # imports those of a façade
    known = set(_classes.values())
    found = {
        value
        for value in (*exported, *vars(module).values())
        if isinstance(value, type) and value in known and value.__module__.partition(".")[0] == package
        if not inspect.isabstract(value)
    }
    return sorted(found, key=lambda cls: cls.get_block_type_slug())


@cache
def import_collections() -> None:
    """Import the modules of all installed collections, once; log a warning for one that cannot be imported."""
    for name in BUNDLED_MODULES:
        importlib.import_module(name)
    for entry in entry_points(group=COLLECTIONS):
        try:
            entry.load()
        except Exception as error:
            get_logger("blocks").warning("The collection %r cannot be imported: %s", entry.name, error)


def find_collection_version(module: str) -> str:
    """Return the version of the installed collection that has a module; `non-versioned` if none has it."""
    package = module.partition(".")[0]
    for entry in entry_points(group=COLLECTIONS):
        if entry.module.partition(".")[0] == package and entry.dist is not None:
            return entry.dist.version
    return NOT_VERSIONED


NOT_VERSIONED = "non-versioned"
