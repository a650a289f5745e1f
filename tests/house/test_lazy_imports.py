"""Every lazily bound module of `prefect` has its plain import for type checkers, which the import contracts see."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tools.import_cycles import lazy_modules

SOURCE = Path(__file__).parent.parent.parent / "src"

_LOCAL = "the API in this process stands above the client"

UNPAIRED = {
    "prefect.client.transport -> prefect.server.local": _LOCAL,
    "prefect.client.transport -> prefect.server.routes.core.operation": _LOCAL,
    "prefect.client.transport -> prefect.server.services.core.errors": _LOCAL,
    "prefect._deferring -> prefect.task_worker": "`Task.serve` starts a worker, which stands above tasks",
    "prefect.runner.local_server -> prefect.server.app.embedded": "a runner brings a server along",
    "prefect.engine.__main__ -> prefect.flow_engine": "the command of a child process runs the flow by its public path",
    "prefect.bundles.execute -> prefect.flow_engine": "the command of a bundle runs the flow by its public path",
}
"""Hidden imports, with the reason for each. This list may only shrink."""


def typed_modules(tree: ast.AST) -> Iterator[str]:
    """Yield the names of modules that the `if TYPE_CHECKING:` blocks of a module import."""
    for block in ast.walk(tree):
        if isinstance(block, ast.If) and isinstance(block.test, ast.Name) and block.test.id == "TYPE_CHECKING":
            for node in (inner for statement in block.body for inner in ast.walk(statement)):
                if isinstance(node, ast.Import):
                    yield from (alias.name for alias in node.names)
                elif isinstance(node, ast.ImportFrom) and node.module:
                    yield node.module
                    yield from (f"{node.module}.{alias.name}" for alias in node.names)


def unpaired(source: Path) -> set[str]:
    """Return the `lazy` imports under a folder that no import for type checkers shows."""
    found: set[str] = set()
    for path in source.rglob("*.py"):
        module = ".".join(path.relative_to(source).with_suffix("").parts).removesuffix(".__init__")
        tree = ast.parse(path.read_text(encoding="utf-8"))
        typed = set(typed_modules(tree))
        found |= {f"{module} -> {target}" for target, _ in lazy_modules(tree) if target not in typed}
    return found


def test_every_lazy_import_is_paired_or_listed() -> None:
    assert unpaired(SOURCE) == set(UNPAIRED)


def test_an_unpaired_lazy_import_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(
        "from typing import TYPE_CHECKING\n"
        "from prefect._lazy import lazy\n"
        "if TYPE_CHECKING:\n    from prefect import tasks\n"
        "else:\n    tasks = lazy('prefect.tasks')\n"
        "flows = lazy('prefect.flows')\n"
        "json = lazy('json')\n"
        "states, runs = lazy_from('prefect.schemas', 'states', 'runs')\n"
    )
    assert unpaired(tmp_path) == {"a -> prefect.flows", "a -> prefect.schemas.states", "a -> prefect.schemas.runs"}
