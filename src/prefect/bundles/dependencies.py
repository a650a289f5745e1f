"""The packages that a bundled flow was written with, and installing those that are missing where it runs.

A package is installed when the flow imports it: most of an environment's packages are tools that no flow needs.
"""

from __future__ import annotations

import importlib.abc
import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

from prefect.logging.loggers import get_logger

_OWN = re.compile(r"(pluperfect|prefect)(-|$)")
"""This package and integrations: they are part of the infrastructure's image."""

logger = get_logger("bundles")


def list_dependencies() -> str:
    """Return the packages of this environment, a line each, as `name==version`.

    What was not installed from an index (a checkout, a file) is left out: another machine could not fetch it.
    """
    found: dict[str, str] = {}
    for distribution in importlib.metadata.distributions():
        name = _normalize(distribution.name)
        if not _OWN.match(name) and distribution.read_text("direct_url.json") is None:
            found.setdefault(name, f"{name}=={distribution.version}")
    return "\n".join(found[name] for name in sorted(found))


def list_modules() -> dict[str, str]:
    """Return the package of each top-level module that can be imported, where that is not its name."""
    modules: dict[str, str] = {}
    for module, names in importlib.metadata.packages_distributions().items():
        name = _normalize(names[0])
        if module.isidentifier() and name != _normalize(module):
            modules[module] = name
    return modules


def provide_missing(dependencies: str, modules: dict[str, str]) -> None:
    """Install missing packages when they are imported, for this process and its children only.

    Args:
        dependencies: The packages, as `list_dependencies` returns them.
        modules: The packages of modules, as `list_modules` returns them.
    """
    installed = {_normalize(each.name) for each in importlib.metadata.distributions()}
    lines = {line.partition("==")[0]: line for line in dependencies.split()}
    missing = {name: line for name, line in lines.items() if name not in installed and not _OWN.match(name)}
    if missing:
        sys.meta_path.append(_MissingPackages(dependencies, missing, modules))


class _MissingPackages(importlib.abc.MetaPathFinder):
    """The last finder of modules: installs the package of a module that is not here."""

    def __init__(self, dependencies: str, missing: dict[str, str], modules: dict[str, str]) -> None:
        self._dependencies = dependencies
        self._missing = missing
        self._modules = modules

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        requirement = self._missing.pop(self._modules.get(fullname, _normalize(fullname)), None)
        if path is not None or requirement is None or not _install(requirement, self._dependencies):
            return None
        return PathFinder.find_spec(fullname)


def _install(requirement: str, constraints: str) -> bool:
    """Install a package where this process finds it; return whether that worked, and log why not."""
    target = tempfile.mkdtemp(prefix="prefect-packages-")
    limits = Path(target) / "constraints.txt"
    limits.write_text(constraints, encoding="utf-8")
    if uv := shutil.which("uv"):
        command = [uv, "pip", "install", "--python", sys.executable]
    elif importlib.util.find_spec("pip") is not None:
        command = [sys.executable, "-m", "pip", "install", "--retries", "1", "--disable-pip-version-check"]
    else:
        logger.error("The flow needs %s, which is missing, and there is no uv or pip to install it.", requirement)
        return False
    logger.info("Installing %s, which the flow was bundled with.", requirement)
    options = ["--quiet", "--constraint", str(limits), "--target", target]
    done = subprocess.run(
        [*command, *options, requirement], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if done.returncode != 0:
        lines = done.stdout.strip().splitlines() or [f"exit code {done.returncode}"]
        logger.error("The flow needs %s, which cannot be installed here: %s", requirement, lines[-1])
        return False
    sys.path.append(target)
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (os.environ.get("PYTHONPATH"), target)))
    return True


def _normalize(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
