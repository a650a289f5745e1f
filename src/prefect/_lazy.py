"""Modules and names that are imported when they are first used.

Importing `prefect` must cost next to nothing, so a room that only a run needs is bound lazily by whoever calls it:

    if TYPE_CHECKING:
        from prefect.engine import shells
    else:
        shells = lazy("prefect.engine.shells")

Type checkers and the import contracts see the plain import; a process pays for it at the first attribute access.
"""

import importlib
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any


class LazyModule(ModuleType):
    """Stands for a module, which is imported when the first attribute is asked for."""

    def __getattr__(self, name: str) -> Any:
        module = self.__dict__.get("_module")
        if module is None:
            module = self.__dict__["_module"] = importlib.import_module(self.__name__)
        value = getattr(module, name)
        # Only names that never change are kept: a module may rebind its own globals.
        if callable(value):
            self.__dict__[name] = value
        return value


def lazy(name: str) -> ModuleType:
    """Return a stand-in for the module `name`, imported at its first use."""
    return LazyModule(name)


def exports(
    package: str, names: Mapping[str, str], hint: Callable[[str], str] | None = None
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Make the `__getattr__` and `__dir__` of a facade.

    Args:
        package: The facade's own name.
        names: Each exported name and where it lives, as `"module:attribute"`, or `"module"` for a submodule.
        hint: Called with a name that is not exported; what it returns is added to the error.
    """

    def __getattr__(name: str) -> Any:
        target = names.get(name)
        if target is None:
            extra = hint(name) if hint else ""
            raise AttributeError(f"module {package!r} has no attribute {name!r}{extra}")
        module, _, attribute = target.partition(":")
        value: Any = importlib.import_module(module)
        if attribute:
            value = getattr(value, attribute)
        importlib.import_module(package).__dict__[name] = value
        return value

    def __dir__() -> list[str]:
        return sorted({*importlib.import_module(package).__dict__, *names})

    return __getattr__, __dir__
