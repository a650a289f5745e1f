"""Specifications of deployments, as their authors wrote them: frozen values, without a client or a file format."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from prefect.schemas.actions import DeploymentScheduleCreate
from prefect.schemas.concurrency import ConcurrencyOptions
from prefect.schemas.deployments import VersionInfo

NO_PARAMETERS: dict[str, Any] = {"type": "object", "properties": {}}
"""The schema of a flow without parameters."""


@dataclass(frozen=True, kw_only=True)
class ScheduleSpec:
    """A schedule of a deployment.

    Attributes:
        schedule: When it makes runs, the parameters of these, and its slug.
        sets_active: Whether the author has said if it is active; otherwise a schedule that was paused stays paused.
    """

    schedule: DeploymentScheduleCreate
    sets_active: bool = True


@dataclass(frozen=True, kw_only=True)
class DeploymentSpec:
    """A deployment. A field that is None was left open: a new one has the default then, another one keeps what it has.

    Attributes:
        flow_name: The name of its flow.
        name: Its own name.
        entrypoint: Which flow it is: `"path/to/file.py:function"` or `"package.module.function"`.
        path: The directory of its code, which the entrypoint is relative to.
        pull_steps: How the code is fetched where it runs.
        parameter_schema: The JSON schema of its parameters.
        parameters: Arguments of its runs, by name.
        enforce_parameter_schema: Whether the arguments of a run must satisfy the schema.
        schedules: When it runs by itself.
        paused: Whether its schedules make no runs.
        concurrency_limit: How many of its runs may run at the same time.
        concurrency_options: What happens to a run beyond that.
        work_pool_name: The work pool whose workers run it.
        work_queue_name: The queue in that pool.
        job_variables: What the pool's job template is filled with.
        tags: Tags of its runs.
        description: What it is for.
        version: The version of its code.
        version_info: Where that version comes from.
        triggers: Triggers of `prefect.events` that start it.
        labels: What a new one is labelled with.
    """

    flow_name: str
    name: str
    entrypoint: str | None = None
    path: str | None = None
    pull_steps: tuple[Mapping[str, Any], ...] | None = None
    parameter_schema: Mapping[str, Any] = field(default_factory=lambda: NO_PARAMETERS)
    parameters: Mapping[str, Any] = field(default_factory=dict[str, Any])
    enforce_parameter_schema: bool = True
    schedules: tuple[ScheduleSpec, ...] | None = None
    paused: bool | None = None
    concurrency_limit: int | None = None
    concurrency_options: ConcurrencyOptions | None = None
    work_pool_name: str | None = None
    work_queue_name: str | None = None
    job_variables: Mapping[str, Any] = field(default_factory=dict[str, Any])
    tags: tuple[str, ...] = ()
    description: str | None = None
    version: str | None = None
    version_info: VersionInfo | None = None
    triggers: tuple[Any, ...] = ()
    storage_document_id: UUID | None = None
    labels: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def full_name(self) -> str:
        """The name by which people call it: `"flow/deployment"`."""
        return f"{self.flow_name}/{self.name}"

    def build_fields(self) -> dict[str, Any]:
        """Return what the API stores of it besides its schedules and triggers, without what was left open."""
        fields: dict[str, Any] = {
            "version": self.version,
            "version_info": self.version_info,
            "description": self.description,
            "tags": list(self.tags),
            "parameters": dict(self.parameters),
            "parameter_openapi_schema": dict(self.parameter_schema),
            "enforce_parameter_schema": self.enforce_parameter_schema,
            "paused": self.paused,
            "concurrency_limit": self.concurrency_limit,
            "concurrency_options": self.concurrency_options,
            "work_pool_name": self.work_pool_name,
            "work_queue_name": self.work_queue_name,
            "job_variables": dict(self.job_variables),
            "path": self.path,
            "entrypoint": self.entrypoint,
            "pull_steps": None if self.pull_steps is None else [dict(step) for step in self.pull_steps],
            "storage_document_id": self.storage_document_id,
        }
        return {name: value for name, value in fields.items() if value is not None}
