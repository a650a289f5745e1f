"""Flow runs of bundles: created before their bundle is stored, and due once it is.

Until then a run is scheduled for a time after the longest upload. Whoever creates it may die at any moment: the run is
then started at that time by a worker of its pool, which finds no bundle and reports that.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from prefect import _io
from prefect.bundles import creation, storage
from prefect.bundles.launchers import BundleLauncher, convert_step_to_command, resolve_bundle_step_with_launcher
from prefect.context import TagsContext
from prefect.schemas import states
from prefect.types import now

if TYPE_CHECKING:
    from prefect.client.orchestration import PrefectClient
    from prefect.schemas.runs import FlowRun
    from prefect.schemas.work import WorkPool

UPLOAD_WINDOW = timedelta(minutes=30)
"""After which time the run of a bundle is started even though nobody has said that its bundle is stored."""


@dataclass(frozen=True)
class StoredBundle:
    """The place of a run's bundle in the storage of its work pool.

    Attributes:
        key: Its place in the storage.
        upload_step: The step that uploads it.
        execution_command: The command that fetches and executes it, on the infrastructure.
    """

    key: str
    upload_step: dict[str, Any]
    execution_command: str


def find_storage(pool: WorkPool, launcher: BundleLauncher | None) -> StoredBundle | None:
    """Return where a new bundle of a work pool goes; None if the pool has no storage for bundles."""
    steps = pool.storage_configuration
    if not steps.bundle_upload_step or not steps.bundle_execution_step:
        return None
    key = str(uuid4())
    execution_step = resolve_bundle_step_with_launcher(steps.bundle_execution_step, launcher, side="execution")
    return StoredBundle(
        key=key,
        upload_step=resolve_bundle_step_with_launcher(steps.bundle_upload_step, launcher, side="upload"),
        execution_command=shlex.join(convert_step_to_command(execution_step, key)),
    )


async def create_flow_run(
    client: PrefectClient,
    flow: Any,
    parameters: dict[str, Any],
    pool: WorkPool,
    job_variables: Mapping[str, Any],
    parent_task_run_id: UUID | None = None,
) -> FlowRun:
    """Create a run of a flow in a work pool, which is due after the time of an upload."""
    return await client.create_flow_run(
        flow,
        name=flow.format_run_name(parameters) if flow.flow_run_name is not None else None,
        parameters=flow.serialize_parameters(parameters),
        tags=TagsContext.get().current_tags,
        parent_task_run_id=parent_task_run_id,
        state=states.Scheduled(scheduled_time=now() + UPLOAD_WINDOW, message="Its bundle is being prepared."),
        work_pool_name=pool.name,
        job_variables=dict(job_variables),
    )


async def upload(flow: Any, flow_run: FlowRun, parameters: dict[str, Any] | None, place: StoredBundle) -> None:
    """Pack a flow for one of its runs, and upload the bundle.

    Raises:
        BundleError: It cannot be packed or uploaded.
    """
    created = await _io.blocking(create_bundle, flow, flow_run, parameters)
    await storage.aupload_bundle_to_storage(
        created["bundle"],
        place.key,
        convert_step_to_command(place.upload_step, place.key, quiet=True),
        zip_path=created["zip_path"],
        upload_step=place.upload_step,
    )


async def write(flow: Any, flow_run: FlowRun, parameters: dict[str, Any] | None, key: str, directory: Path) -> None:
    """Pack a flow for one of its runs into a directory of this machine."""
    created = await _io.blocking(create_bundle, flow, flow_run, parameters)
    await _io.blocking(storage.write_bundle, created, key, directory)


def create_bundle(flow: Any, flow_run: FlowRun, parameters: dict[str, Any] | None) -> creation.BundleCreationResult:
    """Return a bundle with the current tags and the run's parameters."""
    context: dict[str, Any] = {"tags_context": {"current_tags": set(TagsContext.get().current_tags)}}
    if parameters is not None:
        context[creation.PARAMETERS] = parameters
    return creation.create_bundle_for_flow_run(flow, flow_run, context)


def describe_missing_storage(pool_name: str) -> str:
    """Return what to do about a work pool without a storage for bundles."""
    return (
        f"Storage is not configured for work pool {pool_name!r}. Please configure storage for the work pool by running "
        f"`prefect work-pool storage configure`."
    )
