"""What the package imports is what pyproject.toml declares, and nothing is declared that nobody imports."""

import ast
import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
SOURCE = ROOT / "src" / "prefect"
# Distribution to import name, where they differ.
IMPORTED_AS = {"pyyaml": "yaml", "python-dateutil": "dateutil"}
# Imported only where it is installed: what a user's own program brings, or an extra.
OPTIONAL = {"numpy", "pandas", "opentelemetry", "pendulum", "graphviz", "pytest", "typing_extensions"}
# Found by uvicorn and SQLAlchemy when they are there.
FOR_OTHERS = {"greenlet", "httptools"}


def imported() -> dict[str, str]:
    """Third-party packages that the source imports, lazily or not, and a file that does."""
    found: dict[str, str] = {}
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            for name in names(node):
                found.setdefault(name.partition(".")[0], str(path.relative_to(ROOT)))
    known = {*sys.stdlib_module_names, "prefect", "__future__"}
    return {name: path for name, path in found.items() if name not in known}


def names(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and not node.level:
        return [node.module or ""]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "lazy":
        return [node.args[0].value] if isinstance(node.args[0], ast.Constant) else []
    return []


def declared() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    distributions = [re.match(r"[A-Za-z0-9._-]+", each)[0].lower() for each in project["dependencies"]]  # type: ignore[index]
    # pydantic pins the version of its core exactly: the one is not without the other.
    return {IMPORTED_AS.get(name, name).replace("-", "_") for name in distributions} | {"pydantic_core"}


def test_what_is_imported_is_declared():
    undeclared = {name: path for name, path in imported().items() if name not in declared() | OPTIONAL}
    assert not undeclared


def test_what_is_declared_is_imported():
    assert declared() - imported().keys() == FOR_OTHERS
