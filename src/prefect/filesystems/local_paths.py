"""Paths of this machine: the working directory, paths for display, open files."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path, PureWindowsPath
from typing import Any, cast

chdir_lock: threading.Lock = threading.Lock()


@contextmanager
def tmpchdir(path: str) -> Generator[str, None, None]:
    """Change the working directory for a block, one thread at a time.

    Args:
        path: The directory, or a file in it.
    """
    directory = os.path.abspath(path)
    if os.path.isfile(directory):
        directory = os.path.dirname(directory)
    with chdir_lock:
        before = os.getcwd()
        os.chdir(directory)
        try:
            yield directory
        finally:
            os.chdir(before)


def filename(path: str) -> str:
    """Return the last part of a path or URL."""
    return re.split(r"[/\\]" if os.sep == "\\" else "/", path)[-1]


def is_local_path(path: str | Path | Any) -> bool:
    """Return whether a path, URL or open file of fsspec is on this machine."""
    if isinstance(path, (str, os.PathLike)):
        scheme, separator, _ = os.fspath(cast("str", path)).partition("://")
        return not separator or scheme in ("file", "local")
    return "file" in path.fs.protocol or path.fs.protocol == "file"


def to_display_path(path: Path | str, relative_to: Path | str | None = None) -> str:
    """Return the shorter of the absolute and the relative form of a path.

    Args:
        relative_to: The base of the relative form; by default the working directory.

    Raises:
        ValueError: The path is not below that directory.
    """
    path = Path(path).resolve()
    relative = str(path.relative_to(Path(relative_to or ".").resolve()))
    return relative if len(relative) < len(str(path)) else str(path)


def relative_path_to_current_platform(path_str: str) -> Path:
    """Convert a relative path of any system to one of this system."""
    return Path(PureWindowsPath(path_str).as_posix())


def get_open_file_limit() -> int:
    """Return the maximum number of open files of this process."""
    try:
        import resource
    except ImportError:  # Windows
        return 512
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
