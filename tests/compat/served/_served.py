"""What the programs for a server share: they begin where the scenarios' helpers are."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "scenarios"))
