"""Artifacts: markdown, tables, links, images and progress attached to runs.

An artifact is a journal record, so creating one takes microseconds and does no I/O. It has the ids of the current runs,
or none outside of a run. Artifacts with the same `key` are versions of each other. The classes are in
`prefect.artifacts.models`, which is imported at first use.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from uuid import UUID

from prefect import _warnings, journal, outbox
from prefect._io import twin
from prefect._lazy import exports, lazy_from
from prefect.logging._identity import run_identity
from prefect.types import new_id, now

if TYPE_CHECKING:
    from prefect.artifacts.models import Artifact as Artifact
    from prefect.artifacts.models import ImageArtifact as ImageArtifact
    from prefect.artifacts.models import LinkArtifact as LinkArtifact
    from prefect.artifacts.models import MarkdownArtifact as MarkdownArtifact
    from prefect.artifacts.models import ProgressArtifact as ProgressArtifact
    from prefect.artifacts.models import TableArtifact as TableArtifact
    from prefect.client.orchestration import PrefectClient
    from prefect.client.schemas.actions import ArtifactCreate as ArtifactRequest  # noqa: F401
    from prefect.client.schemas.actions import ArtifactUpdate as ArtifactUpdate
    from prefect.client.schemas.filters import ArtifactFilter as ArtifactFilter
    from prefect.client.schemas.filters import ArtifactFilterKey as ArtifactFilterKey
    from prefect.client.schemas.objects import Artifact as ArtifactResponse  # noqa: F401
    from prefect.client.schemas.sorting import ArtifactSort as ArtifactSort
    from prefect.events import utilities as events
    from prefect.logging import loggers
    from prefect.schemas import run_events
    from prefect.schemas.actions import objects as actions
    from prefect.types import names
else:
    actions, events, loggers = lazy_from("prefect", "schemas.actions.objects", "events.utilities", "logging.loggers")
    names, run_events = lazy_from("prefect", "types.names", "schemas.run_events")

Table = dict[str, list[Any]] | list[dict[str, Any]] | list[list[Any]]


_EXPORTS = {
    "prefect.artifacts.models": "Artifact ImageArtifact LinkArtifact MarkdownArtifact ProgressArtifact TableArtifact",
    "prefect.client.schemas.actions": "ArtifactRequest=ArtifactCreate ArtifactUpdate",
    "prefect.client.schemas.filters": "ArtifactFilter ArtifactFilterKey",
    "prefect.client.schemas.objects": "ArtifactResponse=Artifact",
    "prefect.client.schemas.sorting": "ArtifactSort",
}

__getattr__, __dir__ = exports(__name__, _EXPORTS)


async def acreate_link_artifact(
    link: str,
    link_text: str | None = None,
    key: str | None = None,
    description: str | None = None,
    client: PrefectClient | None = None,
) -> UUID:
    """Create a link artifact and return its id.

    Args:
        link: URL of the link.
        link_text: Text of the link; the URL if None.
        key: Key shared by all versions: lowercase letters, digits and dashes.
        description: Description in Markdown.
        client: Client to send the artifact with, instead of the journal.

    Raises:
        ValueError: The key has other characters, or a value is of a wrong type.
    """
    _check_text("link", link)
    fields: dict[str, Any] = {
        "type": "markdown",
        "key": key,
        "description": description,
        "data": format_link(link, link_text),
    }
    if client is None:
        return record_artifact(**fields)
    id_ = (await client.create_artifact(actions.ArtifactCreate(**fields, **get_run_ids()))).id
    emit_created(id_, fields)
    return id_


async def acreate_markdown_artifact(markdown: str, key: str | None = None, description: str | None = None) -> UUID:
    """Create a Markdown artifact and return its id; `key` and `description` as in `create_link_artifact`."""
    _check_text("markdown", markdown)
    return record_artifact("markdown", key, description, markdown)


async def acreate_table_artifact(table: Table, key: str | None = None, description: str | None = None) -> UUID:
    """Create a table artifact and return its id.

    Args:
        table: Rows as dictionaries or lists, or columns as a dictionary of lists. NaN becomes null.
        key: Key shared by all versions: lowercase letters, digits and dashes.
        description: Description in Markdown.

    Raises:
        ValueError: The key has other characters, or a value is of a wrong type.
    """
    return record_artifact("table", key, description, format_table(table))


async def acreate_progress_artifact(progress: float, key: str | None = None, description: str | None = None) -> UUID:
    """Create a progress artifact and return its id, to be passed to `update_progress_artifact`.

    Args:
        progress: Percentage from 0 to 100; other values are clamped with a warning.
        key: Key shared by all versions: lowercase letters, digits and dashes.
        description: Description in Markdown.

    Raises:
        ValueError: The key has other characters, or a value is of a wrong type.
    """
    return record_artifact("progress", key, description, clamp_progress(progress))


async def aupdate_progress_artifact(
    artifact_id: UUID, progress: float, description: str | None = None, client: PrefectClient | None = None
) -> UUID:
    """Update a progress artifact and return its id.

    Args:
        artifact_id: Id returned by `create_progress_artifact`; its existence is not checked.
        progress: Percentage from 0 to 100; other values are clamped with a warning.
        description: New description in Markdown; unchanged if None.
        client: Client to send the update with, instead of the journal.

    Raises:
        ValueError: A value is of a wrong type.
    """
    artifact_id = _parse_id(artifact_id)
    values: dict[str, Any] = {"data": clamp_progress(progress)}
    if description is not None:
        values["description"] = description
    if client is not None:
        await client.update_artifact(artifact_id, actions.ArtifactUpdate(**values))
        _emit("updated", artifact_id, None, values)
    else:
        _append({"kind": "update", "of": "artifact", "id": artifact_id, "set": values, "at": now()})
    return artifact_id


async def acreate_image_artifact(image_url: str, key: str | None = None, description: str | None = None) -> UUID:
    """Create an image artifact from a public URL and return its id; `key` and `description` as for a link."""
    _check_text("image_url", image_url)
    return record_artifact("image", key, description, image_url)


create_link_artifact = twin(acreate_link_artifact)
create_markdown_artifact = twin(acreate_markdown_artifact)
create_table_artifact = twin(acreate_table_artifact)
create_progress_artifact = twin(acreate_progress_artifact)
update_progress_artifact = twin(aupdate_progress_artifact)
create_image_artifact = twin(acreate_image_artifact)


# --- formats ---------------------------------------------------------------------------------------------------------


def format_link(link: str, link_text: str | None) -> str:
    """Format a link as Markdown."""
    return f"[{link_text or link}]({link})"


def format_table(table: Table) -> str:
    """Serialize a table to JSON.

    Raises:
        ValueError: It is no table.
    """
    rows: Any = table.values() if isinstance(table, dict) else table
    row_types = (list, tuple) if isinstance(table, dict) else (dict, list, tuple)
    if not isinstance(table, (dict, list, tuple)) or not all(isinstance(row, row_types) for row in rows):
        raise ValueError("A table must be a list of rows (dictionaries or lists), or a dictionary of columns (lists).")
    return json.dumps(_without_nan(table), default=str)


def _without_nan(value: Any) -> Any:
    if isinstance(value, float):
        return None if math.isnan(value) else value
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_nan(item) for item in value]
    return value


def _check_text(name: str, value: object) -> None:
    if not isinstance(value, str):
        raise ValueError(f"`{name}` of an artifact must be a string, not {value!r}.")


def _parse_id(artifact_id: object) -> UUID:
    """Return the id of an artifact, which may be text."""
    if isinstance(artifact_id, UUID):
        return artifact_id
    try:
        return UUID(str(artifact_id))
    except ValueError:
        raise ValueError(f"`artifact_id` must be the id of an artifact, a UUID, not {artifact_id!r}.") from None


def clamp_progress(progress: float) -> float:
    """Clamp a percentage to 0 to 100, with a warning.

    Raises:
        ValueError: It is no number.
    """
    try:
        progress = float(progress)
    except (TypeError, ValueError):
        progress = math.nan
    if math.isnan(progress):
        raise ValueError("The progress of an artifact must be a number, from 0 to 100.")
    cut = min(max(progress, 0.0), 100.0)
    if cut != progress:
        loggers.get_logger("artifacts").warning("A progress of %s%% was clamped to %s%%.", progress, cut)
    return cut


# --- recording -------------------------------------------------------------------------------------------------------


def record_artifact(type: str | None, key: str | None, description: str | None, data: Any, **extra_fields: Any) -> UUID:
    """Record an artifact of the current runs, or of the run ids in `extra_fields`, and return its id."""
    if key is not None:
        names.raise_on_name_alphanumeric_dashes_only(key, field_name="Artifact key")
    id_ = new_id()
    fields = {"key": key, "type": type, "description": description, "data": data}
    entry = {"kind": "artifact", "id": id_, **get_run_ids(), **fields, **extra_fields, "created": now()}
    warn_outside_of_runs(entry)
    _append(entry)
    return id_


def warn_outside_of_runs(artifact: dict[str, Any]) -> None:
    """Warn about an artifact that belongs to no run."""
    if artifact["flow_run_id"] is None and artifact["task_run_id"] is None:
        _warnings.warn(
            "Artifact creation outside of a flow or task run is deprecated: create it in a flow or task.", FutureWarning
        )


def get_run_ids() -> dict[str, Any]:
    """Return the ids of the current flow run and task run."""
    identity = run_identity.get()
    if identity is None:
        return {"flow_run_id": None, "task_run_id": None}
    return {"flow_run_id": identity.flow_run_id, "task_run_id": identity.task_run_id}


def _append(entry: dict[str, Any]) -> None:
    # Outside of a run the journal may not be open yet.
    (journal.current() or outbox.use_journal()).append(entry)


# --- events of artifacts that no record announces --------------------------------------------------------------------


def emit_created(id: UUID, fields: Mapping[str, Any]) -> None:
    """Emit that a client has created an artifact. Artifacts of the journal have their events from their records."""
    _emit("created", id, fields["key"], {name: fields[name] for name in ("key", "type", "description")})


def _emit(change: str, id: UUID, key: str | None, payload: dict[str, Any]) -> None:
    event = run_events.build_artifact_event(change, str(id), key, payload, [])
    events.emit_event(event["event"], event["resource"], payload=payload)
