"""Count the import cycles between the modules of `prefect`.

A cycle is a strongly connected component of more than one module. Nodes are modules, and edges are what one module
imports of another:

- plain imports, those in functions, and those in `if TYPE_CHECKING:` (a type needed from above is a dependency);
- `lazy("prefect.…")`, `lazy_modules` and `lazy_from`, which is an import at first use.

`from prefect.a import b` is an import of the module `prefect.a.b` where there is one, else of `prefect.a`. Two things
are no edges: the package `prefect` itself, which is a facade of everything, and what the `__init__` of a package that
calls `exports` names from its own modules, because a facade imports nothing until a name is used.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import grimp

SOURCE = Path(__file__).parent.parent / "src"
Graph = Mapping[str, set[str]]


def read_graph(source: Path = SOURCE) -> Graph:
    """Return for each module the modules that it imports."""
    graph = grimp.build_graph("prefect", cache_dir=None)
    edges = {module: set(graph.find_modules_directly_imported_by(module)) for module in graph.modules}
    for path in source.joinpath("prefect").rglob("*.py"):
        module = ".".join(path.relative_to(source).with_suffix("").parts).removesuffix(".__init__")
        if module not in edges:
            continue  # a migration, which Alembic loads by its path
        tree = ast.parse(path.read_text(encoding="utf-8"))
        edges[module] |= {target for target, _ in lazy_modules(tree)}
        if path.name == "__init__.py" and _is_facade(tree):
            edges[module] = {target for target in edges[module] if not target.startswith(f"{module}.")}
    del edges["prefect"]
    return {module: targets & edges.keys() for module, targets in edges.items()}


def lazy_modules(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Yield the modules of `prefect` that a module binds with a function of `prefect._lazy`, and the lines."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            names = [str(each.value) for each in node.args if isinstance(each, ast.Constant)]
            if node.func.id == "lazy_from":
                names = [f"{names[0]}.{name}" for name in names[1:]]
            elif node.func.id not in ("lazy", "lazy_modules"):
                continue
            yield from ((name, node.lineno) for name in names if name.startswith("prefect"))


def _is_facade(tree: ast.AST) -> bool:
    calls = (node.func for node in ast.walk(tree) if isinstance(node, ast.Call))
    return any(isinstance(function, ast.Name) and function.id == "exports" for function in calls)


def find_cycles(graph: Graph) -> list[list[str]]:
    """Return the strongly connected components of more than one node, by Kosaraju's algorithm."""
    reversed_graph: dict[str, set[str]] = {node: set() for node in graph}
    for node, targets in graph.items():
        for target in targets:
            reversed_graph[target].add(node)
    cycles: list[list[str]] = []
    seen: set[str] = set()
    for node in reversed(_finish_order(graph)):
        if node not in seen:
            component = _reach([node], reversed_graph, seen)
            if len(component) > 1:
                cycles.append(sorted(component))
    return sorted(cycles)


def _finish_order(graph: Graph) -> list[str]:
    order: list[str] = []
    seen: set[str] = set()
    for start in sorted(graph):
        stack: list[tuple[str, Iterable[str]]] = [] if start in seen else [(start, iter(sorted(graph[start])))]
        seen.add(start)
        while stack:
            _, targets = stack[-1]
            following = next((target for target in targets if target not in seen), None)
            if following is None:
                order.append(stack.pop()[0])
            else:
                seen.add(following)
                stack.append((following, iter(sorted(graph[following]))))
    return order


def _reach(stack: list[str], graph: Graph, seen: set[str]) -> list[str]:
    seen.update(stack)
    found = list(stack)
    while stack:
        for target in graph[stack.pop()] - seen:
            seen.add(target)
            stack.append(target)
            found.append(target)
    return found
