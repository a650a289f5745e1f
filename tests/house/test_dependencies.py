"""The third-party imports of the package equal the dependencies in pyproject.toml."""

import ast
import re
import sys
import tomllib
from pathlib import Path

from benchmarks.programs import installed

ROOT = Path(__file__).parent.parent.parent
SOURCE = ROOT / "src" / "prefect"
# Distribution to import name, where they differ.
IMPORTED_AS = {"pyyaml": "yaml", "python-dateutil": "dateutil", "ruamel.yaml": "ruamel"}
# Imported only if installed: packages of user programs, and extras.
OPTIONAL = {
    "apprise",
    "redis",
    "docker",
    "uvloop",
    "numpy",
    "pandas",
    "opentelemetry",
    "pendulum",
    "graphviz",
    "pytest",
    "typing_extensions",
}
# Used by uvicorn and SQLAlchemy if installed.
USED_BY_DEPENDENCIES = {"greenlet", "httptools"}


def find_imported() -> dict[str, str]:
    """Return third-party import name to one file that imports it, lazily or not."""
    found: dict[str, str] = {}
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            for name in find_import_names(node):
                found.setdefault(name.partition(".")[0], str(path.relative_to(ROOT)))
    known = {*sys.stdlib_module_names, "prefect", "__future__"}
    return {name: path for name, path in found.items() if name not in known}


def find_import_names(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and not node.level:
        return [node.module or ""]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "lazy":
        return [node.args[0].value] if isinstance(node.args[0], ast.Constant) else []
    return []


def read_declared() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    distributions = [re.match(r"[A-Za-z0-9._-]+", each)[0].lower() for each in project["dependencies"]]  # type: ignore[index]
    # pydantic pins the version of its core exactly: so both are always installed.
    return {IMPORTED_AS.get(name, name).replace("-", "_") for name in distributions} | {"pydantic_core"}


def test_imported_packages_are_declared():
    undeclared = {name: path for name, path in find_imported().items() if name not in read_declared() | OPTIONAL}
    assert not undeclared


def test_declared_packages_are_imported():
    assert read_declared() - find_imported().keys() == USED_BY_DEPENDENCIES


def test_plain_installation_is_at_most_50_packages_and_90_megabytes():
    packages, size = installed.measure("pluperfect")
    assert packages <= 50
    assert size <= 90e6


def test_packages_of_the_extra_are_in_the_guide_and_not_required():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extra = {re.match(r"[a-z-]+", each)[0] for each in project["optional-dependencies"]["compat"]}  # type: ignore[index]
    guide = (ROOT / "docs" / "guide" / "README.md").read_text()
    assert extra == {"cachetools", "humanize", "pendulum", "pydantic-settings", "typer"}
    assert all(f"`{name}`" in guide for name in extra) and "`pluperfect[compat]`" in guide
    assert not {name.replace("-", "_") for name in extra} & (read_declared() | (find_imported().keys() - OPTIONAL))
