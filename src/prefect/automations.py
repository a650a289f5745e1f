"""Automations as users write them: what is done when a trigger fires."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Self
from uuid import UUID

from pydantic import Field

from prefect._io import class_twin, twin
from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound
from prefect.schemas.automation_actions import (
    CallWebhook as CallWebhook,
)
from prefect.schemas.automation_actions import (
    CancelFlowRun as CancelFlowRun,
)
from prefect.schemas.automation_actions import (
    ChangeFlowRunState as ChangeFlowRunState,
)
from prefect.schemas.automation_actions import (
    DeclareIncident as DeclareIncident,
)
from prefect.schemas.automation_actions import (
    DeleteFlowRun as DeleteFlowRun,
)
from prefect.schemas.automation_actions import (
    DoNothing as DoNothing,
)
from prefect.schemas.automation_actions import (
    PauseAutomation as PauseAutomation,
)
from prefect.schemas.automation_actions import (
    PauseDeployment as PauseDeployment,
)
from prefect.schemas.automation_actions import (
    PauseWorkPool as PauseWorkPool,
)
from prefect.schemas.automation_actions import (
    PauseWorkQueue as PauseWorkQueue,
)
from prefect.schemas.automation_actions import (
    ResumeAutomation as ResumeAutomation,
)
from prefect.schemas.automation_actions import (
    ResumeDeployment as ResumeDeployment,
)
from prefect.schemas.automation_actions import (
    ResumeWorkPool as ResumeWorkPool,
)
from prefect.schemas.automation_actions import (
    ResumeWorkQueue as ResumeWorkQueue,
)
from prefect.schemas.automation_actions import (
    RunDeployment as RunDeployment,
)
from prefect.schemas.automation_actions import (
    SendNotification as SendNotification,
)
from prefect.schemas.automation_actions import (
    SuspendFlowRun as SuspendFlowRun,
)
from prefect.schemas.automation_actions import (
    UnknownAction as UnknownAction,
)
from prefect.schemas.automations import (
    AutomationCore as AutomationCore,
)
from prefect.schemas.automations import (
    CompositeTrigger as CompositeTrigger,
)
from prefect.schemas.automations import (
    CompoundTrigger as CompoundTrigger,
)
from prefect.schemas.automations import (
    EventTrigger as EventTrigger,
)
from prefect.schemas.automations import (
    MetricTrigger as MetricTrigger,
)
from prefect.schemas.automations import (
    MetricTriggerOperator as MetricTriggerOperator,
)
from prefect.schemas.automations import (
    MetricTriggerQuery as MetricTriggerQuery,
)
from prefect.schemas.automations import (
    Posture as Posture,
)
from prefect.schemas.automations import (
    PrefectMetric as PrefectMetric,
)
from prefect.schemas.automations import (
    ResourceTrigger as ResourceTrigger,
)
from prefect.schemas.automations import (
    SequenceTrigger as SequenceTrigger,
)
from prefect.schemas.automations import (
    Trigger as Trigger,
)
from prefect.schemas.events import (
    ResourceSpecification as ResourceSpecification,
)

__all__ = [
    "Automation",
    "AutomationCore",
    "CallWebhook",
    "CancelFlowRun",
    "ChangeFlowRunState",
    "CompositeTrigger",
    "CompoundTrigger",
    "DeclareIncident",
    "DeleteFlowRun",
    "DoNothing",
    "EventTrigger",
    "MetricTrigger",
    "MetricTriggerOperator",
    "MetricTriggerQuery",
    "PauseAutomation",
    "PauseDeployment",
    "PauseWorkPool",
    "PauseWorkQueue",
    "Posture",
    "PrefectMetric",
    "ResourceSpecification",
    "ResourceTrigger",
    "ResumeAutomation",
    "ResumeDeployment",
    "ResumeWorkPool",
    "ResumeWorkQueue",
    "RunDeployment",
    "SendNotification",
    "SequenceTrigger",
    "SuspendFlowRun",
    "Trigger",
    "UnknownAction",
]


class Automation(AutomationCore):
    """An automation. It exists for the API once it was created.

    Attributes:
        id: Its id, once it was created or read.
    """

    id: UUID | None = Field(default=None)

    async def acreate(self) -> Self:
        """Create the automation and set its id."""
        self.id = await get_client().create_automation(self)
        return self

    @classmethod
    async def aread(cls, id: UUID | None = None, name: str | None = None) -> Self:
        """Return the automation with this id, or of this name.

        Args:
            id: Its id.
            name: Its name; of several the one that was changed last.

        Raises:
            ValueError: There is none, or not exactly one of `id` and `name` was passed.
        """
        if (id is None) == (name is None):
            raise ValueError("Pass either the id or the name of an automation.")
        client = get_client()
        if name is not None:
            found: Any = next(iter(await client.read_automations_by_name(name)), None)
        else:
            try:
                found = await client.read_automation(id)  # pyright: ignore[reportArgumentType]  # one of them is not None
            except ObjectNotFound:
                found = None
        if found is None:
            raise ValueError(f"There is no automation {name or id!s}.")
        return cls.model_validate(found.model_dump())

    async def aupdate(self) -> None:
        """Update the stored automation.

        Raises:
            ObjectNotFound: It is there no more.
            ValueError: It was not created yet.
        """
        await get_client().update_automation(self._created(), self)

    async def adelete(self) -> bool:
        """Delete the automation; return False if it did not exist.

        Raises:
            ValueError: It was not created yet.
        """
        return await self._is_found_by(get_client().delete_automation)

    async def adisable(self) -> bool:
        """Disable the automation; return False if it does not exist.

        Raises:
            ValueError: It was not created yet.
        """
        if found := await self._is_found_by(get_client().pause_automation):
            self.enabled = False
        return found

    async def aenable(self) -> bool:
        """Enable the automation; return False if it does not exist.

        Raises:
            ValueError: It was not created yet.
        """
        if found := await self._is_found_by(get_client().resume_automation):
            self.enabled = True
        return found

    create = twin(acreate)
    read = class_twin(aread)
    update = twin(aupdate)
    delete = twin(adelete)
    disable = twin(adisable)
    enable = twin(aenable)

    async def _is_found_by(self, operation: Callable[[UUID], Awaitable[object]]) -> bool:
        try:
            await operation(self._created())
        except ObjectNotFound:
            return False
        return True

    def _created(self) -> UUID:
        if self.id is None:
            raise ValueError(f"The automation {self.name!r} was not created yet: call create() first.")
        return self.id
