"""Automations."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from prefect.schemas.sorting import AutomationSort
from prefect.schemas.wire import (
    Automation,
    AutomationCreate,
    AutomationFilter,
    AutomationPartialUpdate,
    AutomationUpdate,
)
from prefect.server.db.interface import Transaction
from prefect.server.routes.core.operation import Body, In, Routes, Rows, StatusResponse
from prefect.server.services.automations import automations as service

routes = Routes("Automations")


@routes.writes("POST", "/automations/", Automation, 201)
async def create_automation(tx: Transaction, automation: AutomationCreate) -> Any:
    """Create an automation."""
    return await service.add(tx, automation.model_dump(mode="json"))


@routes.writes("PUT", "/automations/{id:uuid}")
async def update_automation(tx: Transaction, automation: AutomationUpdate, id: UUID) -> None:
    """Replace an automation; fields that are left out get their defaults."""
    await service.change(tx, id, automation.model_dump(mode="json"))


@routes.writes("PATCH", "/automations/{id:uuid}")
async def patch_automation(tx: Transaction, automation: AutomationPartialUpdate, id: UUID) -> None:
    """Enable or disable an automation."""
    await service.change(tx, id, automation.model_dump(exclude_unset=True))


routes.deletes_by_key("/automations/{id:uuid}", "delete_automation", service.remove, "Delete an automation.")


@routes.reads("POST", "/automations/filter", list[Automation])
async def read_automations(
    tx: Transaction,
    rows: Rows,
    sort: Body[AutomationSort] = AutomationSort.NAME_ASC,
    automations: Body[AutomationFilter | None] = None,
) -> Any:
    """Return the automations that match a filter."""
    return await service.find(tx, sort, *rows, automations)


@routes.reads("POST", "/automations/count", int)
async def count_automations(tx: Transaction, automations: Body[AutomationFilter | None] = None) -> Any:
    """Count the automations that match a filter."""
    return await service.count(tx, automations)


routes.reads_by_key("/automations/{id:uuid}", Automation, "read_automation", service.get, "Return an automation.")


@routes.reads("GET", "/automations/related-to/{resource_id:str}", list[Automation])
async def read_automations_related_to_resource(tx: Transaction, resource_id: str) -> Any:
    """Return the automations that a resource owns or that act on it."""
    return await service.find_related(tx, resource_id)


@routes.writes("DELETE", "/automations/owned-by/{resource_id:str}", Any, 202)
async def delete_automations_owned_by_resource(tx: Transaction, resource_id: str) -> None:
    """Delete the automations that a resource owns."""
    await service.remove_owned(tx, resource_id)


Template = Annotated[str, In("whole")]


@routes.reads("POST", "/automations/templates/validate", None, status=204)
@routes.reads("POST", "/templates/validate", None, status=204)
async def validate_template(tx: Transaction, template: Template = "") -> Any:
    """Validate a template for an action; status 422 and its error when it is not valid."""
    error = service.find_template_error(template)
    return StatusResponse(422, error) if error else None
