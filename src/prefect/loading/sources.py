"""Define what a module's source defines, without running the module."""

from __future__ import annotations
import __future__

import ast
import sys
from pathlib import Path
from typing import Any

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
    """Execute the imports, classes, functions and assignments of a module, each as far as possible.

    Other statements are not executed. A statement that raises, such as the import of a missing package, is left out.

    Args:
        filepath: The file of the source, whose directory is importable during the execution.

    Raises:
        SyntaxError: The source is not valid Python.
    """
    tree = ast.parse(source_code)
    namespace: dict[str, Any] = {"__name__": "prefect_safe_namespace_loader"}
    directory = str(Path(filepath).resolve().parent) if filepath else None
    if directory is not None:
        sys.path.insert(0, directory)
    try:
        for statement in tree.body:
            if isinstance(statement, _DEFINITIONS):
                _define(statement, namespace, read_future_flags(tree))
    finally:
        if directory is not None:
            sys.path.remove(directory)
    return namespace


def read_future_flags(tree: ast.Module) -> int:
    """Return the compiler's flags for what the source imports from `__future__`."""
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
    # `from __future__` of this file must not apply to the source.
    code = compile(
        ast.Module(body=[statement], type_ignores=[]), "<safe namespace>", "exec", flags=flags, dont_inherit=True
    )
    try:
        exec(code, namespace)
    except Exception:  # a user's module may raise anything
        pass


def find_flow_functions(path: Path) -> list[str]:
    """Return the names of the functions of a file with the decorator `flow`; none if it cannot be read."""
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError):
        return []
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return [function.name for function in functions if any(map(_is_flow, function.decorator_list))]


def _is_flow(decorator: ast.expr) -> bool:
    target = decorator.func if isinstance(decorator, ast.Call) else decorator
    name = target.attr if isinstance(target, ast.Attribute) else getattr(target, "id", None)
    return name == "flow"
