"""Plans of a deployment of a project file: what it would change, and applying them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from prefect.deployments import changes, triggers
from prefect.deployments.changes import DeploymentChange
from prefect.deployments.spec import DeploymentSpec
from prefect.deployments.yaml.preparation import PROJECT_LABEL, PreparedDeployment
from prefect.values import templates

if TYPE_CHECKING:
    from uuid import UUID

    from prefect.client.orchestration import PrefectClient
    from prefect.schemas.responses import DeploymentResponse

HIDDEN = "********"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The changes of one deployment.

    Attributes:
        change: The change of the deployment and its schedules.
        changes_triggers: Whether its automations would change.
        hidden: The fields whose values come from blocks, and are not shown.
    """

    change: DeploymentChange
    changes_triggers: bool
    hidden: frozenset[str]

    @property
    def action(self) -> str:
        """The action that would be taken: `create`, `update` or `unchanged`."""
        if self.change.before is None:
            return "create"
        return "unchanged" if self.change.is_empty and not self.changes_triggers else "update"

    def describe(self) -> dict[str, Any]:
        """Return the plan as JSON values."""
        fields = {
            name: {"before": self._show(name, before), "after": self._show(name, after)}
            for name, (before, after) in self.change.fields.items()
        }
        return {
            "name": self.change.spec.full_name,
            "action": self.action,
            "fields": fields,
            "schedules": [_describe_schedule(each) for each in self.change.schedules],
            "triggers": self.changes_triggers,
        }

    def _show(self, name: str, value: Any) -> Any:
        if value is not None and name in self.hidden:
            return HIDDEN
        dump = getattr(value, "model_dump", None)
        return dump(mode="json") if dump is not None else value


async def plan(client: PrefectClient, prepared: PreparedDeployment, spec: DeploymentSpec) -> Plan:
    """Return what would change for a deployment to be as the file says.

    A text with the output of a step that has not run counts as changed only if its other parts are.
    """
    before = await changes.find_deployment(client, spec.flow_name, spec.name)
    change = changes.plan_change(spec, before)
    if before is not None:
        fields = {name: values for name, values in change.fields.items() if not _fits(values[1], values[0])}
        if before.version_info is None:
            fields.pop("version_info", None)  # only Prefect Cloud keeps it
        change = replace(change, fields=fields)
        changes_triggers = await triggers.has_changed_triggers(client, spec, before.id)
    else:
        changes_triggers = bool(spec.triggers)
    return Plan(change=change, changes_triggers=changes_triggers, hidden=_find_hidden_fields(prepared))


async def find_removed(client: PrefectClient, project: str, kept: Iterable[str]) -> dict[str, UUID]:
    """Return the deployments that were deployed from a project and that it no longer has: full name to id.

    Args:
        client: Reads the deployments.
        project: The name of the project.
        kept: The full names of its deployments.
    """
    found: list[DeploymentResponse] = []
    while page := await client.read_deployments(offset=len(found), limit=200):
        found += page
        if len(page) < 200:
            break
    owned = [each for each in found if each.labels.get(PROJECT_LABEL) == project]
    names = {f"{(await client.read_flow(each.flow_id)).name}/{each.name}": each.id for each in owned}
    return {name: id_ for name, id_ in names.items() if name not in set(kept)}


def _find_hidden_fields(prepared: PreparedDeployment) -> frozenset[str]:
    """Return the fields with values of blocks, which were filled already."""
    written = prepared.written.values
    return frozenset(name for name, value in written.items() if "prefect.blocks." in json.dumps(value, default=str))


def _fits(template: Any, value: Any) -> bool:
    """Return whether a value could be the filled template."""
    if isinstance(template, str):
        placeholders = templates.find_placeholders(template)
        if not placeholders:
            return template == value
        pattern = re.escape(template)
        for placeholder in placeholders:
            pattern = pattern.replace(re.escape(placeholder.full_match), ".*")
        return template in {placeholder.full_match for placeholder in placeholders} or bool(
            isinstance(value, str) and re.fullmatch(pattern, value, re.DOTALL)
        )
    if isinstance(template, Mapping) and isinstance(value, Mapping):
        return template.keys() == value.keys() and all(_fits(template[key], value[key]) for key in template)
    if isinstance(template, list | tuple) and isinstance(value, list | tuple):
        return len(template) == len(value) and all(map(_fits, template, value))
    return template == value


def _describe_schedule(change: Any) -> dict[str, Any]:
    schedule = change.after or change.before
    action = "create" if change.before is None else "delete" if change.after is None else "update"
    described = {"action": action, "slug": schedule.slug, "schedule": schedule.schedule.model_dump(mode="json")}
    return {**described, **({"fields": sorted(change.fields)} if change.fields else {})}
