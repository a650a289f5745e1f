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
import os
import sys
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

_PACKAGE_DIRECTORY = os.path.dirname(__file__)


def _warn_if_overwritten() -> None:
    """Warn if the distribution `prefect` has overwritten files of this package, or lies among them.

    This package's own `__init__` imports `prefect._later` first; that of the original does not, but uses modules that
    are still those of this package. Costs one `stat`.
    """
    if "prefect._later" in sys.modules and not os.path.exists(
        os.path.join(_PACKAGE_DIRECTORY, "server", "api", "server.py")
    ):
        return
    sys.stderr.write(
        f"prefect: the distribution 'prefect' has overwritten files of 'pluperfect' in {_PACKAGE_DIRECTORY!r}: "
        "neither works now. Run `pip uninstall --yes prefect pluperfect`, then `pip install pluperfect`. "
        "`prefect integrations requirements` says how to install integrations without it.\n"
    )


_warn_if_overwritten()


def load(name: str) -> ModuleType:
    """Import a module, with the real `date` and `datetime` also while a test has replaced them.

    Such tests replace the classes in every module that is loaded. A schema that is defined meanwhile would keep them.
    """
    module = sys.modules.get("datetime")
    fakes = {name: vars(module)[name] for name in ("date", "datetime")} if module else {}
    if all(type(fake) is type for fake in fakes.values()):
        return importlib.import_module(name)
    real = {name: next(base for base in fake.__mro__ if type(base) is type) for name, fake in fakes.items()}
    loaded = set(sys.modules)
    vars(module).update(real)
    try:
        return importlib.import_module(name)
    finally:
        vars(module).update(fakes)
        for new in sys.modules.keys() - loaded:  # all modules must agree on the time
            names = vars(sys.modules[new])
            names.update({name: fake for name, fake in fakes.items() if names.get(name) is real[name]})


_own_names = vars(ModuleType)["__dict__"].__get__


class LazyModule(ModuleType):
    """Proxy of a module: at the first access it imports the module and puts it in its own place.

    Where it cannot (it was copied elsewhere) it forwards each access, so that what others change in the module is seen.
    """

    __slots__ = ("_module", "_namespace")

    _module: ModuleType | None
    _namespace: dict[str, Any]

    def __init__(self, name: str, namespace: dict[str, Any]) -> None:
        super().__init__(name)
        super().__setattr__("_namespace", namespace)
        super().__setattr__("_module", None)

    def _load(self) -> ModuleType:
        module = self._module
        if module is None:
            module = load(self.__name__)
            super().__setattr__("_module", module)
            for name in [name for name, value in list(self._namespace.items()) if value is self]:
                self._namespace[name] = module
        return module

    @property
    def __dict__(self) -> dict[str, Any]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The names of the module once it is loaded, by which a patch finds out whether it must restore one."""
        return _own_names(self) if self._module is None else vars(self._module)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name != "__version__":  # what scans of all modules ask for
            raise AttributeError(f"module {self.__name__!r} is not loaded yet and has no attribute {name!r}")
        return getattr(self._load(), name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._load(), name, value)

    def __delattr__(self, name: str) -> None:
        delattr(self._load(), name)


def lazy(name: str) -> ModuleType:
    """Return a proxy of the module `name`, imported on first use, for a global of the calling module."""
    return LazyModule(name, sys._getframe(1).f_globals)  # pyright: ignore[reportPrivateUsage]  # the caller's globals


def lazy_modules(*names: str) -> tuple[ModuleType, ...]:
    """Return proxies of several modules, as `import a, b` would bind them; see `lazy`."""
    namespace = sys._getframe(1).f_globals  # pyright: ignore[reportPrivateUsage]  # the caller's globals
    return tuple(LazyModule(name, namespace) for name in names)


def lazy_from(package: str, *names: str) -> tuple[ModuleType, ...]:
    """Return proxies of several modules of a package, as `from package import a, b` would bind them; see `lazy`."""
    namespace = sys._getframe(1).f_globals  # pyright: ignore[reportPrivateUsage]  # the caller's globals
    return tuple(LazyModule(f"{package}.{name}", namespace) for name in names)


def exports(
    package: str, names: Mapping[str, str], submodules: str = ""
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return `__getattr__` and `__dir__` of a facade, a module whose names are imported on first use.

    `dir` lists only those that are imported: what reads all attributes of all modules must not import everything.

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
        value: Any = load(module)
        if attribute:
            value = getattr(value, attribute)
        importlib.import_module(package).__dict__[name] = value
        return value

    def __dir__() -> list[str]:
        return sorted(importlib.import_module(package).__dict__)

    return __getattr__, __dir__


def exported_names(names: Mapping[str, str]) -> list[str]:
    """Return the names of a table for `exports`."""
    return [entry.partition("=")[0] for text in names.values() for entry in text.split()]
