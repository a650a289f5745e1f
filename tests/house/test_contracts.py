"""The import contracts hold, cover every package, and detect an upward import."""

import configparser
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
CONTRACTS = ROOT / ".importlinter"
RUN = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(sys.argv[1], no_cache=True))"


def lint(config: Path, source: Path) -> tuple[int, str]:
    """Return the exit code and output of the linter for the package `prefect` in `source`."""
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(config)],
        env={**os.environ, "PYTHONPATH": str(source)},
        cwd=config.parent,
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout + done.stderr


def list_packages() -> list[str]:
    """Return all packages of the layers, from the top down."""
    config = configparser.ConfigParser()
    config.read(CONTRACTS)
    return re.findall(r"\w+", config["importlinter:contract:layers"]["layers"])


def test_imports_point_downward():
    code, output = lint(CONTRACTS, ROOT / "src")
    assert code == 0, output


@pytest.fixture
def skeleton(tmp_path):
    """A source tree with an empty module per package, and the contracts without their exceptions."""
    package = tmp_path / "src" / "prefect"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    for name in list_packages():
        (package / f"{name}.py").touch()
    config = configparser.ConfigParser()
    config.read(CONTRACTS)
    for section in config.sections()[1:]:
        if section == "importlinter:contract:layers":
            config.remove_option(section, "ignore_imports")
        else:
            config.remove_section(section)
    with (tmp_path / "contracts.ini").open("w") as file:
        config.write(file)
    return tmp_path / "contracts.ini", package


def test_lazy_upward_import_is_detected(skeleton):
    config, package = skeleton
    code, output = lint(config, package.parent)
    assert code == 0, output
    (package / "journal.py").write_text(
        "from typing import TYPE_CHECKING\n"
        "from prefect._lazy import lazy\n"
        "if TYPE_CHECKING:\n    from prefect import engine\n"
        "else:\n    engine = lazy('prefect.engine')\n"
    )
    code, output = lint(config, package.parent)
    assert code == 1 and "prefect.journal is not allowed to import prefect.engine" in output


def test_package_without_a_layer_is_detected(skeleton):
    config, package = skeleton
    (package / "attic.py").touch()
    code, output = lint(config, package.parent)
    assert code == 1 and "attic" in output
