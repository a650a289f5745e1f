"""Ignore files, with the syntax of `.gitignore`."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import AnyStr

_IGNORED_BY_DEFAULT = """\
# Files that are not part of a flow's code, with the syntax of .gitignore

# Prefect
.prefect/

# Python
__pycache__/
*.py[cod]
*$py.class
*.egg-info/
*.egg
build/
dist/
.venv/
venv/
env/

# Tools
.ipynb_checkpoints/
.mypy_cache/
.pytest_cache/
.ruff_cache/
.vscode/
.idea/

# Version control
.git/

# Operating systems
.DS_Store
"""


def filter_files(
    root: str = ".",
    ignore_patterns: Iterable[AnyStr] | None = None,
    include_dirs: bool = True,
    *,
    as_posix: bool = False,
) -> set[str]:
    """Return the files below a directory that are not ignored, as relative paths.

    Args:
        ignore_patterns: Lines as in `.gitignore`.
        include_dirs: Whether directories are among them.
        as_posix: Whether paths have slashes on every system.
    """
    rules = read_rules(ignore_patterns or ())
    separator = "/" if as_posix else os.sep
    found: set[str] = set()
    for directory, directories, files in os.walk(root):
        relative = Path(directory).relative_to(root).as_posix()
        prefix = "" if relative == "." else f"{relative}/"
        if include_dirs:
            found.update(f"{prefix}{name}" for name in directories if not is_ignored(f"{prefix}{name}/", rules))
        found.update(f"{prefix}{name}" for name in files if not is_ignored(f"{prefix}{name}", rules))
    return {path.replace("/", separator) for path in found}


Rule = tuple[re.Pattern[str], bool]
"""The paths that a line of an ignore file means, and whether it ignores them."""


def read_rules(lines: Iterable[str | bytes]) -> list[Rule]:
    """Return the rules of the lines of an ignore file."""
    return [rule for line in lines if (rule := _read_rule(line)) is not None]


def _read_rule(line: str | bytes) -> Rule | None:
    """Parse a line of an ignore file: the pattern of a path and of all below it, and whether it is ignored."""
    text = (line.decode() if isinstance(line, bytes) else line).strip()
    if not text or text.startswith("#"):
        return None
    ignores = not text.startswith("!")
    text = text.removeprefix("!").removeprefix("\\")
    only_directories = text.endswith("/")
    text = text.rstrip("/")
    anywhere = "/" not in text
    *parents, last = text.lstrip("/").split("/")
    start = "(?:.*/)?" if anywhere else ""
    start += "".join(_part_pattern(part) for part in parents)
    if last == "**":
        pattern = f"{start}.+"
    else:
        pattern = f"{start}{_part_pattern(last)[:-1]}{'/.*' if only_directories else '(?:/.*)?'}"
    return re.compile(pattern, re.DOTALL), ignores


def _part_pattern(part: str) -> str:
    if part == "**":
        return "(?:[^/]*/)*"
    pattern = ""
    for token in re.findall(r"\[!?\]?[^\]]*\]|\\.|.", part):
        if token == "*":
            pattern += "[^/]*"
        elif token == "?":
            pattern += "[^/]"
        elif len(token) > 1 and token.startswith("["):
            pattern += token.replace("[!", "[^", 1)
        else:
            pattern += re.escape(token[-1])
    return f"{pattern}/"


def is_ignored(path: str, rules: list[Rule]) -> bool:
    """Return whether a path or one of its parents is ignored. The path of a directory ends in a slash."""
    ignored = False
    for pattern, ignores in rules:  # the last match wins
        if pattern.fullmatch(path):
            ignored = ignores
    return ignored


def create_default_ignore_file(path: str) -> bool:
    """Write a `.prefectignore` into a directory, unless there is one.

    Returns:
        Whether it was written.
    """
    try:
        with (Path(path) / ".prefectignore").open("x", encoding="utf-8") as file:
            file.write(_IGNORED_BY_DEFAULT)
    except FileExistsError:
        return False
    return True
