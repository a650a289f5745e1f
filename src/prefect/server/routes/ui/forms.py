"""Endpoints of the web page's forms: what a form needs, in one answer. They are not part of the interface."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from annotated_types import Ge, Le

from prefect.schemas.automations import TriggerTypes
from prefect.schemas.schedules import SCHEDULE_TYPES
from prefect.server.db.interface import Transaction
from prefect.server.routes.core.operation import Body, Routes
from prefect.server.services.pages import automations, blocks, schedules
from prefect.types import slugs

routes = Routes("Forms", "/ui/forms")

_PAGE: dict[str, Any] = {"documented": False, "etag": True}


@routes.reads("GET", "/block-types", blocks.BlockTypesPage, **_PAGE)
async def read_block_types_page(tx: Transaction) -> Any:
    """Return the catalogue of block types."""
    return await blocks.build_block_types_page(tx)


@routes.reads("GET", "/block-type/{slug}", blocks.BlockTypePage, **_PAGE)
async def read_block_type_page(tx: Transaction, slug: str) -> Any:
    """Return a block type with what a form for a block of it needs."""
    return await blocks.build_block_type_page(tx, slug)


@routes.reads("GET", "/automation/{id:uuid}", automations.AutomationPage, **_PAGE)
async def read_automation_page(tx: Transaction, id: UUID) -> Any:
    """Return an automation and its latest firings."""
    return await automations.build_automation_page(tx, id)


@routes.reads("GET", "/automation-choices", automations.AutomationChoices, **_PAGE)
async def read_automation_choices(tx: Transaction) -> Any:
    """Return what the form of an automation can choose from."""
    return await automations.read_choices(tx)


@routes.reads("POST", "/automation-test", automations.TriggerTest, documented=False)
async def test_trigger_on_past_events(
    tx: Transaction, trigger: Body[TriggerTypes], hours: Annotated[Body[int], Ge(1), Le(24 * 31)] = 24
) -> Any:
    """Return when a trigger would have fired in the last hours."""
    return await automations.test_trigger(tx, trigger, hours)


@routes.reads("POST", "/schedule-preview", schedules.SchedulePreview, documented=False)
async def preview_schedule(
    tx: Transaction, schedule: Body[SCHEDULE_TYPES], count: Annotated[Body[int], Ge(1), Le(50)] = 10
) -> Any:
    """Return the next times of a schedule."""
    return schedules.preview_schedule(schedule, count)


_PROPOSED_NAMES = 20


@routes.reads("GET", "/run-names", list[str], documented=False)
async def propose_run_names(tx: Transaction) -> Any:
    """Return random names for a run, of which the page proposes one after another."""
    return slugs.generate_pairs(_PROPOSED_NAMES)
