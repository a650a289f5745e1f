"""docs/architecture.md lists the packages that exist, in the order of the import contracts."""

import configparser
import re
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
SOURCE = ROOT / "src" / "prefect"


def documented() -> list[set[str]]:
    """Return the rows of the table of packages."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = text.partition("## Packages")[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    return [set(re.findall(r"`([a-z_]+)`", row)) for row in rows]


def existing() -> set[str]:
    return {
        path.stem
        for path in SOURCE.iterdir()
        if path.stem != "__init__" and (path.suffix == ".py" or (path / "__init__.py").exists())
    }


def test_every_package_is_documented():
    packages = [package for row in documented() for package in row]
    assert sorted(packages) == sorted(set(packages)), "a package is listed twice"
    assert set(packages) == existing()


def test_architecture_order_equals_the_import_contracts():
    contracts = configparser.ConfigParser()
    contracts.read(ROOT / ".importlinter")
    text = contracts["importlinter:contract:layers"]["layers"]
    layers = [[package.strip(" ()") for package in layer.split("|")] for layer in text.split("\n")]
    heights = {package: height for height, layer in enumerate(layers) for package in layer}
    order = [sorted({heights[package] for package in row}) for row in documented()]
    flat = [height for row in order for height in row]
    assert flat == sorted(flat)
