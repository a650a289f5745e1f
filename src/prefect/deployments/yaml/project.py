"""The deployments of a project file, and which of them a command names."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from prefect.deployments.yaml import schema
from prefect.deployments.yaml.document import Document, KeyPath, ProjectFileError, load_document

ACTIONS = ("build", "push", "pull")


@dataclass(frozen=True, kw_only=True)
class DeploymentEntry:
    """A deployment as a project file has it, with what the command line overrides.

    Attributes:
        values: The values of the deployment by key; build, push and pull steps default to those of the project.
        document: The project file; None for a deployment that only the command line names.
        key_path: The key path of the deployment in the file.
        overridden: The keys whose values are from the command line.
    """

    values: Mapping[str, Any]
    document: Document | None = None
    key_path: KeyPath = ()
    overridden: frozenset[str] = field(default_factory=frozenset[str])

    @property
    def name(self) -> str:
        """The name of the deployment; an empty text without one."""
        return str(self.values.get("name") or "")

    def override(self, values: Mapping[str, Any]) -> DeploymentEntry:
        """Return the deployment with other values of some keys."""
        overridden = self.overridden | values.keys()
        return replace(self, values={**self.values, **values}, overridden=overridden)

    def error(self, key_path: Iterable[str | int], message: str) -> ProjectFileError:
        """Return an error about the value at a key path of the deployment, with its line in the file."""
        key_path = tuple(key_path)
        if self.document is None or (key_path and key_path[0] in self.overridden):
            label = f"deployment {self.name!r}: " if self.name else ""
            return ProjectFileError(f"{label}{message}")
        top = key_path and key_path[0] in ACTIONS and key_path[0] not in self._own_keys
        return self.document.error(key_path if top else (*self.key_path, *key_path), message)

    @cached_property
    def _own_keys(self) -> frozenset[str]:
        node: Any = self.document.value if self.document else {}
        for part in self.key_path:
            node = node[part]
        return frozenset(node or ())


@dataclass(frozen=True, kw_only=True)
class Project:
    """A project file.

    Attributes:
        name: The name of the project: as it is written, or that of the directory.
        document: The file; None if there is none.
        entries: Its deployments.
        blank: One without a name and a flow, as a new project has it: the pattern for new deployments.
        actions: The steps that it has for all deployments.
        warnings: What may be a mistake in it.
    """

    name: str
    document: Document | None
    entries: tuple[DeploymentEntry, ...] = ()
    blank: DeploymentEntry | None = None
    actions: Mapping[str, Any] = field(default_factory=dict[str, Any])
    warnings: tuple[str, ...] = ()

    def new_entry(self) -> DeploymentEntry:
        """Return a deployment without a name, with the project's steps."""
        return self.blank or DeploymentEntry(values=dict(self.actions))

    def select(self, patterns: Iterable[str]) -> tuple[list[DeploymentEntry], list[str]]:
        """Return the deployments that patterns name, in the order of the file, and the patterns that name none.

        A pattern is a name, or `flow/deployment`, in which `*` stands for any text.
        """
        patterns = list(patterns)
        matches = {pattern: [entry for entry in self.entries if _matches(entry, pattern)] for pattern in patterns}
        chosen = [entry for entry in self.entries if any(entry in found for found in matches.values())]
        return chosen, [pattern for pattern in patterns if not matches[pattern]]


def load_project(path: Path) -> Project:
    """Read and check a project file. One that is not there is an empty project.

    Raises:
        ProjectFileError: There is a mistake in it.
    """
    default_name = path.absolute().parent.name
    if not path.exists():
        return Project(name=default_name, document=None)
    document = load_document(path)
    schema.check_document(document)
    values: dict[str, Any] = document.value or {}
    actions = {name: values[name] for name in ACTIONS if name in values}
    found = [
        DeploymentEntry(values={**actions, **deployment}, document=document, key_path=("deployments", position))
        for position, deployment in enumerate(values.get("deployments") or ())
    ]
    entries = tuple(entry for entry in found if entry.name or entry.values.get("entrypoint"))
    blank = next((entry for entry in found if entry not in entries), None)
    _check_names(entries)
    return Project(
        name=str(values.get("name") or default_name),
        document=document,
        entries=entries,
        blank=blank,
        actions=actions,
        warnings=tuple(schema.find_misspelt_keys(document)),
    )


def _check_names(entries: Iterable[DeploymentEntry]) -> None:
    """Check that no two deployments of a flow have the same name, for one would overwrite the other."""
    known: dict[tuple[str, str], DeploymentEntry] = {}
    for entry in entries:
        if not entry.name:
            continue
        key = (entry.name, str(entry.values.get("flow_name") or entry.values.get("entrypoint")))
        if key in known:
            assert entry.document is not None
            line, _ = entry.document.locate((*known[key].key_path, "name"))
            raise entry.error(("name",), f"The name {entry.name!r} is used for the same flow in line {line} already.")
        known[key] = entry


def _matches(entry: DeploymentEntry, pattern: str) -> bool:
    flow, slash, name = pattern.rpartition("/")
    if not fnmatch.fnmatchcase(entry.name, name):
        return False
    return not slash or any(fnmatch.fnmatchcase(known, flow) for known in _flow_names(entry))


def _flow_names(entry: DeploymentEntry) -> list[str]:
    """Return the names that the flow of a deployment may have, as far as the file says so."""
    function = str(entry.values.get("entrypoint") or "").replace(":", ".").rpartition(".")[2]
    written = entry.values.get("flow_name")
    return [str(written)] if written else [function, function.replace("_", "-")]
