"""The import contracts hold, cover every room, and would notice an import that goes up."""

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
    """The exit code of the linter for the package `prefect` in `source`, and what it says."""
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(config)],
        env={**os.environ, "PYTHONPATH": str(source)},
        cwd=config.parent,
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout + done.stderr


def rooms() -> list[str]:
    """Every room that has a place, from the top down."""
    config = configparser.ConfigParser()
    config.read(CONTRACTS)
    return re.findall(r"\w+", config["importlinter:contract:layers"]["layers"])


def test_every_import_goes_down():
    code, said = lint(CONTRACTS, ROOT / "src")
    assert code == 0, said


@pytest.fixture
def skeleton(tmp_path):
    """A package with the rooms of the contracts, all empty, and the contracts without their exceptions."""
    package = tmp_path / "src" / "prefect"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    for room in rooms():
        (package / f"{room}.py").touch()
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


def test_an_import_that_goes_up_is_noticed_even_if_it_is_lazy(skeleton):
    config, package = skeleton
    code, said = lint(config, package.parent)
    assert code == 0, said
    (package / "journal.py").write_text(
        "from typing import TYPE_CHECKING\n"
        "from prefect._lazy import lazy\n"
        "if TYPE_CHECKING:\n    from prefect import engine\n"
        "else:\n    engine = lazy('prefect.engine')\n"
    )
    code, said = lint(config, package.parent)
    assert code == 1 and "prefect.journal is not allowed to import prefect.engine" in said


def test_a_room_without_a_place_is_noticed(skeleton):
    config, package = skeleton
    (package / "attic.py").touch()
    code, said = lint(config, package.parent)
    assert code == 1 and "attic" in said
