"""Check sizes: at most 500 lines a file, 60 a function, 17 modules a package; no more import cycles than recorded.

`EXCEPTIONS` lists longer files and functions with their length, which may only shrink: an entry must be lowered with
its length, and removed when no longer needed. `import_cycles` defines a cycle; the goal is none.
Run as `python -m tools.sizes`.
"""

import ast
import sys
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from tools import import_cycles

ROOT = Path(__file__).parent.parent
FOLDERS = ("src", "tests", "tools", "benchmarks", "examples")
FILE_LINES = 500
FUNCTION_LINES = 60
PACKAGE_MODULES = 17

# "path" or "path::qualified.function" -> its length.
EXCEPTIONS: dict[str, int] = {}

_PUBLIC = "its modules are import paths of the interface"

LARGE_PACKAGES = {
    "src/prefect": _PUBLIC,
    "src/prefect/client": _PUBLIC,
    "src/prefect/client/orchestration": "a module for each kind of object of the API",
    "src/prefect/schemas": "stored pickles name its classes",
    "src/prefect/settings/models": _PUBLIC,
    "src/prefect/utilities": _PUBLIC,
    "src/prefect_kubernetes": _PUBLIC,
}
"""Packages with more modules than others may have, with the reason for each."""

IMPORT_CYCLES = 0
"""How many import cycles there are. May only shrink."""


def measure(path: Path) -> Iterator[tuple[str, int, int]]:
    """Yield name, length and limit of a file and of each function in it."""
    text = path.read_text(encoding="utf-8")
    name = path.relative_to(ROOT).as_posix()
    yield name, len(text.splitlines()), FILE_LINES
    for qualified, node in functions(ast.parse(text), ""):
        # The signature and the docstring are documentation; what has to be followed is the body.
        body = node.body[1:] if ast.get_docstring(node) is not None else node.body
        length = (node.end_lineno or 0) - body[0].lineno + 1 if body else 0
        yield f"{name}::{qualified}", length, FUNCTION_LINES


def functions(tree: ast.AST, prefix: str) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            qualified = f"{prefix}{node.name}"
            if not isinstance(node, ast.ClassDef):
                yield qualified, node
            yield from functions(node, f"{qualified}.")
        else:
            yield from functions(node, prefix)


def complaints(sizes: dict[str, tuple[int, int]], exceptions: dict[str, int]) -> Iterator[str]:
    """Yield a sentence for each file or function that is too long, and for each inexact exception."""
    for name, (length, limit) in sorted(sizes.items()):
        allowed = exceptions.get(name)
        if allowed is None and length > limit:
            yield f"{name} has {length} lines, more than {limit}: split it"
        elif allowed is not None and length > allowed:
            yield f"{name} has grown from {allowed} to {length} lines: it may only shrink"
        elif allowed is not None and length <= limit:
            yield f"{name} has {length} lines and needs no exception any more: remove it from tools/sizes.py"
        elif allowed is not None and length < allowed:
            yield f"{name} has shrunk to {length} lines: lower its exception in tools/sizes.py"
    for name in sorted(exceptions.keys() - sizes.keys()):
        yield f"{name} does not exist any more: remove its exception from tools/sizes.py"


def package_complaints(counts: Mapping[str, int], large: Collection[str]) -> Iterator[str]:
    """Yield a sentence for each package that has too many modules, and for each exception that is not needed."""
    for name, count in sorted(counts.items()):
        if count > PACKAGE_MODULES and name not in large:
            yield f"{name} has {count} modules, more than {PACKAGE_MODULES}: group them by domain"
    for name in sorted(large):
        if counts.get(name, 0) <= PACKAGE_MODULES:
            yield f"{name} needs no exception any more: remove it from tools/sizes.py"


def cycle_complaints(cycles: list[list[str]]) -> Iterator[str]:
    """Yield a sentence if there are more import cycles than recorded, or fewer."""
    if len(cycles) > IMPORT_CYCLES:
        listed = "; ".join(" <-> ".join(modules[:4]) for modules in cycles)
        yield f"there are {len(cycles)} import cycles, more than {IMPORT_CYCLES}: untie one of {listed}"
    elif len(cycles) < IMPORT_CYCLES:
        yield f"there are {len(cycles)} import cycles: lower IMPORT_CYCLES in tools/sizes.py"


def main() -> int:
    paths = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]
    sizes = {name: (length, limit) for path in paths for name, length, limit in measure(path)}
    cycles = import_cycles.find_cycles(import_cycles.read_graph())
    folders = [path.parent for path in paths if path.is_relative_to(ROOT / "src")]
    packages = Counter(
        folder.relative_to(ROOT).as_posix() for folder in folders if folder.joinpath("__init__.py").exists()
    )
    found = [
        *complaints(sizes, EXCEPTIONS),
        *package_complaints(packages, LARGE_PACKAGES),
        *cycle_complaints(cycles),
    ]
    for line in found:
        print(line)
    if not found:
        print(
            f"sizes: {len(paths)} files within {FILE_LINES} lines, functions within {FUNCTION_LINES}, "
            f"{len(cycles)} import cycles"
        )
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
