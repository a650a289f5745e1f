"""Reading what an entrypoint names, `path/to/file.py:name` or `package.module:name`, in its source, without running it.

What a deployment needs to know of a flow (its name, whether it is async) stands in the source, and reading it there
also works where the program's own dependencies are not installed. Only `values` runs anything: the definitions that an
option's expression may need, and only when the option is no literal.
"""

from __future__ import annotations

import ast
import importlib.util
import os
import sys
from collections.abc import Iterable
from typing import Any, NamedTuple

from prefect.loading.sources import safe_load_namespace

__all__ = ["Definition", "read", "split"]

_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


class Definition(NamedTuple):
    """What an entrypoint names.

    Attributes:
        path: The file it is in.
        name: Its name there; that of a method has dots.
        source: The file's text.
        node: Its definition.
    """

    path: str
    name: str
    source: str
    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef

    @property
    def is_async(self) -> bool:
        """Whether it is an async function."""
        return isinstance(self.node, ast.AsyncFunctionDef)

    @property
    def docstring(self) -> str | None:
        """Its docstring."""
        return ast.get_docstring(self.node)

    def options(self, decorator: str) -> dict[str, ast.expr]:
        """The keyword arguments that its decorator of this name is given, as expressions; none without parentheses."""
        for given in self.node.decorator_list:
            if not isinstance(given, ast.Call):
                continue
            named = given.func.attr if isinstance(given.func, ast.Attribute) else getattr(given.func, "id", None)
            if named == decorator:
                return {keyword.arg: keyword.value for keyword in given.keywords if keyword.arg}
        return {}

    def values(self, expressions: dict[str, ast.expr]) -> tuple[dict[str, Any], dict[str, Exception]]:
        """What these expressions come to, and why the others come to nothing.

        Literals are read as they are. For anything else the file's definitions are made, each as far as possible.
        """
        values: dict[str, Any] = {}
        failed: dict[str, Exception] = {}
        namespace: dict[str, Any] | None = None
        for name, expression in expressions.items():
            try:
                values[name] = ast.literal_eval(expression)
                continue
            except ValueError:
                pass
            if namespace is None:
                namespace = safe_load_namespace(self.source, self.path)
            code = compile(ast.Expression(expression), self.path, "eval", dont_inherit=True)
            try:
                values[name] = eval(code, namespace)
            except Exception as error:  # an expression of the user's may raise anything
                failed[name] = error
        return values, failed

    def make(self) -> Any:
        """The object, from the file's definitions alone; None when it needs what is not there.

        Type hints that name what is not there are left out.
        """
        namespace = safe_load_namespace(self.source, self.path)
        first, *rest = self.name.split(".")
        top = next(node for node in ast.parse(self.source).body if getattr(node, "name", None) == first)
        hints = _GoodHints(namespace)
        top = hints.visit(top)
        # Where hints are evaluated only when they are read, the definition exists although a hint names nothing.
        if first not in namespace or hints.removed_some:
            module = ast.fix_missing_locations(ast.Module(body=[top], type_ignores=[]))
            try:
                exec(compile(module, self.path, "exec", dont_inherit=True), namespace)
            except Exception:  # a definition of the user's may raise anything
                return None
        found = namespace[first]
        for part in rest:
            found = getattr(found, part)
        return found


class _GoodHints(ast.NodeTransformer):
    """Takes those type hints off functions that name what the namespace does not have."""

    def __init__(self, namespace: dict[str, Any]) -> None:
        self._namespace = namespace
        self.removed_some = False

    def visit_FunctionDef(self, node: ast.FunctionDef) -> Any:
        node.returns = self._good(node.returns)
        return self.generic_visit(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> Any:
        node.returns = self._good(node.returns)
        return self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> Any:
        node.annotation = self._good(node.annotation)
        return node

    def _good(self, hint: ast.expr | None) -> ast.expr | None:
        if hint is None:
            return None
        try:
            eval(compile(ast.Expression(hint), "<hint>", "eval", dont_inherit=True), self._namespace)
        except Exception:  # a hint of the user's may raise anything
            self.removed_some = True
            return None
        return hint


def split(entrypoint: str) -> tuple[str, str]:
    """The file or module of an entrypoint, and the name in it."""
    place, _, name = entrypoint.rpartition(":" if ":" in entrypoint else ".")
    return place, name


def read(entrypoint: str) -> Definition:
    """Find what an entrypoint names in its source.

    Raises:
        FileNotFoundError: There is no such file.
        ModuleNotFoundError: There is no such module, or its source is not to be had.
        SyntaxError: The file is not Python.
        ValueError: The file defines no function or class of that name.
    """
    place, name = split(entrypoint)
    path = place if place.endswith(".py") else _file_of(place)
    with open(path, encoding="utf-8") as file:
        source = file.read()
    body: Iterable[ast.stmt] = ast.parse(source, path).body
    node: Any = None
    for part in name.split("."):
        # The last definition counts, as it does when the file runs.
        found = [node for node in body if isinstance(node, _DEFINITIONS) and node.name == part]
        if not found:
            raise ValueError(f"Could not find object {name!r} in {place!r}: the file defines nothing of that name.")
        node = found[-1]
        body = node.body
    return Definition(path, name, source, node)


def _file_of(module: str) -> str:
    directory = os.getcwd()
    sys.path.insert(0, directory)
    try:
        spec = importlib.util.find_spec(module)
    finally:
        sys.path.remove(directory)
    if spec is None or not spec.has_location or spec.origin is None:
        raise ModuleNotFoundError(f"No module named {module!r} whose source could be read.", name=module)
    return spec.origin
