"""The automations of a deployment's triggers: each runs the deployment when its trigger fires.

An automation is changed only when the trigger is written otherwise; one that somebody has disabled stays so, unless the
trigger says whether it is enabled.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from uuid import UUID

from prefect.deployments.spec import DeploymentSpec

if TYPE_CHECKING:
    from prefect.client.orchestration import PrefectClient
    from prefect.schemas.automations import Automation, AutomationCore

_COMPARED = ("description", "trigger", "actions", "actions_on_trigger", "actions_on_resolve")


async def has_changed_triggers(client: PrefectClient, spec: DeploymentSpec, deployment_id: UUID) -> bool:
    """Return whether the automations of a deployment are not as its triggers say."""
    stored = await client.read_resource_related_automations(_resource_id(deployment_id))
    return not _are_equal(spec, _build_automations(spec, deployment_id), stored)


async def apply_triggers(client: PrefectClient, spec: DeploymentSpec, deployment_id: UUID, is_new: bool) -> None:
    """Replace the automations of a deployment by one automation for each of its triggers."""
    wanted = _build_automations(spec, deployment_id)
    stored: list[Automation] = []
    if not is_new:
        stored = await client.read_resource_related_automations(_resource_id(deployment_id))
        if _are_equal(spec, wanted, stored):
            return
        await client.delete_resource_owned_automations(_resource_id(deployment_id))
    disabled = {each.name for each in stored if not each.enabled}
    for trigger, automation in zip(spec.triggers, wanted, strict=True):
        if automation.name in disabled and "enabled" not in trigger.model_fields_set:
            automation = automation.model_copy(update={"enabled": False})
        await client.create_automation(automation)


def _build_automations(spec: DeploymentSpec, deployment_id: UUID) -> list[AutomationCore]:
    built: list[AutomationCore] = []
    for number, trigger in enumerate(spec.triggers, start=1):
        own = trigger.model_copy()
        own.set_deployment_id(deployment_id)
        automation = own.as_automation()
        if not getattr(trigger, "name", None):
            automation = automation.model_copy(update={"name": f"{_default_name(spec)}{number}"})
        built.append(automation)
    return built


def _default_name(spec: DeploymentSpec) -> str:
    return f"{spec.name}__automation_"


def _are_equal(spec: DeploymentSpec, wanted: list[AutomationCore], stored: Iterable[Automation]) -> bool:
    known = {each.name: each for each in stored}
    for trigger, automation in zip(spec.triggers, wanted, strict=True):
        other = known.pop(automation.name, None)
        if other is None or _compared_fields(automation) != _compared_fields(other):
            return False
        if "enabled" in trigger.model_fields_set and automation.enabled != other.enabled:
            return False
    return not any(name.startswith(_default_name(spec)) for name in known)


def _compared_fields(automation: Any) -> dict[str, Any]:
    dumped = automation.model_dump(mode="json", include=set(_COMPARED), exclude_none=True)
    own = ("name", "description", "enabled", "parameters", "job_variables", "schedule_after")  # of deployment triggers
    dumped["trigger"] = {name: value for name, value in dumped["trigger"].items() if name not in own}
    return _without_ids(dumped)


def _without_ids(value: Any) -> Any:
    """Return a value without the ids of triggers, which each server makes, and with sets in order."""
    if isinstance(value, dict):
        return {name: _without_ids(part) for name, part in value.items() if name != "id"}
    if isinstance(value, list):
        parts = [_without_ids(part) for part in value]
        return sorted(parts) if all(isinstance(part, str) for part in parts) else parts
    return value


def _resource_id(deployment_id: UUID) -> str:
    return f"prefect.deployment.{deployment_id}"
