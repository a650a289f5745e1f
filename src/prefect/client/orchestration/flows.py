"""Flows, as the client reads and changes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from prefect._lazy import lazy
from prefect.client.orchestration import base
from prefect.client.orchestration.related_filters import PagedFilters, shows_filters

if TYPE_CHECKING:
    from typing import Unpack

    from prefect.schemas import runs as objects
    from prefect.schemas import sorting
else:
    objects = lazy("prefect.schemas.runs")


class FlowAsyncClient(base.BaseAsyncClient):
    """Operations on flows."""

    async def create_flow(self, flow: Any) -> UUID:
        """Make a flow known by its name, and return its id."""
        return await self.create_flow_from_name(flow.name)

    async def create_flow_from_name(self, flow_name: str) -> UUID:
        """Make a flow known by its name, and return its id; one that is known already keeps its id."""
        flow = objects.Flow.model_validate(await self._call("POST", "/flows/", {"name": flow_name}))
        return flow.id

    async def read_flow(self, flow_id: UUID) -> objects.Flow:
        """Return the flow with this id.

        Raises:
            ObjectNotFound: There is none.
        """
        return objects.Flow.model_validate(await self._call("GET", "/flows/{id}", id=flow_id))

    async def read_flow_by_name(self, flow_name: str) -> objects.Flow:
        """Return the flow of this name.

        Raises:
            ObjectNotFound: There is none.
        """
        return objects.Flow.model_validate(await self._call("GET", "/flows/name/{name}", name=flow_name))

    @shows_filters(PagedFilters)
    async def read_flows(
        self, *, sort: sorting.FlowSort | None = None, **related: Unpack[PagedFilters]
    ) -> list[objects.Flow]:
        """Return the flows that satisfy all filters.

        Args:
            sort: The order; by name if None.
            **related: What the objects must satisfy that they are related to, and the page of them: `PagedFilters`.
        """
        body = base.build_query(related, PagedFilters, sort=sort)
        return base.parse_many(objects.Flow, await self._call("POST", "/flows/filter", body))

    async def delete_flow(self, flow_id: UUID) -> None:
        """Delete a flow with its runs.

        Raises:
            ObjectNotFound: There is none with this id.
        """
        await self._call("DELETE", "/flows/{id}", id=flow_id)


class FlowClient(base.BaseClient):
    """`FlowAsyncClient` for sync code."""

    create_flow = base.sync_method(FlowAsyncClient.create_flow)
    create_flow_from_name = base.sync_method(FlowAsyncClient.create_flow_from_name)
    delete_flow = base.sync_method(FlowAsyncClient.delete_flow)
    read_flow = base.sync_method(FlowAsyncClient.read_flow)
    read_flow_by_name = base.sync_method(FlowAsyncClient.read_flow_by_name)
    read_flows = base.sync_method(FlowAsyncClient.read_flows)
