"""Modules that are imported at their first use, and aliases of modules, for other programs."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, NamedTuple


class DelayedImportErrorModule(ModuleType):
    """Placeholder for a module that is not installed; access to an attribute raises an error.

    Args:
        error_message: What is missing.
        help_message: How to get it.
    """

    def __init__(self, error_message: str, help_message: str | None = None) -> None:
        super().__init__("DelayedImportErrorModule", help_message)
        self.__error_message = error_message
        self.__help_message = help_message

    def __getattr__(self, attr: str) -> Any:
        if attr.startswith("__"):  # read by the import system and `inspect`
            raise AttributeError(attr)
        raise ModuleNotFoundError("\n".join(filter(None, (self.__error_message, self.__help_message))))


def lazy_import(name: str, error_on_import: bool = False, help_message: str | None = None) -> ModuleType:
    """Return a module that is loaded when something is first taken from it.

    Args:
        error_on_import: Raise now if it is not installed, rather than when it is used.
        help_message: How to install it, for the error.

    Raises:
        ModuleNotFoundError: It is not installed, and `error_on_import` is set.
    """
    if name in sys.modules:
        return sys.modules[name]
    try:
        spec = importlib.util.find_spec(name)
    except ModuleNotFoundError:  # a parent package is missing
        spec = None
    if spec is None or spec.loader is None:
        message = f"No module named {name!r}."
        if error_on_import:
            raise ModuleNotFoundError("\n".join(filter(None, (message, help_message))))
        return DelayedImportErrorModule(message, help_message)
    spec.loader = importlib.util.LazyLoader(spec.loader)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


# --- modules that have moved -----------------------------------------------------------------------------------------


class AliasedModuleDefinition(NamedTuple):
    """A module's other name.

    Attributes:
        alias: The name it can be imported by.
        real: Its own name.
        callback: Called with the name when it is imported by it, for example to warn.
    """

    alias: str
    real: str
    callback: Callable[[str], None] | None


class AliasedModuleLoader(Loader):
    """Loads a module by another name."""

    def __init__(self, alias: str, callback: Callable[[str], None] | None, real_spec: ModuleSpec) -> None:
        self.alias = alias
        self.callback = callback
        self.real_spec = real_spec

    def exec_module(self, module: ModuleType) -> None:
        """Put the real module in the place of `module`."""
        sys.modules[self.alias] = importlib.import_module(self.real_spec.name)
        if self.callback is not None:
            self.callback(self.alias)


class AliasedModuleFinder(MetaPathFinder):
    """Finds modules, and what is inside them, by other names. To be put on `sys.meta_path`."""

    def __init__(self, aliases: Iterable[AliasedModuleDefinition]) -> None:
        self.aliases = list(aliases)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec of the module that has `fullname` as another name, or None."""
        for alias, real, callback in self.aliases:
            if fullname == alias or fullname.startswith(f"{alias}."):
                real_spec = importlib.util.find_spec(fullname.replace(alias, real, 1))
                if real_spec is None:
                    return None
                loader = AliasedModuleLoader(fullname, callback, real_spec)
                return ModuleSpec(fullname, loader, origin=real_spec.origin, is_package=_is_package(real_spec))
        return None


def _is_package(spec: ModuleSpec) -> bool:
    return spec.submodule_search_locations is not None
