"""Stamps that identify the content of files that other processes change, without opening them."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from typing import NamedTuple

COARSE_CLOCK_SECONDS = 0.02
"""A file's time that is younger than this may stay the same when the file changes once more."""


class Stamps(NamedTuple):
    """The inode, size and time of each of some files, None for one that is not there.

    Attributes:
        files: Those, in the order of the files.
        is_settled: Whether the next change of a file will show; if not, equal stamps do not mean equal content.
    """

    files: tuple[tuple[int, int, int] | None, ...]
    is_settled: bool


def read_stamps(paths: Iterable[str | os.PathLike[str]], settling_seconds: float = COARSE_CLOCK_SECONDS) -> Stamps:
    """Return the stamps of files now.

    Args:
        paths: The files.
        settling_seconds: How long after its last change a file is not settled, in seconds.
    """
    at = time.time_ns()
    files = tuple(map(_read_stamp, paths))
    newest = max((file[2] for file in files if file is not None), default=0)
    return Stamps(files, at - newest > settling_seconds * 1e9)


def _read_stamp(path: str | os.PathLike[str]) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
