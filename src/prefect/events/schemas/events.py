"""The public path of events and their resources; they live in `prefect.schemas`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect._lazy import exports

if TYPE_CHECKING:
    from prefect.schemas.events import Event as Event
    from prefect.schemas.events import ReceivedEvent as ReceivedEvent
    from prefect.schemas.events import RelatedResource as RelatedResource
    from prefect.schemas.events import Resource as Resource
    from prefect.schemas.events import ResourceSpecification as ResourceSpecification
    from prefect.schemas.events import matches as matches


_EXPORTS = {
    "prefect.schemas.events": "Event ReceivedEvent RelatedResource Resource ResourceSpecification matches",
}

__getattr__, __dir__ = exports(__name__, _EXPORTS)
