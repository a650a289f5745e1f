"""Related resources of an event: the current runs, their flow, deployment, work queue, work pool and tags."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeAlias
from uuid import UUID

from prefect.events.current_runs import CurrentRuns, find_current_runs
from prefect.exceptions import ObjectNotFound
from prefect.schemas.base import ObjectBaseModel
from prefect.schemas.events import RelatedResource
from prefect.types import now

if TYPE_CHECKING:
    from prefect.client.orchestration import PrefectClient

logger = logging.getLogger("prefect.events")

ResourceCacheEntry: TypeAlias = dict[str, str | ObjectBaseModel | None]
"""Kind, role and object of a cached resource."""
RelatedResourceCache: TypeAlias = dict[str, tuple[ResourceCacheEntry, datetime]]

MAX_CACHE_SIZE = 100
RESOURCE_CACHE: RelatedResourceCache = {}
"""Recently read objects by kind and id: the events of a run share their related resources."""


def tags_as_related_resources(tags: Iterable[str]) -> list[RelatedResource]:
    """Convert tags to related resources, sorted."""
    return [
        RelatedResource({"prefect.resource.id": f"prefect.tag.{tag}", "prefect.resource.role": "tag"})
        for tag in sorted(tags)
    ]


def object_as_related_resource(kind: str, role: str, object: Any) -> RelatedResource:
    """Convert an API object to a related resource.

    Args:
        kind: Kind of the object, for example `"flow-run"`.
        role: Role of the resource.
        object: Object with an `id` and optionally a `name`.
    """
    labels = {"prefect.resource.id": f"prefect.{kind}.{object.id}", "prefect.resource.role": role}
    name = getattr(object, "name", None)
    return RelatedResource({**labels, "prefect.resource.name": name} if name else labels)


async def related_resources_from_run_context(
    client: PrefectClient | None, exclude: set[str] | None = None
) -> list[RelatedResource]:
    """Return the related resources of the current runs; none outside of a run.

    Args:
        client: Reads the objects that the run only references; those that cannot be read have no names, and without a
            client none of those that are not known yet.
        exclude: Ids of resources to omit.
    """
    runs = find_current_runs()
    if runs.flow_run is None and runs.task_run is None:
        return []
    found = [resource async for resource in _read_related(client, runs)]
    tags = {tag for run in (runs.flow_run, runs.task_run) if run is not None for tag in run.tags}
    left_out = exclude or set()
    return [resource for resource in (*found, *tags_as_related_resources(tags)) if resource.id not in left_out]


def has_references() -> bool:
    """Return whether the current flow run references objects that must be read: a deployment, a queue, a pool."""
    run = find_current_runs().flow_run
    return run is not None and any(getattr(run, name, None) is not None for name in _REFERENCES)


_REFERENCES = ("deployment_id", "work_queue_id", "work_pool_name")


async def _read_related(client: PrefectClient | None, runs: CurrentRuns) -> AsyncIterator[RelatedResource]:
    flow_run, task_run, flow_name = runs
    if flow_run is not None:
        yield object_as_related_resource("flow-run", "flow-run", flow_run)
    if task_run is not None:
        yield object_as_related_resource("task-run", "task-run", task_run)
    if flow_run is None:
        return
    flow = {"prefect.resource.id": f"prefect.flow.{flow_run.flow_id}", "prefect.resource.role": "flow"}
    yield RelatedResource({**flow, "prefect.resource.name": flow_name} if flow_name else flow)
    for kind, key, read in (
        ("deployment", flow_run.deployment_id, client and client.read_deployment),
        ("work-queue", getattr(flow_run, "work_queue_id", None), client and client.read_work_queue),
        ("work-pool", getattr(flow_run, "work_pool_name", None), client and client.read_work_pool),
    ):
        try:
            known = await _read_cached(kind, key, read)
        except Exception as error:
            logger.debug("The %s %s could not be read for an event: %s", kind, key, error)
            known = key if isinstance(key, UUID) else None
        if isinstance(known, UUID):  # its name is not known
            yield RelatedResource({"prefect.resource.id": f"prefect.{kind}.{known}", "prefect.resource.role": kind})
        elif known is not None:
            yield object_as_related_resource(kind, kind, known)


async def _read_cached(kind: str, key: Any, read: Any) -> Any:
    if key is None:
        return None
    entry = RESOURCE_CACHE.get(f"{kind}.{key}")
    if entry is None:
        if read is None:
            return key if isinstance(key, UUID) else None
        try:
            known = await read(key)
        except ObjectNotFound:
            known = None
        entry = RESOURCE_CACHE[f"{kind}.{key}"] = ({"kind": kind, "role": kind, "object": known}, now())
        if len(RESOURCE_CACHE) > MAX_CACHE_SIZE:
            RESOURCE_CACHE.pop(min(RESOURCE_CACHE, key=lambda name: RESOURCE_CACHE[name][1]), None)
    return entry[0]["object"]
