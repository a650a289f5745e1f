"""File systems: the local disk, and remote stores through fsspec.

They read and write whole files and directories, and know nothing of results and deployments, which use them. A file is
written completely or not at all.
"""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, Field, SecretStr, field_validator

from prefect._io import blocking, twin
from prefect._lazy import lazy
from prefect.blocks.core import Block
from prefect.types import new_id

if TYPE_CHECKING:
    import fsspec  # pyright: ignore[reportMissingTypeStubs, reportMissingImports]
else:
    fsspec = lazy("fsspec")

__all__ = [
    "SMB",
    "LocalFileSystem",
    "NullFileSystem",
    "ReadableDeploymentStorage",
    "ReadableFileSystem",
    "RemoteFileSystem",
    "WritableDeploymentStorage",
    "WritableFileSystem",
]


class ReadableFileSystem(Block, ABC):
    """Files can be read from it."""

    _block_schema_capabilities: ClassVar[list[str] | None] = ["read-path"]

    @abstractmethod
    async def read_path(self, path: str) -> bytes:
        """Return the content of a file."""


class WritableFileSystem(Block, ABC):
    """Files can be read from it and written to it."""

    _block_schema_capabilities: ClassVar[list[str] | None] = ["read-path", "write-path"]

    @abstractmethod
    async def read_path(self, path: str) -> bytes:
        """Return the content of a file."""

    @abstractmethod
    async def write_path(self, path: str, content: bytes) -> None:
        """Write a file, replacing an existing one."""


class ReadableDeploymentStorage(Block, ABC):
    """Directories can be copied from it."""

    _block_schema_capabilities: ClassVar[list[str] | None] = ["get-directory"]

    @abstractmethod
    async def get_directory(self, from_path: str | None = None, local_path: str | None = None) -> None:
        """Copy a directory to this machine."""


class WritableDeploymentStorage(Block, ABC):
    """Directories can be copied from it and to it."""

    _block_schema_capabilities: ClassVar[list[str] | None] = ["get-directory", "put-directory"]

    @abstractmethod
    async def get_directory(self, from_path: str | None = None, local_path: str | None = None) -> None:
        """Copy a directory to this machine."""

    @abstractmethod
    async def put_directory(
        self, local_path: str | None = None, to_path: str | None = None, ignore_file: str | None = None
    ) -> None:
        """Copy a local directory to this file system."""


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
        """Return the absolute path of a file here, with no links in it.

        Raises:
            ValueError: It is outside of the base path.
        """
        base = _real_base(os.path.abspath(os.path.expanduser(self.basepath))) if self.basepath else os.getcwd()
        joined = os.path.normpath(os.path.join(base, os.path.expanduser(path)))
        if joined == base:
            return base
        below = base if base.endswith(os.sep) else base + os.sep
        # Resolving a whole path costs a system call for each directory; those of the base are resolved already.
        if not joined.startswith(below) or _has_links(joined, len(below)):
            joined = os.path.realpath(joined)
        if self.basepath and joined != base and not joined.startswith(below):
            raise ValueError(f"Provided path {joined} is outside of the base path {base}.")
        return joined

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
        target = self._resolve(path)
        await blocking(_write, target, content)
        return target

    write_path = twin(awrite_path)  # pyright: ignore[reportAssignmentType, reportIncompatibleMethodOverride]

    async def aget_directory(self, from_path: str | None = None, local_path: str | None = None) -> None:
        """Copy a directory of this file system to a local path.

        Args:
            from_path: What to copy; the base path by default.
            local_path: Where to; the current directory by default. Files that exist there are replaced.
        """
        source = self._resolve_path(from_path or "")
        await blocking(_copy, source, Path(local_path or ".").resolve())

    get_directory = twin(aget_directory)  # pyright: ignore[reportAssignmentType, reportIncompatibleMethodOverride]

    async def aput_directory(
        self, local_path: str | None = None, to_path: str | None = None, ignore_file: str | None = None
    ) -> None:
        """Copy a local directory to this file system.

        Args:
            local_path: What to copy; the current directory by default.
            to_path: Where to; the base path by default.
            ignore_file: Not supported yet.
        """
        _refuse_ignore_file(ignore_file)
        await blocking(_copy, Path(local_path or ".").resolve(), self._resolve_path(to_path or ""))

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
    beside = f"{directory}/.{new_id().hex}.tmp"
    try:
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    except FileNotFoundError:
        os.makedirs(directory, exist_ok=True)
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        with open(handle, "wb", buffering=0) as file:
            left = memoryview(content)
            while left:
                left = left[file.write(left) :]
        os.replace(beside, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(beside)
        raise


def _copy(source: Path, target: Path) -> None:
    if source != target:
        shutil.copytree(source, target, dirs_exist_ok=True)


def _refuse_ignore_file(ignore_file: str | None) -> None:
    if ignore_file:
        raise NotImplementedError("Ignore files cannot be used yet: leave `ignore_file` out.")


class RemoteFileSystem(WritableFileSystem, WritableDeploymentStorage):
    """Files in any store that fsspec knows, below a base URL such as `s3://bucket/folder`.

    It needs the `fsspec` package and the package for the protocol of the store.
    """

    _block_type_name = "Remote File System"

    basepath: str = Field(description="Default path for this block to write to: a URL with a scheme and a location.")
    settings: dict[str, Any] = Field(default_factory=dict, description="Passed to the fsspec file system.")

    @field_validator("basepath")
    @classmethod
    def _check_basepath(cls, value: str) -> str:
        scheme, separator, location = value.partition("://")
        if not separator or not scheme:
            raise ValueError(f"Base path must start with a scheme. Got {value!r}.")
        if not location or location.startswith("/"):
            raise ValueError(f"Base path must include a location after the scheme. Got {value!r}.")
        if scheme == "file":
            raise ValueError("Base path scheme cannot be 'file'. Use `LocalFileSystem` instead.")
        return value

    @property
    def filesystem(self) -> Any:
        """The fsspec file system.

        Raises:
            ImportError: fsspec, or the package for this kind of store, is not installed.
            ValueError: The scheme is not known.
        """
        try:
            return fsspec.filesystem(self.basepath.partition("://")[0], **self.settings)
        except ModuleNotFoundError as error:
            if error.name != "fsspec":
                raise
            raise ImportError("Remote file systems need the `fsspec` package: install it.") from error

    def _resolve_path(self, path: str) -> str:
        base = self.basepath.rstrip("/")
        if "://" in path:
            if path != base and not path.startswith(base + "/"):
                raise ValueError(f"Path {path!r} is outside of the base path {self.basepath!r}.")
            return path
        return f"{base}/{path.strip('/')}" if path else base

    async def aread_path(self, path: str) -> bytes:
        """Return the content of a file."""
        return await blocking(self.filesystem.cat_file, self._resolve_path(path))

    read_path = twin(aread_path)  # pyright: ignore[reportAssignmentType, reportIncompatibleMethodOverride]

    async def awrite_path(self, path: str, content: bytes) -> str:
        """Write a whole file and return its URL."""
        target = self._resolve_path(path)
        await blocking(_write_remote, self.filesystem, target, content)
        return target

    write_path = twin(awrite_path)  # pyright: ignore[reportAssignmentType, reportIncompatibleMethodOverride]

    async def aget_directory(self, from_path: str | None = None, local_path: str | None = None) -> None:
        """Copy a directory to this machine."""
        source, target = self._resolve_path(from_path or ""), Path(local_path or ".").resolve()
        await blocking(self.filesystem.get, source.rstrip("/") + "/", str(target) + "/", recursive=True)

    get_directory = twin(aget_directory)  # pyright: ignore[reportAssignmentType, reportIncompatibleMethodOverride]

    async def aput_directory(
        self,
        local_path: str | None = None,
        to_path: str | None = None,
        ignore_file: str | None = None,
        overwrite: bool = True,
    ) -> int:
        """Copy a local directory to this file system.

        Args:
            local_path: What to copy; the current directory by default.
            to_path: Where to; the base path by default.
            ignore_file: Not supported yet.
            overwrite: Whether files that exist there are replaced.

        Returns:
            The number of files copied.
        """
        _refuse_ignore_file(ignore_file)
        source, target = Path(local_path or ".").resolve(), self._resolve_path(to_path or "")
        return await blocking(_put_tree, self.filesystem, source, target, overwrite)

    put_directory = twin(aput_directory)  # pyright: ignore[reportAssignmentType, reportIncompatibleMethodOverride]


def _write_remote(filesystem: Any, target: str, content: bytes) -> None:
    filesystem.makedirs(target.rpartition("/")[0], exist_ok=True)
    filesystem.pipe_file(target, content)


def _put_tree(filesystem: Any, source: Path, target: str, overwrite: bool) -> int:
    count = 0
    for file in sorted(path for path in source.rglob("*") if path.is_file()):
        place = f"{target}/{file.relative_to(source).as_posix()}"
        if overwrite or not filesystem.exists(place):
            _write_remote(filesystem, place, file.read_bytes())
            count += 1
    return count


class SMB(WritableFileSystem, WritableDeploymentStorage):
    """Files on an SMB share."""

    _block_type_name = "SMB"

    share_path: str = Field(description="SMB target (requires <SHARE>, followed by <PATH>).")
    smb_username: SecretStr | None = Field(default=None, title="SMB Username")
    smb_password: SecretStr | None = Field(default=None, title="SMB Password")
    smb_host: str = Field(description="SMB server or hostname.")
    smb_port: int | None = Field(default=None, description="SMB port (default: 445).")

    @property
    def basepath(self) -> str:
        """The share's URL."""
        return f"smb://{self.smb_host.rstrip('/')}/{self.share_path.strip('/')}"

    @property
    def filesystem(self) -> RemoteFileSystem:
        """The share as a remote file system."""
        settings: dict[str, Any] = {}
        if self.smb_username:
            settings["username"] = self.smb_username.get_secret_value()
        if self.smb_password:
            settings["password"] = self.smb_password.get_secret_value()
        if self.smb_port:
            settings["port"] = self.smb_port
        return RemoteFileSystem(basepath=self.basepath, settings={"host": self.smb_host, **settings})

    async def aread_path(self, path: str) -> bytes:
        """Return the content of a file."""
        return await self.filesystem.aread_path(path)

    read_path = twin(aread_path)  # pyright: ignore[reportAssignmentType, reportIncompatibleMethodOverride]

    async def awrite_path(self, path: str, content: bytes) -> str:
        """Write a whole file and return its URL."""
        return await self.filesystem.awrite_path(path, content)

    write_path = twin(awrite_path)  # pyright: ignore[reportAssignmentType, reportIncompatibleMethodOverride]

    async def aget_directory(self, from_path: str | None = None, local_path: str | None = None) -> None:
        """Copy a directory to this machine."""
        await self.filesystem.aget_directory(from_path, local_path)

    get_directory = twin(aget_directory)  # pyright: ignore[reportAssignmentType, reportIncompatibleMethodOverride]

    async def aput_directory(
        self, local_path: str | None = None, to_path: str | None = None, ignore_file: str | None = None
    ) -> int:
        """Copy a local directory to this file system and return the number of files copied."""
        return await self.filesystem.aput_directory(local_path, to_path, ignore_file)

    put_directory = twin(aput_directory)  # pyright: ignore[reportAssignmentType, reportIncompatibleMethodOverride]


class NullFileSystem(BaseModel):
    """A file system that stores nothing, for places where one is required and none is wanted."""

    async def read_path(self, path: str) -> None:
        """Return nothing."""

    async def write_path(self, path: str, content: bytes) -> None:
        """Discard the content."""

    async def get_directory(self, from_path: str | None = None, local_path: str | None = None) -> None:
        """Copy nothing."""

    async def put_directory(
        self, local_path: str | None = None, to_path: str | None = None, ignore_file: str | None = None
    ) -> None:
        """Copy nothing."""
