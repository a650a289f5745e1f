"""Public path of ignore files and of paths of this machine; see `prefect.filesystems`."""

from __future__ import annotations

from prefect.filesystems.ignoring import (
    create_default_ignore_file,
    filter_files,
)
from prefect.filesystems.local_paths import (
    chdir_lock,
    filename,
    get_open_file_limit,
    is_local_path,
    relative_path_to_current_platform,
    tmpchdir,
    to_display_path,
)

__all__ = [
    "chdir_lock",
    "create_default_ignore_file",
    "filename",
    "filter_files",
    "get_open_file_limit",
    "is_local_path",
    "relative_path_to_current_platform",
    "tmpchdir",
    "to_display_path",
]
