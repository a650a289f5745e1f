"""The triggers of deployments as automations that belong to them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from prefect.client.orchestration import PrefectClient
    from prefect.schemas.automations import AutomationCore, Trigger


def build_automations(triggers: Iterable[Trigger], deployment_id: UUID, deployment_name: str) -> list[AutomationCore]:
    """Return the automations that run a deployment when one of its triggers fires.

    Args:
        triggers: The triggers, as `prefect.events.DeploymentEventTrigger`; they are not changed.
        deployment_id: The deployment.
        deployment_name: Its name, of which that of an automation is made whose trigger has none.
    """
    automations: list[AutomationCore] = []
    for number, trigger in enumerate(triggers):
        own = trigger.model_copy()
        own.set_deployment_id(deployment_id)
        automation = own.as_automation()
        if not getattr(own, "name", None):
            automation = automation.model_copy(update={"name": f"{deployment_name}__automation_{number + 1}"})
        automations.append(automation)
    return automations


async def replace_deployment_triggers(
    client: PrefectClient, deployment_id: UUID, deployment_name: str, triggers: Iterable[Trigger]
) -> None:
    """Make automations of the triggers of a deployment, in place of those that it owns.

    Args:
        client: The client, async or embedded.
        deployment_id: The deployment.
        deployment_name: Its name.
        triggers: All its triggers.
    """
    # All are built first: a trigger that is not valid leaves those of before.
    automations = build_automations(triggers, deployment_id, deployment_name)
    await client.delete_resource_owned_automations(f"prefect.deployment.{deployment_id}")
    for automation in automations:
        await client.create_automation(automation)
