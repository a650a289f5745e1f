"""Automations and service levels, as the client reads and changes them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from uuid import UUID

from prefect._lazy import lazy_from
from prefect.client.orchestration import base
from prefect.exceptions import ObjectNotFound

if TYPE_CHECKING:
    from prefect.schemas import automations, event_filters, responses, sorting
    from prefect.schemas.automations import Automation, AutomationCore
else:
    automations, event_filters, responses = lazy_from("prefect.schemas", "automations", "event_filters", "responses")


class AutomationAsyncClient(base.BaseAsyncClient):
    """Operations on automations."""

    async def create_automation(self, automation: AutomationCore) -> UUID:
        """Create an automation and return its id."""
        return base.parse_id((await self._call("POST", "/automations/", _dump_with_defaults(automation)))["id"])

    async def update_automation(self, automation_id: UUID, automation: AutomationCore) -> None:
        """Put another automation in the place of one.

        Raises:
            ObjectNotFound: There is none with this id.
        """
        body = _dump_with_defaults(automation)
        del body["owner_resource"]  # whose it is does not change
        await self._call("PUT", "/automations/{id}", body, id=automation_id)

    async def read_automations(
        self,
        *,
        automations: event_filters.AutomationFilter | None = None,
        sort: sorting.AutomationSort | None = None,
        limit: int | None = None,
        offset: int = 0,
    ) -> list[Automation]:
        """Return the automations that satisfy a filter.

        Args:
            automations: What they must satisfy; all if None.
            sort: The order; by name if None.
            limit: How many at most; 200 if None.
            offset: How many to skip first.
        """
        body = base.drop_none(automations=automations, sort=sort, limit=limit, offset=offset)
        return _automations(await self._call("POST", "/automations/filter", body))

    async def find_automation(self, id_or_name: str | UUID) -> Automation | None:
        """Return the automation with this id, else the one of this name in any case, or None.

        Raises:
            ObjectNotFound: A UUID was passed, and no automation has it.
        """
        if isinstance(id_or_name, UUID):
            return await self.read_automation(id_or_name)
        try:
            return await self.read_automation(UUID(id_or_name))
        except (ValueError, ObjectNotFound):
            pass
        known = await self.read_automations()
        wanted = id_or_name.casefold()
        return next((one for one in known if one.name.casefold() == wanted), None)

    async def read_automation(self, automation_id: UUID | str) -> Automation | None:
        """Return the automation with this id.

        Raises:
            ObjectNotFound: There is none.
        """
        answer = await self._call("GET", "/automations/{id}", id=automation_id)
        return automations.Automation.model_validate(answer)

    async def read_automations_by_name(self, name: str) -> list[Automation]:
        """Return the automations of this name, which several may have, the one changed last first."""
        body = {"automations": {"name": {"any_": [name]}}, "sort": "UPDATED_DESC"}
        return _automations(await self._call("POST", "/automations/filter", body))

    async def pause_automation(self, automation_id: UUID) -> None:
        """Disable an automation.

        Raises:
            ObjectNotFound: There is none with this id.
        """
        await self._call("PATCH", "/automations/{id}", {"enabled": False}, id=automation_id)

    async def resume_automation(self, automation_id: UUID) -> None:
        """Enable an automation.

        Raises:
            ObjectNotFound: There is none with this id.
        """
        await self._call("PATCH", "/automations/{id}", {"enabled": True}, id=automation_id)

    async def delete_automation(self, automation_id: UUID) -> None:
        """Delete an automation.

        Raises:
            ObjectNotFound: There is none with this id.
        """
        await self._call("DELETE", "/automations/{id}", id=automation_id)

    async def read_resource_related_automations(self, resource_id: str) -> list[Automation]:
        """Return the automations that have to do with a resource, for instance `"prefect.deployment.<id>"`."""
        answer = await self._call("GET", "/automations/related-to/{resource_id}", resource_id=resource_id)
        return _automations(answer)

    async def delete_resource_owned_automations(self, resource_id: str) -> None:
        """Delete the automations that belong to a resource, for instance `"prefect.deployment.<id>"`."""
        await self._call("DELETE", "/automations/owned-by/{resource_id}", resource_id=resource_id)


class SlaAsyncClient(base.BaseAsyncClient):
    """Operations on service level agreements, which only Prefect Cloud has."""

    async def apply_slas_for_deployment(self, deployment_id: UUID, slas: list[Any]) -> responses.SlaMergeResponse:
        """Replace the service level agreements of a deployment.

        Returns:
            The names of those that were created, updated and deleted.

        Raises:
            ObjectNotFound: The API has no such thing, or no such deployment.
        """
        resource = f"prefect.deployment.{deployment_id}"
        body = [{**sla.model_dump(mode="json", exclude_unset=True), "owner_resource": resource} for sla in slas]
        answer = await self._call("POST", "/slas/apply-resource-slas/{resource_id}", body, resource_id=resource)
        return responses.SlaMergeResponse.model_validate(answer)


def _dump_with_defaults(automation: AutomationCore) -> dict[str, Any]:
    # With defaults: the type of a trigger is one, and without it the server cannot parse the trigger.
    return automation.model_dump(mode="json", include=set(automations.AutomationCore.model_fields))


def _automations(answer: Iterable[Any]) -> list[Automation]:
    return base.parse_many(automations.Automation, answer)


class AutomationClient(base.BaseClient):
    """`AutomationAsyncClient` for sync code."""

    create_automation = base.sync_method(AutomationAsyncClient.create_automation)
    delete_automation = base.sync_method(AutomationAsyncClient.delete_automation)
    delete_resource_owned_automations = base.sync_method(AutomationAsyncClient.delete_resource_owned_automations)
    find_automation = base.sync_method(AutomationAsyncClient.find_automation)
    pause_automation = base.sync_method(AutomationAsyncClient.pause_automation)
    read_automation = base.sync_method(AutomationAsyncClient.read_automation)
    read_automations = base.sync_method(AutomationAsyncClient.read_automations)
    read_automations_by_name = base.sync_method(AutomationAsyncClient.read_automations_by_name)
    read_resource_related_automations = base.sync_method(AutomationAsyncClient.read_resource_related_automations)
    resume_automation = base.sync_method(AutomationAsyncClient.resume_automation)
    update_automation = base.sync_method(AutomationAsyncClient.update_automation)


class SlaClient(base.BaseClient):
    """`SlaAsyncClient` for sync code."""

    apply_slas_for_deployment = base.sync_method(SlaAsyncClient.apply_slas_for_deployment)
