"""Kinds of entrypoints of a flow's code."""

from __future__ import annotations

from enum import Enum


class EntrypointType(Enum):
    """Whether an entrypoint is a file and a name in it (`flows.py:hello`) or an importable name (`pkg.flows.hello`)."""

    FILE_PATH = "file_path"
    MODULE_PATH = "module_path"
