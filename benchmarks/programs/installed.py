"""How many packages a distribution brings with it, itself included, and their size on disk without bytecode."""

import importlib.metadata
import importlib.util
import json
import re
import sys
from pathlib import Path

from packaging.requirements import Requirement


def measure(name):
    """Return the number of packages and the bytes on disk."""
    sizes = {}
    visit(name, sizes)
    package = Path(importlib.util.find_spec("prefect").origin).parent
    packages, size = len(sizes), sum(sizes.values())
    if "site-packages" not in package.parts:
        # An editable install lists no files of its own.
        size += sum(path.stat().st_size for path in package.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return packages, size


def visit(name, sizes):
    name = re.sub(r"[-_.]+", "-", name).lower()
    if name in sizes:
        return
    try:
        distribution = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return
    paths = [Path(file.locate()) for file in distribution.files or ()]
    sizes[name] = sum(path.stat().st_size for path in paths if path.suffix != ".pyc" and path.exists())
    for line in distribution.requires or ():
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            visit(requirement.name, sizes)


if __name__ == "__main__":
    packages, size = measure(sys.argv[1])
    print("BENCH " + json.dumps({"packages": packages, "megabytes": size / 1e6}), flush=True)
