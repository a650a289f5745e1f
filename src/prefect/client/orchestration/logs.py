"""Logs of runs, as the client reads and adds them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from prefect._lazy import lazy
from prefect.client.orchestration.base import BaseAsyncClient, BaseClient, drop_none, parse_many, sync_method

if TYPE_CHECKING:
    from prefect.schemas import filters, records, sorting
    from prefect.schemas.actions import LogCreate
else:
    records = lazy("prefect.schemas.records")


class LogAsyncClient(BaseAsyncClient):
    """Operations on logs."""

    async def create_logs(self, logs: Iterable[LogCreate | dict[str, Any]]) -> None:
        """Add logs."""
        await self._call("POST", "/logs/", [log if isinstance(log, dict) else log.model_dump() for log in logs])

    async def read_logs(
        self,
        log_filter: filters.LogFilter | None = None,
        limit: int | None = None,
        offset: int | None = None,
        sort: sorting.LogSort | None = None,
    ) -> list[records.Log]:
        """Return the logs that satisfy a filter.

        Args:
            log_filter: What they must satisfy; all if None.
            limit: How many at most; 200 if None.
            offset: How many to skip first.
            sort: The order; oldest first if None.
        """
        body = drop_none(logs=log_filter, limit=limit, offset=offset, sort=sort)
        return parse_many(records.Log, await self._call("POST", "/logs/filter", body))


class LogClient(BaseClient):
    """The same for sync code."""

    create_logs = sync_method(LogAsyncClient.create_logs)
    read_logs = sync_method(LogAsyncClient.read_logs)
