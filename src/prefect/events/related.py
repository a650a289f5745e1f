"""What else an event is about: the run that the code is in, its flow, deployment, work queue, work pool and tags."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeAlias

from prefect.context import FlowRunContext, TaskRunContext
from prefect.exceptions import ObjectNotFound
from prefect.schemas.base import ObjectBaseModel
from prefect.schemas.events import RelatedResource
from prefect.types import now

if TYPE_CHECKING:
    from prefect.client.orchestration import PrefectClient

ResourceCacheEntry: TypeAlias = dict[str, str | ObjectBaseModel | None]
"""The kind and the role of an object, and the object."""
RelatedResourceCache: TypeAlias = dict[str, tuple[ResourceCacheEntry, datetime]]

MAX_CACHE_SIZE = 100
RESOURCE_CACHE: RelatedResourceCache = {}
"""What was asked for lately, by kind and id, and when: a run's events are all about the same objects."""


def tags_as_related_resources(tags: Iterable[str]) -> list[RelatedResource]:
    """Tags as resources of an event, in the order of the alphabet."""
    return [
        RelatedResource({"prefect.resource.id": f"prefect.tag.{tag}", "prefect.resource.role": "tag"})
        for tag in sorted(tags)
    ]


def object_as_related_resource(kind: str, role: str, object: Any) -> RelatedResource:
    """An object of the API as a resource of an event.

    Args:
        kind: What it is, for instance `"flow-run"`.
        role: How it is involved.
        object: The object: what has an `id`, and perhaps a `name`.
    """
    labels = {"prefect.resource.id": f"prefect.{kind}.{object.id}", "prefect.resource.role": role}
    name = getattr(object, "name", None)
    return RelatedResource({**labels, "prefect.resource.name": name} if name else labels)


async def related_resources_from_run_context(
    client: PrefectClient, exclude: set[str] | None = None
) -> list[RelatedResource]:
    """The resources that the run which the code is in is about; none outside of a run.

    Args:
        client: Asks for what the run itself does not know.
        exclude: Ids of resources to leave out.
    """
    flow_run, task_run = current_runs()
    if flow_run is None and task_run is None:
        return []
    found = [resource async for resource in _read_related(client, flow_run, task_run)]
    tags = {tag for run in (flow_run, task_run) if run is not None for tag in run.tags}
    left_out = exclude or set()
    return [resource for resource in (*found, *tags_as_related_resources(tags)) if resource.id not in left_out]


def current_runs() -> tuple[Any, Any]:
    """The flow run and the task run that the code is in, or None for each."""
    flow, task = FlowRunContext.get(), TaskRunContext.get()
    return flow and flow.flow_run, task and task.task_run


async def _read_related(client: PrefectClient, flow_run: Any, task_run: Any) -> AsyncIterator[RelatedResource]:
    if flow_run is not None:
        yield object_as_related_resource("flow-run", "flow-run", flow_run)
    if task_run is not None:
        yield object_as_related_resource("task-run", "task-run", task_run)
    if flow_run is None:
        return
    context = FlowRunContext.get()
    flow_name = context.flow.name if context is not None and context.flow is not None else None
    flow = {"prefect.resource.id": f"prefect.flow.{flow_run.flow_id}", "prefect.resource.role": "flow"}
    yield RelatedResource({**flow, "prefect.resource.name": flow_name} if flow_name else flow)
    for kind, key, read in (
        ("deployment", flow_run.deployment_id, client.read_deployment),
        ("work-queue", getattr(flow_run, "work_queue_id", None), client.read_work_queue),
        ("work-pool", getattr(flow_run, "work_pool_name", None), client.read_work_pool),
    ):
        known = await _read_cached(kind, key, read)
        if known is not None:
            yield object_as_related_resource(kind, kind, known)


async def _read_cached(kind: str, key: Any, read: Any) -> Any:
    if key is None:
        return None
    entry = RESOURCE_CACHE.get(f"{kind}.{key}")
    if entry is None:
        try:
            known = await read(key)
        except ObjectNotFound:
            known = None
        entry = RESOURCE_CACHE[f"{kind}.{key}"] = ({"kind": kind, "role": kind, "object": known}, now())
        if len(RESOURCE_CACHE) > MAX_CACHE_SIZE:
            RESOURCE_CACHE.pop(min(RESOURCE_CACHE, key=lambda name: RESOURCE_CACHE[name][1]), None)
    return entry[0]["object"]
