"""The triggers of a deployment become automations that belong to it."""

from __future__ import annotations

from pathlib import Path

from prefect.client.orchestration import get_client
from prefect.deployments.spec import DeploymentSpec
from prefect.deployments.triggers import apply_triggers
from prefect.events import DeploymentCompoundTrigger, DeploymentEventTrigger, RunDeployment


async def test_apply_triggers_replaces_the_automations_of_its_deployment_only(home: Path) -> None:
    event = {"expect": ["paid"], "parameters": {"who": "{{ event.resource.id }}"}, "schedule_after": 60}
    first = DeploymentEventTrigger.model_validate(event)
    both = DeploymentCompoundTrigger.model_validate(
        {"name": "both", "require": "all", "within": 60, "enabled": False, "triggers": [{"expect": ["a"]}] * 2}
    )
    spec = DeploymentSpec(flow_name="etl", name="daily", triggers=(first, both))
    other = DeploymentSpec(flow_name="etl", name="other", triggers=(first,))
    async with get_client() as client:
        flow_id = await client.create_flow_from_name("etl")
        daily_id, other_id = [await client.create_deployment(flow_id, name) for name in ("daily", "other")]
        resource = f"prefect.deployment.{daily_id}"
        await apply_triggers(client, other, other_id, is_new=True)
        await apply_triggers(client, spec, daily_id, is_new=True)
        stored = {each.name: each for each in await client.read_resource_related_automations(resource)}
        assert {name: each.enabled for name, each in stored.items()} == {"both": False, "daily__automation_1": True}
        (action,) = stored["daily__automation_1"].actions
        assert isinstance(action, RunDeployment)
        assert (action.deployment_id, action.parameters) == (daily_id, event["parameters"])
        only_both = DeploymentSpec(flow_name="etl", name="daily", triggers=(both,))
        await apply_triggers(client, only_both, daily_id, is_new=False)
        assert [each.name for each in await client.read_resource_related_automations(resource)] == ["both"]
        await client.delete_deployment(daily_id)
        assert [each.name for each in await client.read_automations()] == ["other__automation_1"]
