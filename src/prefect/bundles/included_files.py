"""The files that go with a bundle: found by patterns, and packed into a zip that is named after its content."""

from __future__ import annotations

import hashlib
import inspect
import os
import tempfile
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from prefect.filesystems.ignoring import Rule, is_ignored, read_rules
from prefect.logging.loggers import get_logger

IGNORE_FILE = ".prefectignore"

_NEVER_INCLUDED = read_rules(
    ("__pycache__/", "*.py[cod]", ".git/", ".hg/", ".svn/", ".venv/", "venv/", "node_modules/", ".mypy_cache/")
)
_SENSITIVE = read_rules((".env*", "*.pem", "*.key", "*.p12", "id_rsa*", "id_ed25519*", "credentials*", "*.kdbx"))

_FIXED_TIME = (1980, 1, 1, 0, 0, 0)
"""The time of all members, so that equal files give equal zips."""

logger = get_logger("bundles")


def find_base_directory(flow: Any, base_dir: str | Path | None) -> Path:
    """Return the base directory of patterns: the argument, else the directory of the flow's file."""
    if base_dir is not None:
        directory = Path(base_dir).resolve()
        if not directory.is_dir():
            raise ValueError(f"The base directory {str(base_dir)!r} of `include_files` is not a directory.")
        return directory
    try:
        return Path(inspect.getfile(flow.fn)).resolve().parent
    except (TypeError, OSError):
        return Path.cwd()


def find_included_files(directory: Path, patterns: Sequence[str]) -> list[str]:
    """Return the files that patterns mean, as sorted relative paths with slashes.

    A pattern is a file, a directory or a glob. `!pattern` takes files out again. A `.prefectignore` in the directory
    is respected; a hidden file is only included by its own name.

    Raises:
        ValueError: A pattern is absolute, or leads out of the directory.
    """
    ignored = _read_ignore_file(directory)
    found: dict[str, None] = {}
    for pattern in patterns:
        is_exclusion = pattern.startswith("!")
        matches = _match(directory, pattern.removeprefix("!"), ignored)
        if is_exclusion:
            for path in matches:
                found.pop(path, None)
            continue
        if not matches:
            logger.warning("The pattern %r of `include_files` matches no files in %s.", pattern, directory)
        found.update(dict.fromkeys(matches))
    return sorted(found)


def pack_files(directory: Path, paths: Iterable[str]) -> tuple[str, Path]:
    """Write files into a zip; return its key, which is made of its content, and where it is."""
    handle, name = tempfile.mkstemp(prefix="prefect-files-", suffix=".zip")
    os.close(handle)
    target = Path(name)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in paths:
            source = directory / path
            member = zipfile.ZipInfo(path, _FIXED_TIME)
            member.compress_type = zipfile.ZIP_DEFLATED
            member.external_attr = (source.stat().st_mode & 0xFFFF) << 16
            with source.open("rb") as content, archive.open(member, "w") as packed:
                while block := content.read(1 << 20):
                    packed.write(block)
    with target.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    return f"files/{digest}.zip", target


def warn_of_sensitive_files(paths: Iterable[str]) -> None:
    """Warn of files that look as if they held secrets: they go to the storage of bundles."""
    sensitive = [path for path in paths if is_ignored(path, _SENSITIVE)]
    if sensitive:
        logger.warning("These included files may hold secrets: %s. A bundle is stored as it is.", ", ".join(sensitive))


def _read_ignore_file(directory: Path) -> list[Rule]:
    try:
        lines = (directory / IGNORE_FILE).read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    return [*_NEVER_INCLUDED, *read_rules(lines)]


def _match(directory: Path, pattern: str, ignored: list[Rule]) -> list[str]:
    if os.path.isabs(pattern):
        raise ValueError(f"`include_files` takes paths relative to {directory}, and {pattern!r} is absolute.")
    named = directory / pattern
    if not named.resolve().is_relative_to(directory):
        raise ValueError(f"{pattern!r} of `include_files` leads out of {directory}.")
    if named.is_file():
        found = [named]
    elif named.is_dir():
        found = [path for path in named.rglob("*") if path.is_file()]
    else:
        found = [path for each in directory.glob(pattern) for path in ([each] if each.is_file() else _find_files(each))]
    by_name = pattern.rstrip("/")
    paths = (path.relative_to(directory).as_posix() for path in found if path.resolve().is_relative_to(directory))
    return [path for path in paths if path == by_name or not (_is_hidden(path, by_name) or is_ignored(path, ignored))]


def _find_files(directory: Path) -> list[Path]:
    return [path for path in directory.rglob("*") if path.is_file()]


def _is_hidden(path: str, pattern: str) -> bool:
    """Return whether a part of the path is hidden that the pattern does not name."""
    named = set(pattern.split("/"))
    return any(part.startswith(".") and part not in named for part in path.split("/"))
