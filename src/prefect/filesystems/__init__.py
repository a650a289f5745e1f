"""File systems: the local disk, and remote stores through fsspec.

They read and write whole files and directories, and know nothing of results and deployments, which use them. A file is
written completely or not at all, and no path leaves the base path of its file system.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect._lazy import exports

if TYPE_CHECKING:
    from prefect.filesystems.base import (
        NullFileSystem,
        ReadableDeploymentStorage,
        ReadableFileSystem,
        WritableDeploymentStorage,
        WritableFileSystem,
    )
    from prefect.filesystems.local import LocalFileSystem
    from prefect.filesystems.remote import SMB, RemoteFileSystem

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

_EXPORTS = {
    "prefect.filesystems.base": (
        "NullFileSystem ReadableDeploymentStorage ReadableFileSystem WritableDeploymentStorage WritableFileSystem"
    ),
    "prefect.filesystems.local": "LocalFileSystem",
    "prefect.filesystems.remote": "SMB RemoteFileSystem",
}

__getattr__, __dir__ = exports(__name__, _EXPORTS)
