"""The packages of the extras use public paths of prefect only, and prefect does not need them."""

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
SOURCE = ROOT / "src"
DATA = Path(__file__).parent / "data"
PUBLIC = {
    line.split()[0]
    for name in ("documented-imports.txt", "integration-imports.txt")
    for line in (DATA / name).read_text().splitlines()
    if line.strip()
}
"""Names that documentation and integrations of Prefect 3 import, as `module:name`."""
PUBLIC |= {f"prefect.exceptions:{name}" for name in ("CrashedRun", "InfrastructureNotAvailable", "MissingResult")}
PUBLIC |= {"prefect.task_runners:handover"}
PUBLIC |= {f"prefect.utilities.dockerutils:{name}" for name in ("build_image", "generate_default_dockerfile")}
PUBLIC |= {"prefect.bundles.execute:run_from_storage", "prefect.decorators:create_infrastructure_decorator"}
PUBLIC |= {"prefect.types:now"}
TOOLS = (
    *("prefect.task_runners.clusters:", "prefect.task_runners.handover:"),
    *("prefect.workers.adoption:", "prefect.workers.containers:", "prefect.workers.lost_runs:"),
)
"""What task runners and workers of other packages build on, beside the interface of Prefect 3."""
EXTRAS = sorted(path.name for path in SOURCE.iterdir() if path.name.startswith("prefect_"))
EXTERNAL = {
    "prefect_aws": ["boto3", "botocore"],
    "prefect_docker": ["docker"],
    "prefect_kubernetes": ["kubernetes_asyncio", "aiohttp"],
}
"""What must not be imported along with a package: the libraries of its extra."""


def iterate_imports(package: str) -> Iterator[tuple[str, str]]:
    """Yield a file and a name that it imports from prefect, as `module:name`."""
    for path in (SOURCE / package).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "prefect":
                yield from ((path.name, f"{node.module}:{alias.name}") for alias in node.names)
            elif isinstance(node, ast.Import):
                found = [alias.name for alias in node.names if alias.name.split(".")[0] == "prefect"]
                yield from ((path.name, name) for name in found if name != "prefect")


@pytest.mark.parametrize("package", EXTRAS)
def test_extra_uses_public_paths_only(package):
    private = [
        (file, name) for file, name in iterate_imports(package) if name not in PUBLIC and not name.startswith(TOOLS)
    ]
    assert not private


@pytest.mark.parametrize("package", EXTRAS)
def test_extra_is_part_of_the_wheel(package):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert f"src/{package}" in project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert f"src/{package}" in project["tool"]["pyright"]["include"]


def test_prefect_imports_no_extra():
    for path in (SOURCE / "prefect").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not {name.split(".")[0] for name in names} & set(EXTRAS), path


@pytest.mark.parametrize("package", EXTERNAL)
def test_extra_is_imported_without_its_libraries(package):
    program = f"import sys, {package}; print([name for name in {EXTERNAL[package]} if name in sys.modules])"
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert out == "[]\n"
