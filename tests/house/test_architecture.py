"""docs/architecture.md names the rooms that there are, in the order the import contracts give them."""

import configparser
import re
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
SOURCE = ROOT / "src" / "prefect"


def drawn() -> list[set[str]]:
    """The lines of the table of rooms."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = text.partition("## Rooms")[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    return [set(re.findall(r"`([a-z_]+)`", row)) for row in rows]


def built() -> set[str]:
    return {
        path.stem
        for path in SOURCE.iterdir()
        if path.stem != "__init__" and (path.suffix == ".py" or (path / "__init__.py").exists())
    }


def test_every_room_is_drawn():
    rooms = [room for row in drawn() for room in row]
    assert sorted(rooms) == sorted(set(rooms)), "a room is drawn twice"
    assert set(rooms) == built()


def test_the_order_is_that_of_the_import_contracts():
    contracts = configparser.ConfigParser()
    contracts.read(ROOT / ".importlinter")
    text = contracts["importlinter:contract:house"]["layers"]
    layers = [[room.strip(" ()") for room in layer.split("|")] for layer in text.split("\n")]
    heights = {room: height for height, layer in enumerate(layers) for room in layer}
    order = [sorted({heights[room] for room in row}) for row in drawn()]
    flat = [height for row in order for height in row]
    assert flat == sorted(flat)
