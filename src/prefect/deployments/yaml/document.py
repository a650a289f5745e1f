"""Reading a YAML file with the line and column of each value."""

from __future__ import annotations

import datetime
import difflib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import yaml
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from prefect.exceptions import PrefectException

KeyPath = tuple[str | int, ...]
"""The keys and list positions that lead from the root of a document to a value."""


class ProjectFileError(PrefectException):
    """A mistake in a project file; the message begins with `file:line:column`."""


def suggest(name: str, known: Iterable[str]) -> str:
    """Return the question, after a space, whether the most similar known name is meant; empty if none is similar."""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.75)
    return f" Did you mean {near[0]!r}?" if near else ""


class Document:
    """A YAML file that was read.

    Attributes:
        path: The file, as the user named it.
        value: Its content, in plain types; times are ISO 8601 text.
    """

    def __init__(self, path: Path, root: Any, value: Any) -> None:
        self.path = path
        self._root = root
        self.value = value

    def error(self, key_path: Sequence[str | int], message: str) -> ProjectFileError:
        """Return an error about the value at a key path."""
        line, column = self.locate(key_path)
        return ProjectFileError(f"{self.path}:{line}:{column}: {message}")

    def locate(self, key_path: Sequence[str | int]) -> tuple[int, int]:
        """Return the line and column, from 1, of a value; of the enclosing value if it is not in the file itself."""
        node, found = self._root, (0, 0)
        for part in key_path:
            position = _find_position(node, part)
            if position is None:
                break
            found = position
            try:
                node = node[part]
            except (KeyError, IndexError, TypeError):
                break
        return found[0] + 1, found[1] + 1


def _find_position(node: Any, part: str | int) -> tuple[int, int] | None:
    """Return the line and column, from 0, of a key of a mapping or an item of a sequence."""
    marks = getattr(node, "lc", None)
    if marks is None or marks.data is None or part not in marks.data:
        return None
    return cast("tuple[int, int]", tuple(marks.data[part][:2]))


def load_document(path: Path) -> Document:
    """Read a file of YAML.

    Raises:
        FileNotFoundError: There is no such file.
        ProjectFileError: It is not YAML.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ProjectFileError(f"{path}:1:1: The file is not UTF-8 text: {error}.") from error
    try:
        # PyYAML reads the values, as it always has for these files (`yes` is true); ruamel.yaml knows where they stand.
        value = yaml.safe_load(text)
        return Document(path, YAML(typ="rt", pure=True).load(text), _to_plain(value))
    except (yaml.MarkedYAMLError, MarkedYAMLError) as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        problem = " ".join(str(error.problem or error.context).split())
        raise ProjectFileError(f"{path}:{line}:{column}: This is not valid YAML: {problem}.") from error
    except (yaml.YAMLError, YAMLError, ValueError) as error:
        problem = " ".join(str(error).split())
        raise ProjectFileError(f"{path}:1:1: This is not valid YAML: {problem}.") from error


def _to_plain(value: Any) -> Any:
    """Return a value as JSON has it: times are text."""
    if isinstance(value, Mapping):
        items = cast("Mapping[Any, Any]", value).items()
        return {str(key): _to_plain(item) for key, item in items}
    if isinstance(value, list | tuple | set):
        return [_to_plain(item) for item in cast("list[Any]", value)]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return value.isoformat() if isinstance(value, datetime.date | datetime.time) else str(value)
