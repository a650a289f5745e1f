"""Public import path of the filters of events and automations, which are defined in `prefect.schemas`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect._lazy import exports

if TYPE_CHECKING:
    from prefect.schemas.event_filters import AutomationFilter as AutomationFilter
    from prefect.schemas.event_filters import AutomationFilterCreated as AutomationFilterCreated
    from prefect.schemas.event_filters import AutomationFilterId as AutomationFilterId
    from prefect.schemas.event_filters import AutomationFilterName as AutomationFilterName
    from prefect.schemas.event_filters import AutomationFilterTags as AutomationFilterTags
    from prefect.schemas.event_filters import EventAnyResourceFilter as EventAnyResourceFilter
    from prefect.schemas.event_filters import EventDataFilter as EventDataFilter
    from prefect.schemas.event_filters import EventFilter as EventFilter
    from prefect.schemas.event_filters import EventIDFilter as EventIDFilter
    from prefect.schemas.event_filters import EventNameFilter as EventNameFilter
    from prefect.schemas.event_filters import EventOccurredFilter as EventOccurredFilter
    from prefect.schemas.event_filters import EventOrder as EventOrder
    from prefect.schemas.event_filters import EventRelatedFilter as EventRelatedFilter
    from prefect.schemas.event_filters import EventResourceFilter as EventResourceFilter
    from prefect.schemas.event_filters import EventTextFilter as EventTextFilter


_EXPORTS = {
    "prefect.schemas.event_filters": (
        "AutomationFilter AutomationFilterCreated AutomationFilterId AutomationFilterName AutomationFilterTags "
        "EventAnyResourceFilter EventDataFilter EventFilter EventIDFilter EventNameFilter EventOccurredFilter "
        "EventOrder EventRelatedFilter EventResourceFilter EventTextFilter"
    ),
}

__getattr__, __dir__ = exports(__name__, _EXPORTS)
