"""Triggers of deployments become automations that belong to them."""

from __future__ import annotations

from pathlib import Path

from prefect.client.orchestration import get_client
from prefect.events import DeploymentCompoundTrigger, DeploymentEventTrigger
from prefect.events.deployment_triggers import replace_deployment_triggers
from prefect.types import new_id


async def test_triggers_of_a_deployment_replace_those_of_before(home: Path) -> None:
    event = {"expect": ["paid"], "parameters": {"who": "{{ event.resource.id }}"}, "schedule_after": 60}
    first = DeploymentEventTrigger.model_validate(event)
    both = DeploymentCompoundTrigger.model_validate(
        {"name": "both", "require": "all", "within": 60, "enabled": False, "triggers": [{"expect": ["a"]}] * 2}
    )
    async with get_client() as client:
        flow_id = await client.create_flow_from_name("etl")
        deployment_id = await client.create_deployment(flow_id, "daily")
        resource = f"prefect.deployment.{deployment_id}"
        await replace_deployment_triggers(client, deployment_id, "daily", [first, both])
        one, other = await client.read_resource_related_automations(resource)
        assert {one.name, other.name} == {"both", "daily__automation_1"}
        made = one if one.name != "both" else other
        (action,) = made.actions
        assert (action.deployment_id, action.parameters) == (deployment_id, event["parameters"])  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
        await replace_deployment_triggers(client, deployment_id, "daily", [both])
        assert [found.name for found in await client.read_resource_related_automations(resource)] == ["both"]
        await replace_deployment_triggers(client, new_id(), "other", [first])
        await client.delete_deployment(deployment_id)
        assert await client.read_resource_related_automations(resource) == []
        assert len(await client.read_automations()) == 1
