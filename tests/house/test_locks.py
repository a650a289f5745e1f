"""pyproject.toml, uv.lock and requirements.txt agree."""

import re
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent


def locked() -> dict[str, dict[str, Any]]:
    return {package["name"]: package for package in tomllib.loads((ROOT / "uv.lock").read_text())["package"]}


def required() -> dict[str, tuple[str, set[str]]]:
    """Return package name to version and hashes of requirements.txt."""
    text = (ROOT / "requirements.txt").read_text().replace("\\\n", " ")
    found: dict[str, tuple[str, set[str]]] = {}
    for line in text.splitlines():
        if match := re.match(r"([a-z0-9._-]+)(?:\[[^]]*\])?==(\S+)", line):
            found[match[1]] = match[2], set(re.findall(r"--hash=(\S+)", line))
    return found


def needed_for_development() -> set[str]:
    """Return the locked packages that the package and its development need."""
    packages = locked()
    own = packages["pluperfect"]
    waiting = [*own["dependencies"], *(each for group in own["dev-dependencies"].values() for each in group)]
    found: set[str] = set()
    while waiting:
        entry = waiting.pop()
        package = packages[entry["name"]]
        extras = [each for extra in entry.get("extra", ()) for each in package["optional-dependencies"][extra]]
        waiting += extras
        if entry["name"] not in found:
            found.add(entry["name"])
            waiting += package.get("dependencies", [])
    return found - {"pluperfect"}


def test_requirements_have_the_versions_of_the_lock():
    packages = locked()
    assert {name: version for name, (version, _) in required().items()} == {
        name: packages[name]["version"] for name in needed_for_development()
    }


def test_requirements_have_the_hashes_of_the_lock():
    packages = locked()
    for name, (_, hashes) in required().items():
        files = [*packages[name].get("wheels", []), *filter(None, [packages[name].get("sdist")])]
        assert hashes == {file["hash"] for file in files}, name


def test_lock_matches_pyproject():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())

    def spelled(requirement: str) -> tuple[str, frozenset[str]]:
        name, bounds = re.fullmatch(r"([A-Za-z0-9._-]+)(?:\[[^]]*\])?(.*)", requirement).groups()  # type: ignore[union-attr]
        return re.sub(r"[-_.]+", "-", name).lower(), frozenset(bounds.split(","))

    def in_lock(entries: list[dict[str, str]]) -> set[tuple[str, frozenset[str]]]:
        return {(entry["name"], frozenset(entry.get("specifier", "").split(","))) for entry in entries}

    def only_with(extra: str | None) -> list[dict[str, str]]:
        marker = None if extra is None else f"extra == '{extra}'"
        return [entry for entry in metadata["requires-dist"] if entry.get("marker") == marker]

    metadata = locked()["pluperfect"]["metadata"]
    assert in_lock(only_with(None)) == {spelled(each) for each in project["project"]["dependencies"]}
    for extra, requirements in project["project"]["optional-dependencies"].items():
        assert in_lock(only_with(extra)) == {spelled(each) for each in requirements}
    for group, requirements in project["dependency-groups"].items():
        assert in_lock(metadata["requires-dev"][group]) == {spelled(each) for each in requirements}


def test_lock_has_public_hosts_only():
    hosts = set(re.findall(r"(?:https?|file)://([^/\"]*)", (ROOT / "uv.lock").read_text()))
    assert hosts == {"pypi.org", "files.pythonhosted.org"}
    assert "://" not in (ROOT / "requirements.txt").read_text()
