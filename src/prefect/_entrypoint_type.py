"""Kinds of entrypoints of a flow's code.

Every program imports this: a default of the methods that deploy a flow is one of them.
"""

from __future__ import annotations

from enum import Enum


class EntrypointType(Enum):
    """The kind of an entrypoint: a file and a name (`flows.py:hello`), or an importable name (`pkg.flows.hello`)."""

    FILE_PATH = "file_path"
    MODULE_PATH = "module_path"
