"""Events of a runner about the flow runs that it runs."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import prefect
from prefect._lazy import lazy_from
from prefect.exceptions import ObjectNotFound
from prefect.types.names import slugify

if TYPE_CHECKING:
    from prefect.client.orchestration import PrefectClient
    from prefect.events import related
    from prefect.events import utilities as events
    from prefect.schemas.events import RelatedResource
    from prefect.schemas.runs import FlowRun
else:
    events, related = lazy_from("prefect.events", "utilities", "related")

logger = logging.getLogger("prefect.runner")

_VERSION_LABELS = {"type": "version-type", "version": "version", "branch": "branch", "base": "base", "root": "root"}
"""Labels of a deployment, by the fields of its version."""


async def emit_cancelled(runner_name: str, flow_run: FlowRun, client: PrefectClient) -> None:
    """Emit that a runner has cancelled a flow run."""
    try:
        resources = await _find_related(flow_run, client)
    except Exception as error:
        logger.warning(
            "The event of the cancellation of the flow run %r could not be emitted: %s", flow_run.name, error
        )
        return
    resource = {
        "prefect.resource.id": f"prefect.runner.{slugify(runner_name)}",
        "prefect.resource.name": runner_name,
        "prefect.version": prefect.__version__,
    }
    events.emit_event("prefect.runner.cancelled-flow-run", resource, related=resources)


async def _find_related(flow_run: FlowRun, client: PrefectClient) -> list[RelatedResource]:
    tags = set(flow_run.tags)
    found: list[RelatedResource] = []
    if flow_run.deployment_id is not None:
        try:
            deployment = await client.read_deployment(flow_run.deployment_id)
            flow = await client.read_flow(flow_run.flow_id)
        except ObjectNotFound:  # deleted while it ran
            pass
        else:
            tags |= {*deployment.tags, *flow.tags}
            found = [
                _describe_deployment(deployment),
                related.object_as_related_resource("flow", "flow", flow),
            ]
    run = related.object_as_related_resource("flow-run", "flow-run", flow_run)
    return [*found, run, *related.tags_as_related_resources(tags)]


def _describe_deployment(deployment: Any) -> RelatedResource:
    resource = related.object_as_related_resource("deployment", "deployment", deployment)
    version = deployment.version_info.model_dump() if deployment.version_info is not None else {}
    for field, label in _VERSION_LABELS.items():
        if version.get(field):
            resource.root[f"prefect.deployment.{label}"] = str(version[field])
    return resource
