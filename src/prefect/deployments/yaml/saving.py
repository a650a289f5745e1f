"""Write a deployment into a project file; its comments and order stay."""

from __future__ import annotations

import io
import itertools
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap

from prefect.deployments.yaml.project import DeploymentEntry

_NEW_FILE = """\
# The deployments of this project: `prefect deploy --all` creates and updates them.
deployments: []
"""

_KEYS = (
    *("name", "version", "version_type", "tags", "description", "entrypoint", "parameters", "enforce_parameter_schema"),
    *("paused", "concurrency_limit", "work_pool", "schedules", "triggers", "build", "push", "pull"),
)
"""The order of the keys of a new deployment."""


def save_entry(path: Path, entry: DeploymentEntry) -> None:
    """Write a deployment to a project file, in its place or at the end. The file is replaced atomically.

    Args:
        path: The file; it is created if it is not there.
        entry: The deployment; of one that was read from the file, what was overridden is written.
    """
    text = path.read_text(encoding="utf-8") if path.exists() else _NEW_FILE
    writer = _create_writer(text)
    root: Any = writer.load(text)
    root = CommentedMap() if root is None else root
    if entry.document is not None:
        node: Any = root
        for part in entry.key_path:
            node = node[part]
        _update(node, {key: entry.values[key] for key in entry.overridden})
    else:
        own = {key: value for key, value in entry.values.items() if key in entry.overridden}
        if root.get("deployments") is None:
            root["deployments"] = []
        if not root["deployments"]:
            root["deployments"] = []  # written in lines, not as [...]
        root["deployments"].append({key: own[key] for key in _KEYS if own.get(key) not in (None, {}, [])})
    stream = io.StringIO()
    writer.dump(root, stream)
    _replace_file(path, stream.getvalue())


def _update(node: Any, values: Mapping[str, Any]) -> None:
    """Set keys of a mapping; mappings inside keep what they have of comments."""
    for key, value in values.items():
        if isinstance(value, Mapping) and isinstance(node.get(key), Mapping):
            for gone in [name for name in node[key] if name not in value]:
                del node[key][gone]
            _update(node[key], value)
        elif node.get(key) != value:
            node[key] = value


def _create_writer(text: str) -> YAML:
    """Return a writer that indents lists as a text does."""
    writer = YAML(typ="rt", pure=True)
    writer.preserve_quotes = True
    writer.width = 4096  # long lines are not folded
    if ": null" in text:
        writer.representer.add_representer(type(None), _write_null)
    lines = text.splitlines()
    for line, following in itertools.pairwise(lines):
        if line.startswith("deployments:") and following.lstrip().startswith("- "):
            indent = len(following) - len(following.lstrip())
            writer.indent(mapping=2, sequence=2 + indent, offset=indent)
            break
    return writer


def _write_null(representer: Any, value: None) -> Any:
    return representer.represent_scalar("tag:yaml.org,2002:null", "null")


def _replace_file(path: Path, text: str) -> None:
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.absolute().parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        mode = path.stat().st_mode if path.exists() else 0o644
        os.chmod(name, mode & 0o777)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
