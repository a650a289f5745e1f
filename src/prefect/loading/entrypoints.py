"""Read the definition of an entrypoint, `path/to/file.py:name` or `package.module:name`, from its source.

The properties of a flow that a deployment needs (its name, whether it is async) are in the source, and can be read
without the program's dependencies. Only `evaluate` and `build` execute code: the definitions of the file.
"""

from __future__ import annotations

import ast
import importlib.util
import os
import sys
from collections.abc import Iterable
from typing import Any, NamedTuple

from prefect.loading.sources import safe_load_namespace

__all__ = ["Definition", "read_definition", "split_entrypoint"]

_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


class Definition(NamedTuple):
    """The function or class of an entrypoint.

    Attributes:
        path: The file.
        name: Its name in the file; the name of a method has dots.
        source: The text of the file.
        node: Its syntax tree.
    """

    path: str
    name: str
    source: str
    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef

    @property
    def is_async(self) -> bool:
        """Whether the definition is an async function."""
        return isinstance(self.node, ast.AsyncFunctionDef)

    @property
    def docstring(self) -> str | None:
        """Its docstring."""
        return ast.get_docstring(self.node)

    def read_options(self, decorator: str) -> dict[str, ast.expr]:
        """Return the keyword arguments of the decorator with this name, as expressions."""
        for call in self.node.decorator_list:
            if not isinstance(call, ast.Call):
                continue
            named = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", None)
            if named == decorator:
                return {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}
        return {}

    def evaluate(self, expressions: dict[str, ast.expr]) -> tuple[dict[str, Any], dict[str, Exception]]:
        """Evaluate expressions; return values by name, and errors by name.

        For an expression that is not a literal the definitions of the file are executed, each as far as possible.
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
            except Exception as error:  # a user's expression may raise anything
                failed[name] = error
        return values, failed

    def build(self, replace_defaults: bool = False) -> Any:
        """Build the object from the definitions of the file; return None if they do not suffice.

        Type hints with undefined names are left out.

        Args:
            replace_defaults: Use None for defaults of parameters with undefined names.
        """
        namespace = safe_load_namespace(self.source, self.path)
        first, *rest = self.name.split(".")
        top = next(node for node in ast.parse(self.source).body if getattr(node, "name", None) == first)
        signature = _SignatureFilter(namespace, replace_defaults)
        top = signature.visit(top)
        # Where hints are evaluated only when they are read, the definition exists although a hint names nothing.
        if first not in namespace or signature.removed_some:
            module = ast.fix_missing_locations(ast.Module(body=[top], type_ignores=[]))
            try:
                exec(compile(module, self.path, "exec", dont_inherit=True), namespace)
            except Exception:  # a definition of the user's may raise anything
                return None
        found = namespace[first]
        for part in rest:
            found = getattr(found, part)
        return found


class _SignatureFilter(ast.NodeTransformer):
    """Removes type hints of functions that cannot be evaluated in a namespace, and replaces such defaults by None."""

    def __init__(self, namespace: dict[str, Any], replace_defaults: bool) -> None:
        self._namespace = namespace
        self._replace_defaults = replace_defaults
        self.removed_some = False

    def visit_FunctionDef(self, node: ast.FunctionDef) -> Any:
        node.returns = self._keep_if_defined(node.returns)
        return self.generic_visit(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> Any:
        node.returns = self._keep_if_defined(node.returns)
        return self.generic_visit(node)

    def visit_arguments(self, node: ast.arguments) -> Any:
        if not self._replace_defaults:
            return self.generic_visit(node)
        node.defaults = [self._keep_if_defined(default) or ast.Constant(None) for default in node.defaults]
        node.kw_defaults = [
            default and (self._keep_if_defined(default) or ast.Constant(None)) for default in node.kw_defaults
        ]
        return self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> Any:
        node.annotation = self._keep_if_defined(node.annotation)
        return node

    def _keep_if_defined(self, expression: ast.expr | None) -> ast.expr | None:
        if expression is None:
            return None
        try:
            eval(compile(ast.Expression(expression), "<signature>", "eval", dont_inherit=True), self._namespace)
        except Exception:  # an expression of the user's may raise anything
            self.removed_some = True
            return None
        return expression


def split_entrypoint(entrypoint: str) -> tuple[str, str]:
    """Split an entrypoint into its file or module, and the name in it."""
    location, _, name = entrypoint.rpartition(":" if ":" in entrypoint else ".")
    return location, name


def read_definition(entrypoint: str) -> Definition:
    """Read the definition of an entrypoint from its source.

    Raises:
        FileNotFoundError: There is no such file.
        ModuleNotFoundError: There is no such module, or it has no source file.
        SyntaxError: The file is not valid Python.
        ValueError: The file defines no function or class of that name.
    """
    location, name = split_entrypoint(entrypoint)
    path = location if location.endswith(".py") else _find_source_file(location)
    with open(path, encoding="utf-8") as file:
        source = file.read()
    body: Iterable[ast.stmt] = ast.parse(source, path).body
    node: Any = None
    for part in name.split("."):
        # The last definition wins, as when the file is executed.
        found = [node for node in body if isinstance(node, _DEFINITIONS) and node.name == part]
        if not found:
            raise ValueError(f"Could not find object {name!r} in {location!r}: the file defines nothing of that name.")
        node = found[-1]
        body = node.body
    return Definition(path, name, source, node)


def _find_source_file(module: str) -> str:
    directory = os.getcwd()
    sys.path.insert(0, directory)
    try:
        spec = importlib.util.find_spec(module)
    finally:
        sys.path.remove(directory)
    if spec is None or not spec.has_location or spec.origin is None:
        raise ModuleNotFoundError(f"No module named {module!r} whose source could be read.", name=module)
    return spec.origin
