"""Lazy imports of modules and names.

Importing `prefect` must be cheap, so a module that only a run needs is bound lazily by its callers:

    if TYPE_CHECKING:
        from prefect.engine import shells
    else:
        shells = lazy("prefect.engine.shells")

Type checkers and the import contracts see the plain import; a process imports it at the first attribute access.
"""

import functools
import importlib
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any


class LazyModule(ModuleType):
    """Proxy of a module that is imported on the first attribute access."""

    def __getattr__(self, name: str) -> Any:
        module = self.__dict__.get("_module")
        if module is None:
            module = self.__dict__["_module"] = importlib.import_module(self.__name__)
        value = getattr(module, name)
        # Only names that never change are cached: a module may rebind its globals.
        if callable(value):
            self.__dict__[name] = value
        return value


def lazy(name: str) -> ModuleType:
    """Return a proxy of the module `name`, imported on first use."""
    return LazyModule(name)


def exports(
    package: str, names: Mapping[str, str], submodules: str = ""
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return `__getattr__` and `__dir__` of a facade, a module whose names are imported on first use.

    Args:
        package: The facade's own name.
        names: For each module, the names that the facade exports from it, separated by spaces. `new=old` exports `old`
            as `new`.
        submodules: The facade's submodules that are reachable without importing them, separated by spaces.
    """

    @functools.cache  # at the first use: most facades are imported for one name
    def read_targets() -> dict[str, tuple[str, str]]:
        targets = {name: (f"{package}.{name}", "") for name in submodules.split()}
        for module, text in names.items():
            for entry in text.split():
                name, _, attribute = entry.partition("=")
                targets[name] = (module, attribute or name)
        return targets

    def __getattr__(name: str) -> Any:
        target = read_targets().get(name)
        if target is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module, attribute = target
        value: Any = importlib.import_module(module)
        if attribute:
            value = getattr(value, attribute)
        importlib.import_module(package).__dict__[name] = value
        return value

    def __dir__() -> list[str]:
        return sorted({*importlib.import_module(package).__dict__, *read_targets()})

    return __getattr__, __dir__


def exported_names(names: Mapping[str, str]) -> list[str]:
    """Return the names of a table for `exports`."""
    return [entry.partition("=")[0] for text in names.values() for entry in text.split()]
