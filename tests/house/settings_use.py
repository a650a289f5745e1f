"""Which settings the source reads: attributes of a group of settings, followed through names that hold a group."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src/prefect"


def find_read_settings(accessors: set[str]) -> set[str]:
    """Return those settings that some code reads.

    An attribute reads a setting when the attributes before it end with the setting's group, when it has the group's
    name before it through a local name, or when no other setting has its name.
    """
    names = [accessor.rpartition(".")[2] for accessor in accessors]
    unique = {name for name in names if names.count(name) == 1 and "_" in name}
    found: set[str] = set()
    for path in SOURCE.rglob("*.py"):
        used = set(_iter_uses(ast.parse(path.read_text(encoding="utf-8"))))
        if "settings/models/" in path.as_posix():  # a setting that another one of its group is made from
            used |= {f"{path.stem}.{use[5:]}" for use in used if use.startswith("self.")}
        found |= {accessor for accessor in accessors if _is_used(accessor, used, unique)}
    return found


def _is_used(accessor: str, used: set[str], unique: set[str]) -> bool:
    group, _, name = accessor.rpartition(".")
    last = group.rpartition(".")[2] or "settings"
    if accessor in used or f"{last}.{name}" in used:
        return True
    return name in unique and any(use.endswith(f".{name}") for use in used)


def _iter_uses(tree: ast.Module) -> Iterator[str]:
    """Yield `group.name` of each attribute that is read, and text that could be a setting's full name."""
    groups = _find_groups(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield f"{_holder(node.value, groups)}.{node.attr}"
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def _find_groups(tree: ast.Module) -> dict[str, str]:
    """Return the names that hold the value of an attribute, with the attribute's name."""
    groups: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Attribute):
            groups.update({target.id: node.value.attr for target in node.targets if isinstance(target, ast.Name)})
        elif isinstance(node, ast.NamedExpr) and isinstance(node.value, ast.Attribute):
            groups[node.target.id] = node.value.attr
    return groups


def _holder(value: ast.expr, groups: dict[str, str]) -> str:
    if isinstance(value, ast.Attribute):
        return value.attr
    return groups.get(value.id, value.id) if isinstance(value, ast.Name) else ""
