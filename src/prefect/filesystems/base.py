"""The interfaces of file systems, as abstract blocks, and one that stores nothing."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from pydantic import BaseModel

from prefect.blocks.core import Block


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
