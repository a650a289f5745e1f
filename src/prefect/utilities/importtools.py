"""Finding objects by name, loading scripts as modules, and imports that wait or are forgiven."""

from __future__ import annotations
import __future__

import ast
import hashlib
import importlib
import importlib.util
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from prefect.exceptions import ScriptError

# --- names -----------------------------------------------------------------------------------------------------------


def to_qualified_name(obj: Any) -> str:
    """The module and name of a class or function, such as `prefect.flows.Flow`."""
    return f"{obj.__module__}.{obj.__qualname__}"


def from_qualified_name(name: str) -> Any:
    """The object that `to_qualified_name` names; it may also be a module.

    Raises:
        ImportError: There is no such module.
        AttributeError: The module has no such name.
    """
    try:
        return importlib.import_module(name)
    except ImportError:
        module, _, attribute = name.rpartition(".")
        if not module:
            raise
    return getattr(importlib.import_module(module), attribute)


def import_object(import_path: str) -> Any:
    """Load an object.

    Args:
        import_path: `path/to/script.py:name`, `package.module:name` or `package.module.name`; a name may have dots.

    Raises:
        ScriptError: The script cannot be loaded.
        ImportError: There is no such module.
        AttributeError: The script or module has no such name.
    """
    if ".py:" in import_path:
        path, name = import_path.rsplit(":", 1)
        found: Any = load_script_as_module(path)
    else:
        module, _, name = import_path.rpartition(":" if ":" in import_path else ".")
        found = load_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    return found


# --- modules ---------------------------------------------------------------------------------------------------------


def load_module(module_name: str) -> ModuleType:
    """Import a module, also one in the working directory."""
    directory = os.getcwd()
    sys.path.insert(0, directory)
    try:
        return importlib.import_module(module_name)
    finally:
        sys.path.remove(directory)


def load_script_as_module(path: str) -> ModuleType:
    """Run a script as a module of its own, so that its `if __name__ == "__main__"` part does not run.

    Its directory stays on `sys.path`, because a script imports its neighbours also later, inside its functions.

    Raises:
        ScriptError: There is no such file, or it raised.
    """
    file = os.path.abspath(path)
    parent = os.path.dirname(file)
    digest = hashlib.sha256(file.encode()).hexdigest()[:16]
    name = f"__prefect_loader_{digest}__"
    spec = importlib.util.spec_from_file_location(name, file, submodule_search_locations=[parent, os.getcwd()])
    assert spec is not None and spec.loader is not None  # any path has a spec
    module = importlib.util.module_from_spec(spec)
    for directory in (os.getcwd(), parent):
        if directory not in sys.path:
            sys.path.insert(0, directory)
    sys.modules[name] = module  # pickle and dataclasses look a class's module up
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise ScriptError(user_exc=error, path=path) from error
    return module


class DelayedImportErrorModule(ModuleType):
    """Stands for a module that is not installed, and says so when something is taken from it.

    Args:
        error_message: What is missing.
        help_message: How to get it.
    """

    def __init__(self, error_message: str, help_message: str | None = None) -> None:
        super().__init__("DelayedImportErrorModule", help_message)
        self.__error_message = error_message
        self.__help_message = help_message

    def __getattr__(self, attr: str) -> Any:
        if attr.startswith("__"):  # what the machinery of imports and `inspect` asks any module for
            raise AttributeError(attr)
        raise ModuleNotFoundError("\n".join(filter(None, (self.__error_message, self.__help_message))))


def lazy_import(name: str, error_on_import: bool = False, help_message: str | None = None) -> ModuleType:
    """A module that is loaded when something is first taken from it.

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
        """The spec of the module that has `fullname` as another name, or None."""
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


# --- source that is not to be run ------------------------------------------------------------------------------------

_DEFINITIONS = (
    ast.Import,
    ast.ImportFrom,
    ast.ClassDef,
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.Assign,
    ast.AnnAssign,
)


def safe_load_namespace(source_code: str, filepath: str | None = None) -> dict[str, Any]:
    """What a module would define: its imports, classes, functions and constants, each as far as that is possible.

    Other statements do not run, `if __name__ == "__main__"` among them. What raises, such as the import of a package
    that is not installed, is left out.

    Args:
        filepath: Where the source is, so that it can import its neighbours.

    Raises:
        SyntaxError: The source is not Python.
    """
    tree = ast.parse(source_code)
    namespace: dict[str, Any] = {"__name__": "prefect_safe_namespace_loader"}
    directory = str(Path(filepath).resolve().parent) if filepath else None
    if directory is not None:
        sys.path.insert(0, directory)
    try:
        for statement in tree.body:
            if isinstance(statement, _DEFINITIONS):
                _define(statement, namespace, futures_of(tree))
    finally:
        if directory is not None:
            sys.path.remove(directory)
    return namespace


def futures_of(tree: ast.Module) -> int:
    """The compiler's flags for what the source imports from `__future__`."""
    names = [
        alias.name
        for statement in tree.body
        if isinstance(statement, ast.ImportFrom) and statement.module == "__future__"
        for alias in statement.names
    ]
    flags = 0
    for name in names:
        flags |= getattr(__future__, name).compiler_flag
    return flags


def _define(statement: ast.stmt, namespace: dict[str, Any], flags: int) -> None:
    # This file's own `from __future__` must not change what the source means.
    code = compile(
        ast.Module(body=[statement], type_ignores=[]), "<safe namespace>", "exec", flags=flags, dont_inherit=True
    )
    try:
        exec(code, namespace)
    except Exception:  # a user's module may raise anything
        pass
