"""Files on the local disk."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator

from prefect._io import blocking, twin
from prefect.filesystems.base import WritableDeploymentStorage, WritableFileSystem
from prefect.filesystems.paths import check_path, list_directory, read_ignore_file, split_scheme
from prefect.types import new_id


class LocalFileSystem(WritableFileSystem, WritableDeploymentStorage):
    """Files on this machine, below a base path.

    A file is written under a temporary name and renamed, so a reader never sees half of one and a full disk leaves the
    old file unchanged. It is not forced to the disk (no fsync): it survives the end of the process at any instant,
    not a loss of power.
    """

    _block_type_name = "Local File System"
    _description = "Store data as a file on a local file system."

    basepath: str | None = Field(default=None, description="Default local path for this block to write to.")

    @field_validator("basepath", mode="before")
    @classmethod
    def _accept_path(cls, value: Any) -> Any:
        return str(value) if isinstance(value, Path) else value

    def _resolve(self, path: str) -> str:
        """Return the absolute path of a file here; see `_locate`."""
        return self._locate(path)[1]

    def _locate(self, path: str) -> tuple[str, str]:
        """Return the absolute paths of the base and of a file here, with no links in them.

        Raises:
            ValueError: It is outside of the base path, is a URL or has control characters.
        """
        check_path(path)
        if split_scheme(path)[0]:
            raise ValueError(f"Path {path!r} is a URL: pass a path of this machine.")
        base = _real_base(os.path.abspath(os.path.expanduser(self.basepath))) if self.basepath else os.getcwd()
        joined = os.path.normpath(os.path.join(base, os.path.expanduser(path)))
        if joined == base:
            return base, base
        below = base if base.endswith(os.sep) else base + os.sep
        # Resolving a whole path costs a system call for each directory; those of the base are resolved already.
        if not joined.startswith(below) or _has_links(joined, len(below)):
            joined = os.path.realpath(joined)
        if self.basepath and joined != base and not joined.startswith(below):
            raise ValueError(f"Provided path {joined} is outside of the base path {base}.")
        return base, joined

    @property
    def _base(self) -> str | None:
        """The base path without links; None without a base path."""
        return self._resolve("") if self.basepath else None

    def _resolve_path(self, path: str | Path) -> Path:
        """Return the absolute path of a file here; see `_resolve`."""
        return Path(self._resolve(str(path)))

    async def aread_path(self, path: str) -> bytes:
        """Return the content of a file.

        Raises:
            ValueError: The path does not exist, is not a file, or is outside of the base path.
        """
        return await blocking(_read, self._resolve(path))

    read_path = twin(aread_path)  # pyright: ignore[reportAssignmentType, reportIncompatibleMethodOverride]

    async def awrite_path(self, path: str, content: bytes) -> str:
        """Write a file, replacing an existing one; missing directories are made.

        Returns:
            The file's absolute path.
        """
        base, target = self._locate(path)
        if target == base:
            raise ValueError(f"Path {target} is the base path itself: name a file below it.")
        await blocking(_write, target, content)
        return target

    write_path = twin(awrite_path)  # pyright: ignore[reportAssignmentType, reportIncompatibleMethodOverride]

    async def aget_directory(self, from_path: str | None = None, local_path: str | None = None) -> None:
        """Copy a directory of this file system to a local path.

        Args:
            from_path: What to copy; the base path by default.
            local_path: Where to; the current directory by default. Files that exist there are replaced.

        Raises:
            ValueError: The directory does not exist, is outside of the base path, or a link in it leads there.
        """
        source, target = self._resolve(from_path or ""), os.path.realpath(local_path or ".")
        await blocking(_copy_directory, source, target, self._base)

    get_directory = twin(aget_directory)  # pyright: ignore[reportAssignmentType, reportIncompatibleMethodOverride]

    async def aput_directory(
        self, local_path: str | None = None, to_path: str | None = None, ignore_file: str | None = None
    ) -> None:
        """Copy a local directory to this file system.

        Args:
            local_path: What to copy; the current directory by default.
            to_path: Where to; the base path by default.
            ignore_file: The path of a file that names what is not copied, with the syntax of `.gitignore`.

        Raises:
            ValueError: The directory does not exist, or the target is outside of the base path.
        """
        source, target = os.path.realpath(local_path or "."), self._resolve(to_path or "")
        await blocking(_copy_directory, source, target, None, ignore_file, self._resolve)

    put_directory = twin(aput_directory)  # pyright: ignore[reportAssignmentType, reportIncompatibleMethodOverride]


@functools.lru_cache(maxsize=64)
def _real_base(path: str) -> str:
    return os.path.realpath(path)


def _has_links(path: str, start: int) -> bool:
    """Return whether a part of the path after its first `start` characters is a link."""
    while start > 0:
        start = path.find(os.sep, start + 1)
        if os.path.islink(path if start < 0 else path[:start]):
            return True
    return False


def _read(path: str) -> bytes:
    try:
        with open(path, "rb", buffering=0) as file:
            return file.readall()
    except FileNotFoundError:
        raise ValueError(f"Path {path} does not exist.") from None
    except IsADirectoryError:
        raise ValueError(f"Path {path} is not a file.") from None


def _write(path: str, content: bytes) -> None:
    if not isinstance(content, bytes | bytearray | memoryview):
        raise TypeError(f"A file holds bytes, not {type(content).__name__}: encode it before it is written.")
    # In the same directory, so that the move is one step; a short name, because the file's own may be at the limit.
    directory = os.path.dirname(path)
    temporary_path = f"{directory}/.{new_id().hex}.tmp"
    try:
        handle = os.open(temporary_path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    except FileNotFoundError:
        os.makedirs(directory, exist_ok=True)
        handle = os.open(temporary_path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        with open(handle, "wb", buffering=0) as file:
            left = memoryview(content)
            while left:
                left = left[file.write(left) :]
        os.replace(temporary_path, path)
    except IsADirectoryError:
        os.unlink(temporary_path)
        raise ValueError(f"Path {path} is a directory: name a file.") from None
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary_path)
        raise


def _copy_directory(
    source: str,
    target: str,
    base: str | None,
    ignore_file: str | None = None,
    check_target: Callable[[str], str] = str,
) -> None:
    if not os.path.isdir(source):
        raise ValueError(f"Path {source} is not a directory.")
    content = list_directory(source, base, read_ignore_file(ignore_file))
    if source == target:
        return
    targets = {path: check_target(os.path.join(target, path)) for path in (*content.directories, *content.files)}
    for path in ("", *content.directories):
        os.makedirs(targets.get(path, target), exist_ok=True)
    for path in content.files:
        _copy_file(os.path.join(source, path), targets[path])


def _copy_file(source: str, target: str) -> None:
    directory = os.path.dirname(target)
    os.makedirs(directory, exist_ok=True)
    temporary_path = f"{directory}/.{new_id().hex}.tmp"
    try:
        shutil.copy2(source, temporary_path)
        os.replace(temporary_path, target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary_path)
        raise
