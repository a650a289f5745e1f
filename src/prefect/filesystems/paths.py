"""Paths below a base: which are refused, and what a directory holds."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

from prefect.filesystems.ignoring import Rule, is_ignored, read_rules

_CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f]")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")


def check_path(path: str) -> None:
    """Raise an error for a path that may leave its base: some stores decode percent signs and follow `..`.

    Raises:
        ValueError: It has control characters, or a part `..` that is written with percent signs or backslashes.
    """
    decoded = _decode(path)
    if _CONTROL_CHARACTERS.search(decoded):
        raise ValueError(f"Path {path!r} has a control character: leave it out.")
    if decoded != path or "\\" in decoded:
        reject_parents(decoded.replace("\\", "/"), path)


def reject_parents(decoded: str, path: str) -> None:
    """Raise an error for a path with a part `..`.

    Raises:
        ValueError: There is such a part.
    """
    if ".." in decoded.split("/"):
        raise ValueError(f"Path {path!r} may be outside of the base path: write it without `..`.")


def split_scheme(path: str) -> tuple[str, str]:
    """Return the scheme of a URL, in lower case, and the rest; the scheme of any other path is empty."""
    found = _SCHEME.match(path)
    return (found[1].lower(), path[found.end() :]) if found else ("", path)


def _decode(path: str) -> str:
    while (decoded := unquote(path)) != path:
        path = decoded
    return path


class Directory(NamedTuple):
    """The content of a directory, as relative paths with slashes."""

    directories: list[str]
    files: list[str]


def list_directory(root: str, base: str | None = None, rules: list[Rule] | None = None) -> Directory:
    """Return what is in a directory and below, links followed; links to nothing are left out.

    Args:
        base: What no link may lead out of; None for anywhere.
        rules: Rules of an ignore file; what they ignore is left out.

    Raises:
        ValueError: A link leads out of the base, or into a directory that it is in.
    """
    found = Directory([], [])
    _list_into(found, root, "", [os.path.realpath(root)], base, rules or [])
    return found


def _list_into(
    found: Directory, root: str, prefix: str, parents: list[str], base: str | None, rules: list[Rule]
) -> None:
    with os.scandir(os.path.join(root, prefix)) as entries:
        ordered = sorted(entries, key=lambda entry: entry.name)
    for entry in ordered:
        path = f"{prefix}{entry.name}"
        real = os.path.realpath(entry.path)
        if entry.is_symlink():
            if base is not None and not is_below(real, base):
                raise ValueError(f"The link {entry.path} leads to {real}, which is outside of the base path {base}.")
            if not os.path.exists(real):
                continue
        if not entry.is_dir():
            if not is_ignored(path, rules):
                found.files.append(path)
            continue
        if real in parents:
            raise ValueError(f"The link {entry.path} leads to {real}, a directory that it is in: remove it.")
        if not is_ignored(f"{path}/", rules):
            found.directories.append(path)
        _list_into(found, root, f"{path}/", [*parents, real], base, rules)


def is_below(path: str, base: str) -> bool:
    """Return whether a path without links is the base or below it."""
    return path == base or path.startswith(base if base.endswith(os.sep) else base + os.sep)


def read_ignore_file(path: str | None) -> list[Rule]:
    """Return the rules of an ignore file; none without one."""
    return read_rules(Path(path).read_text(encoding="utf-8").splitlines()) if path else []
