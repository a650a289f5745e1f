"""Import objects, modules and scripts by name or path."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import os
import sys
from types import ModuleType
from typing import Any

from prefect.exceptions import ScriptError

# --- names -----------------------------------------------------------------------------------------------------------


def to_qualified_name(obj: Any) -> str:
    """Return the module and name of a class or function, such as `prefect.flows.Flow`."""
    return f"{obj.__module__}.{obj.__qualname__}"


def from_qualified_name(name: str) -> Any:
    """Import an object or module by the name that `to_qualified_name` returns.

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
    """Import a module, which may be in the working directory."""
    directory = os.getcwd()
    sys.path.insert(0, directory)
    try:
        return importlib.import_module(module_name)
    finally:
        sys.path.remove(directory)


def load_script_as_module(path: str) -> ModuleType:
    """Execute a script as a module, without its `if __name__ == "__main__"` part.

    Its directory stays on `sys.path`, for imports inside of functions.

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
