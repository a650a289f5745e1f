"""Artifacts, variables and logs of runs."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from pydantic import Field

from prefect.schemas.base import ObjectBaseModel, PrefectBaseModel, TimeSeriesBaseModel
from prefect.types._annotated import AwareDateTime, StrictVariableValue
from prefect.types.names import VariableName


class ArtifactContent(PrefectBaseModel):
    """Fields of artifacts, apart from their keys."""

    type: str | None = None
    description: str | None = None
    data: Any = None
    metadata_: dict[str, str] | None = None
    flow_run_id: UUID | None = None
    task_run_id: UUID | None = None


class ArtifactFields(ArtifactContent):
    """Fields of stored and new artifacts."""

    key: str | None = None


class Artifact(ArtifactFields, ObjectBaseModel):
    """An artifact of a run: a table, a text, a link, an image or a progress."""


class ArtifactCollection(ArtifactContent, ObjectBaseModel):
    """The latest artifact of a key."""

    key: str
    latest_id: UUID


class Variable(ObjectBaseModel):
    """A named value, readable by every run."""

    name: VariableName
    value: StrictVariableValue
    tags: list[str] = Field(default_factory=list)


class LogFields(PrefectBaseModel):
    """Fields of stored and new log records. `level` is a number of the standard logging module."""

    name: str
    level: int
    message: str
    timestamp: AwareDateTime
    flow_run_id: UUID | None = None
    task_run_id: UUID | None = None


class Log(LogFields, TimeSeriesBaseModel, ObjectBaseModel):
    """One log record of a run. `level` is a number of the standard logging module."""
